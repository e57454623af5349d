"""Makes src/test/resources/goldens-vision/preprocessing: `python make_preprocessing_goldens.py`.

Files of many sizes and modes with the RGB that transformers' load_image reads from them; sizes by smart_resize and by
the edit pipelines' rule; Pillow's resizing on 8 bits; pixel values of both image processors. See goldens-vision/README.md.
"""

import argparse
import io
import json
import random
import shutil
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy
import torch
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import calculate_dimensions
from PIL import Image
from safetensors.numpy import save_file
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

import png_writer
import tiny_tokenizer
from make_vision_goldens import versions

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
GENERATOR = numpy.random.default_rng(20250805)
# Decoders of lossy formats may differ by this many levels.
EXACT, LOSSY = 0, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens-vision" / "preprocessing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    tensors: dict[str, numpy.ndarray] = {}
    files = list(pictures())
    listed = [describe(index, *entry, tensors, arguments.output) for index, entry in enumerate(files)]
    refused = [refusal(name, data, arguments.output) for name, data in broken()]
    write_zip(arguments.output / "files.zip", [(e["file"], f[2]) for e, f in zip(listed, files)] + broken())
    tensors |= smart_sizes() | edit_sizes() | resizings()
    values, differences = pixel_values()
    save_file(tensors | values, arguments.output / "expected.safetensors")
    lines = [json.dumps(entry, ensure_ascii=False) for entry in listed]
    refusals = [json.dumps(entry, ensure_ascii=False) for entry in refused]
    (arguments.output / "expected.json").write_text(
        '{"made_with": ' + json.dumps(versions()) + ',\n"torchvision": ' + json.dumps(differences)
        + ',\n"files": [\n' + ",\n".join(lines) + '\n],\n"refused": [\n' + ",\n".join(refusals) + "\n]}\n",
        encoding="utf-8",
    )
    print(len(listed), "files,", len(refused), "refused,", sum(t.nbytes for t in tensors.values()), "bytes expected")


def pictures():
    """(kind, suffix, bytes, tolerance) of every file."""
    for kind, suffix, tolerance, make in KINDS:
        for _ in range(5 if tolerance == EXACT else 4):
            width, height = (int(GENERATOR.integers(5, 30)) for _ in range(2))
            if GENERATOR.random() < 0.05:
                width, height = height + 60, min(width, 16)
            yield kind, suffix, make(width, height), tolerance
    for orientation in range(1, 9):
        for suffix, tolerance, options in (("png", EXACT, {}), ("jpg", LOSSY, JPEG), ("webp", EXACT, LOSSLESS), ("tif", EXACT, {})):
            yield f"orientation {orientation}", suffix, oriented(13, 7, orientation, suffix, options), tolerance
    for width, height in ((1, 1), (1, 9), (120, 1), (2, 120)):
        yield "thin", "png", saved(colours(width, height), "png"), EXACT
        yield "thin", "jpg", saved(colours(width, height), "jpeg", **JPEG), LOSSY


def smooth(width: int, height: int, channels: int, top: int = 256) -> numpy.ndarray:
    """A few soft waves: what lossy decoders agree on."""
    y, x = numpy.mgrid[0:height, 0:width]
    waves = []
    for _ in range(channels):
        fx, fy, phase = GENERATOR.uniform(0.02, 0.16), GENERATOR.uniform(0.02, 0.16), GENERATOR.uniform(0, 6)
        waves.append(0.5 + 0.45 * numpy.sin(fx * x + phase) * numpy.cos(fy * y + 2 * phase))
    return (numpy.stack(waves, -1) * (top - 1)).round().astype(numpy.int64)


def noisy(width: int, height: int, channels: int, top: int = 256) -> numpy.ndarray:
    """Waves with noise on a third of the rows, so that files stay small and every value occurs."""
    values = smooth(width, height, channels, top)
    rows = GENERATOR.random(height) < 0.34
    values[rows] = GENERATOR.integers(0, top, values[rows].shape)
    return values


def colours(width: int, height: int) -> Image.Image:
    return Image.fromarray(noisy(width, height, 3).astype(numpy.uint8))


