"""Small pictures, drawn anew from their names, so that a case folder can hold its own copy."""

import re
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

NAME = re.compile(r"(?P<subject>[a-z]+)(-orientation(?P<orientation>\d))?-(?P<width>\d+)x(?P<height>\d+)\.(?P<suffix>png|jpg)")


def write(path: Path) -> Path:
    """Draws the picture that the file's name asks for: subject, width x height as stored."""
    match = NAME.fullmatch(path.name)
    width, height = int(match["width"]), int(match["height"])
    if match["suffix"] == "jpg":
        write_blocky_jpeg(path, width, height, int(match["orientation"] or 1))
    else:
        draw(match["subject"], width, height).save(path, optimize=True)
    return path


def draw(subject: str, width: int, height: int) -> Image.Image:
    """A coloured slope with a few hard-edged shapes and a stripe of noise: no symmetry, all spatial frequencies."""
    generator = numpy.random.default_rng(sum(map(ord, subject)) + 1000 * width + height)
    y, x = numpy.mgrid[0:height, 0:width]
    corners = generator.integers(0, 256, (4, 3)).astype(float)
    u, v = (x / max(width - 1, 1))[..., None], (y / max(height - 1, 1))[..., None]
    slope = (1 - u) * (1 - v) * corners[0] + u * (1 - v) * corners[1] + (1 - u) * v * corners[2] + u * v * corners[3]
    picture = Image.fromarray(slope.round().astype(numpy.uint8))
    pen = ImageDraw.Draw(picture)
    for index in range(5):
        left, top = int(generator.integers(0, width)), int(generator.integers(0, height))
        right = left + int(generator.integers(1, max(2, width // 3)))
        bottom = top + int(generator.integers(1, max(2, height // 3)))
        shape = pen.ellipse if index % 2 else pen.rectangle
        shape((left, top, right, bottom), fill=tuple(generator.integers(0, 256, 3).tolist()))
    pixels = numpy.array(picture)
    rows = slice(height // 2, height // 2 + max(1, height // 8))
    pixels[rows] = generator.integers(0, 256, pixels[rows].shape)
    return Image.fromarray(pixels)


def write_blocky_jpeg(path: Path, width: int, height: int, orientation: int) -> None:
    """Grey, one value per block of 8x8: every decoder reads the same bytes from it."""
    generator = numpy.random.default_rng(width + height)
    blocks = generator.integers(0, 32, (-(-height // 8), -(-width // 8))) * 8
    pixels = numpy.kron(blocks, numpy.ones((8, 8), int))[:height, :width].astype(numpy.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, quality=100, exif=exif)