def soft(width: int, height: int) -> Image.Image:
    return Image.fromarray(smooth(width, height, 3).astype(numpy.uint8))


def grey(width: int, height: int) -> Image.Image:
    return Image.fromarray(noisy(width, height, 1)[..., 0].astype(numpy.uint8))


def with_alpha(width: int, height: int, channels: int = 4, values=noisy) -> Image.Image:
    pixels = values(width, height, channels).astype(numpy.uint8)
    pixels[: height // 3, :, -1] = 255
    pixels[: height // 4, : width // 2, -1] = 0
    return Image.fromarray(pixels, {2: "LA", 4: "RGBA"}[channels])


def paletted(width: int, height: int, entries: int = 256) -> Image.Image:
    return colours(width, height).quantize(entries)


def saved(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def saved_with(make, form: str, **options):
    return lambda width, height: saved(make(width, height), form, **options)


def raw_png(depth: int, colour: int, interlaced: bool = False, key: bool = False, entries: int = 0):
    """PNGs that Pillow does not write; `key` makes one colour transparent."""

    def make(width: int, height: int) -> bytes:
        samples = noisy(width, height, png_writer.CHANNELS[colour], 2**depth)
        palette = GENERATOR.integers(0, 256, 3 * entries, dtype=numpy.uint8).tobytes() if entries else None
        transparency = None
        if key:
            chosen = samples[height // 2, width // 2]
            alpha = GENERATOR.integers(0, 256, max(1, entries // 2), dtype=numpy.uint8).tobytes()
            transparency = alpha if entries else struct.pack(f">{len(chosen)}H", *chosen)
        return png_writer.encode(samples, depth, colour, interlaced, palette, transparency)

    return make


def cmyk(width: int, height: int) -> bytes:
    return saved(Image.fromarray(smooth(width, height, 4).astype(numpy.uint8), "CMYK"), "jpeg", **JPEG)


def animated(form: str, make, **options):
    """Three frames; only the first counts."""

    def save(width: int, height: int) -> bytes:
        first, *others = (make(width, height) for _ in range(3))
        return saved(first, form, save_all=True, append_images=others, duration=100, loop=0, **options)

    return save


def transparent_palette(form: str):
    def make(width: int, height: int) -> bytes:
        return saved(paletted(width, height, 60), form, transparency=int(GENERATOR.integers(0, 20)))

    return make


def half_transparent_palette(width: int, height: int) -> bytes:
    alpha = bytes(GENERATOR.integers(0, 256, 40, dtype=numpy.uint8))
    return saved(paletted(width, height, 60), "png", transparency=alpha)


def sixteen_bit(form: str):
    def make(width: int, height: int) -> bytes:
        return saved(Image.fromarray(noisy(width, height, 1, 65536)[..., 0].astype(numpy.uint16)), form)

    return make


def float_tiff(width: int, height: int) -> bytes:
    return saved(Image.fromarray((noisy(width, height, 1)[..., 0] * 1.37 - 40).astype(numpy.float32)), "tiff")


def with_profile(width: int, height: int) -> bytes:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved(colours(width, height), "png", icc_profile=profile)


def oriented(width: int, height: int, orientation: int, suffix: str, options: dict) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    form = {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
    return saved(soft(width, height), form, exif=exif, **options)


JPEG = dict(quality=97, subsampling=0)
LOSSLESS = dict(lossless=True, exact=True)
KINDS = [
    ("RGB", "png", EXACT, saved_with(colours, "png")),
    ("L", "png", EXACT, saved_with(grey, "png")),
    ("LA", "png", EXACT, saved_with(lambda w, h: with_alpha(w, h, 2), "png")),
    ("RGBA", "png", EXACT, saved_with(with_alpha, "png")),
    ("P", "png", EXACT, saved_with(paletted, "png")),
    ("P of 13 colours", "png", EXACT, saved_with(lambda w, h: paletted(w, h, 13), "png")),
    ("P with a transparent colour", "png", EXACT, transparent_palette("png")),
    ("P with alpha", "png", EXACT, half_transparent_palette),
    ("1", "png", EXACT, saved_with(lambda w, h: grey(w, h).convert("1"), "png")),
    ("I;16", "png", EXACT, sixteen_bit("png")),
    ("RGB 16 bits", "png", EXACT, raw_png(16, png_writer.RGB)),
    ("RGBA 16 bits", "png", EXACT, raw_png(16, png_writer.RGBA)),
    ("LA 16 bits", "png", EXACT, raw_png(16, png_writer.GREY_ALPHA)),
    ("L 2 bits", "png", EXACT, raw_png(2, png_writer.GREY)),
    ("L 4 bits", "png", EXACT, raw_png(4, png_writer.GREY)),
    ("L with a transparent level", "png", EXACT, raw_png(8, png_writer.GREY, key=True)),
    ("RGB with a transparent colour", "png", EXACT, raw_png(8, png_writer.RGB, key=True)),
    ("P 1 bit", "png", EXACT, raw_png(1, png_writer.PALETTE, entries=2)),
    ("P 2 bits with alpha", "png", EXACT, raw_png(2, png_writer.PALETTE, key=True, entries=4)),
    ("RGB interlaced", "png", EXACT, raw_png(8, png_writer.RGB, interlaced=True)),
    ("RGBA 16 bits interlaced", "png", EXACT, raw_png(16, png_writer.RGBA, interlaced=True)),
    ("L 1 bit interlaced", "png", EXACT, raw_png(1, png_writer.GREY, interlaced=True)),
    ("RGB with a colour profile", "png", EXACT, with_profile),
    ("animated RGBA", "png", EXACT, animated("png", with_alpha)),
    ("RGB 4:4:4", "jpg", LOSSY, saved_with(soft, "jpeg", **JPEG)),
    ("RGB 4:2:2", "jpg", LOSSY, saved_with(soft, "jpeg", quality=95, subsampling=1)),
    ("RGB 4:2:0", "jpg", LOSSY, saved_with(soft, "jpeg", quality=95, subsampling=2)),
    ("RGB progressive", "jpg", LOSSY, saved_with(soft, "jpeg", progressive=True, **JPEG)),
    ("RGB stored as RGB", "jpg", LOSSY, saved_with(soft, "jpeg", quality=97, keep_rgb=True)),
    ("L", "jpg", LOSSY, saved_with(lambda w, h: soft(w, h).convert("L"), "jpeg", quality=97)),
    ("CMYK", "jpg", LOSSY, cmyk),
    ("RGB", "webp", EXACT, saved_with(colours, "webp", **LOSSLESS)),
    ("RGBA", "webp", EXACT, saved_with(with_alpha, "webp", **LOSSLESS)),
    ("RGB lossy", "webp", LOSSY, saved_with(soft, "webp", quality=95)),
    ("RGBA lossy", "webp", LOSSY, saved_with(lambda w, h: with_alpha(w, h, values=smooth), "webp", quality=95)),
    ("animated RGB", "webp", EXACT, animated("webp", colours, **LOSSLESS)),
    ("animated RGBA", "webp", EXACT, animated("webp", with_alpha, **LOSSLESS)),
    ("P", "gif", EXACT, saved_with(paletted, "gif")),
    ("L", "gif", EXACT, saved_with(grey, "gif")),
    ("P interlaced", "gif", EXACT, saved_with(lambda w, h: paletted(w, h, 7), "gif", interlace=1)),
    ("P with a transparent colour", "gif", EXACT, transparent_palette("gif")),
    ("animated P", "gif", EXACT, animated("gif", paletted)),
    ("animated P, disposed", "gif", EXACT, animated("gif", paletted, disposal=2, transparency=3)),
    ("RGB", "bmp", EXACT, saved_with(colours, "bmp")),
    ("P", "bmp", EXACT, saved_with(paletted, "bmp")),
    ("1", "bmp", EXACT, saved_with(lambda w, h: grey(w, h).convert("1"), "bmp")),
    ("RGB", "tif", EXACT, saved_with(colours, "tiff")),
    ("RGBA LZW", "tif", EXACT, saved_with(with_alpha, "tiff", compression="tiff_lzw")),
    ("CMYK", "tif", EXACT, saved_with(lambda w, h: Image.fromarray(noisy(w, h, 4).astype(numpy.uint8), "CMYK"), "tiff")),
    ("I;16", "tif", EXACT, sixteen_bit("tiff")),
    ("F", "tif", EXACT, float_tiff),
    ("pages", "tif", EXACT, lambda w, h: saved(colours(w, h), "tiff", save_all=True, append_images=[colours(9, 9)])),
]


def describe(index: int, kind: str, suffix: str, data: bytes, tolerance: int, tensors: dict, folder: Path) -> dict:
    """What Pillow says of the file, and what load_image makes of it."""
    name = f"{index:03d}.{suffix}"
    image = Image.open(io.BytesIO(data))
    pixels = numpy.asarray(load(folder, name, data))
    tensors[f"{index:03d}.rgb"] = pixels
    white = numpy.asarray(convert_to_rgb(Image.open(io.BytesIO(data)), return_numpy=True))
    if white.shape == pixels.shape and not numpy.array_equal(white, pixels):
        tensors[f"{index:03d}.rgb_on_white"] = white
    return {
        "file": name,
        "kind": kind,
        "mode": image.mode,
        "stored": list(image.size),
        "size": [pixels.shape[1], pixels.shape[0]],
        "tolerance": tolerance,
    }


def load(folder: Path, name: str, data: bytes) -> Image.Image:
    """By way of a file, as load_image wants it."""
    path = folder / name
    path.write_bytes(data)
    try:
        return load_image(str(path))
    finally:
        path.unlink()


def broken() -> list[tuple[str, bytes]]:
    """Files that must be refused, and what is wrong with each."""
    local = numpy.random.default_rng(9)
    image = Image.fromarray(local.integers(0, 256, (40, 50, 3), dtype=numpy.uint8))
    whole = {form: saved(image, form) for form in ("png", "jpeg", "webp", "gif", "bmp", "tiff")}
    found = [(f"truncated.{form}", data[: len(data) * 2 // 3]) for form, data in whole.items()]
    found += [("header-alone.png", whole["png"][:33]), ("header-alone.jpeg", whole["jpeg"][:200])]
    found += [("empty.png", b""), ("text.png", b"This is no picture.\n"), ("zeros.jpeg", bytes(500))]
    damaged = bytearray(whole["png"])
    damaged[len(damaged) // 2] ^= 0xFF
    found.append(("damaged.png", bytes(damaged)))
    for side in (20000, 65000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        found.append((f"bomb-{side}.png", b"\x89PNG\r\n\x1a\n" + b"".join(png_writer.chunk(*part) for part in chunks)))
    found.append(("wide-603x3.png", saved(Image.new("RGB", (603, 3), (9, 8, 7)), "png")))
    return found


def refusal(name: str, data: bytes, folder: Path) -> dict:
    """What the reference says: Pillow of the file, or smart_resize of the shape."""
    try:
        image = load(folder, name, data)
        Qwen2VLImageProcessorPil()(images=image, return_tensors="np")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        message = str(error).replace(str(folder), "").split("If you increase")[0]
        return {"file": name, "error": type(error).__name__, "message": message[:160]}
    return {"file": name, "error": None, "message": f"read as {image.size[0]}x{image.size[1]}"}


def write_zip(path: Path, entries: list[tuple[str, bytes]]) -> None:
    """Always the same bytes: no times, no order but the given one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)


def smart_sizes() -> dict[str, numpy.ndarray]:
    """Rows of height, width, factor, least, most pixels, and the answer; -1, -1 where the shape is refused."""
    chance = random.Random(31)
    limits = [(28, 3136, 12845056), (28, 3136, 28 * 28 * 1280), (32, 65536, 16777216), (28, 200704, 1003520), (28, 4704, 7840)]
    rows = []
    for _ in range(1500):
        factor, least, most = chance.choice(limits)
        height, width = (int(2 ** chance.uniform(0, 13.5)) for _ in range(2))
        rows.append((height, width, factor, least, most))
    for _ in range(300):
        # Exactly half-way between two multiples.
        factor, least, most = chance.choice(limits)
        rows.append((factor // 2 * chance.randrange(1, 120), factor // 2 * chance.randrange(1, 120), factor, least, most))
    rows += [(h, w, 28, 3136, 12845056) for h, w in ((1, 200), (1, 201), (10, 2000), (10, 2001), (20000, 100), (20001, 100))]
    answers = []
    for row in rows:
        try:
            answers.append((*row, *smart_resize(*row)))
        except ValueError:
            answers.append((*row, -1, -1))
    return {"smart_resize": numpy.array(answers, numpy.int32)}


def edit_sizes() -> dict[str, numpy.ndarray]:
    """Rows of area, width, height of a picture, and the width and height that the edit pipelines give it."""
    chance = random.Random(32)
    rows = []
    for area in (1024 * 1024, 384 * 384):
        for _ in range(300):
            width, height = (int(2 ** chance.uniform(3, 13)) for _ in range(2))
            if 0.02 < width / height < 50:
                rows.append((area, width, height, *calculate_dimensions(area, width / height)))
    return {"calculate_dimensions": numpy.array(rows, numpy.int32)}


def resizings() -> dict[str, numpy.ndarray]:
    """resize.<i>.source and what Pillow's bicubic and Lanczos and torchvision's bicubic make of it, all on 8 bits."""
    chance = random.Random(33)
    pairs = [((1, 1), (5, 3)), ((7, 5), (7, 5)), ((40, 3), (4, 30)), ((2, 2), (28, 28)), ((28, 28), (2, 2)), ((60, 60), (1, 1))]
    pairs += [((100, 4), (28, 28)), ((31, 17), (31, 34)), ((31, 17), (62, 17)), ((56, 28), (28, 56))]
    pairs += [tuple((chance.randrange(2, 40), chance.randrange(2, 40)) for _ in range(2)) for _ in range(50)]
    tensors = {}
    for index, ((height, width), (to_height, to_width)) in enumerate(pairs):
        source = noisy(width, height, 3).astype(numpy.uint8)
        image = Image.fromarray(source)
        tensors[f"resize.{index}.source"] = source
        for name, filter_ in (("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)):
            tensors[f"resize.{index}.{name}"] = numpy.asarray(image.resize((to_width, to_height), filter_))
        if index % 3 == 0:
            tensor = torch.from_numpy(source.copy()).permute(2, 0, 1)
            result = transforms.resize(tensor, [to_height, to_width], InterpolationMode.BICUBIC, antialias=True)
            tensors[f"resize.{index}.torchvision"] = result.permute(1, 2, 0).contiguous().numpy()
    return tensors


def pixel_values() -> tuple[dict[str, numpy.ndarray], list[dict]]:
    """Both image processors on the same pictures, and how far they are apart."""
    tensors, differences = {}, []
    for index, (width, height, settings) in enumerate(
        [
            (61, 93, dict(min_pixels=3136, max_pixels=12845056)),
            (230, 23, dict(min_pixels=3136, max_pixels=12845056)),
            (5, 9, dict(min_pixels=3136, max_pixels=12845056)),
            (141, 97, dict(min_pixels=3136, max_pixels=28 * 28 * 8)),
            (90, 70, dict(size=dict(shortest_edge=4096, longest_edge=65536), patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3)),
        ]
    ):
        source = noisy(width, height, 3).astype(numpy.uint8)
        pil = Qwen2VLImageProcessorPil(**settings)(images=Image.fromarray(source), return_tensors="np")
        fast = Qwen2VLImageProcessor(**settings)(images=Image.fromarray(source), return_tensors="pt")
        apart = numpy.abs(pil["pixel_values"] - fast["pixel_values"].numpy())
        tensors[f"pixels.{index}.source"] = source
        tensors[f"pixels.{index}.grid"] = pil["image_grid_thw"][0].astype(numpy.int32)
        tensors[f"pixels.{index}.pillow.every.11"] = pil["pixel_values"][::11].copy()
        differences.append(
            {
                "case": index,
                "settings": settings,
                "largest": round(float(apart.max()), 6),
                "share": round(float((apart > 1e-4).mean()), 6),
            }
        )
    return tensors, differences


if __name__ == "__main__":
    main()
