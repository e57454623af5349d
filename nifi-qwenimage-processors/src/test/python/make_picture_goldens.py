"""Makes pictures/decoding.zip: picture files of every kind, and how Pillow reads them for transformers.

Each entry is a file; expected.json gives its width and height and a digest of its RGB samples, as
transformers.image_utils.load_image answers them, or null where Pillow refuses.
"""

import argparse
import hashlib
import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy
from PIL import Image, PngImagePlugin
from transformers.image_utils import load_image

RESOURCES = Path(__file__).resolve().parent.parent / "resources"

PNG_KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16),
             (6, 8), (6, 16)]
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "pictures" / "decoding.zip")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    chance = random.Random(5)
    files = {}
    for maker in (png, png_oddities, jpeg, jpeg_layouts, jpeg_separate_scans, jpeg_colours, jpeg_oddities, orientation, webp, gif, bmp, tiff):
        files.update(maker(chance))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(arguments.output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            put(archive, name, content)
        expected = ",\n".join(f'"{name}": {json.dumps(answer(content))}' for name, content in files.items())
        put(archive, "expected.json", ("{\n" + expected + "\n}\n").encode())


def put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def answer(content: bytes) -> list | None:
    try:
        picture = load_image(Image.open(io.BytesIO(content)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return [picture.width, picture.height, hashlib.sha256(picture.tobytes()).hexdigest()[:16]]


def photo(chance: random.Random, width: int, height: int, channels: int = 3) -> numpy.ndarray:
    """Soft colours with some edges and noise, as photographs have."""
    generator = numpy.random.default_rng(chance.randrange(1 << 30))
    coarse = generator.integers(0, 256, (height // 6 + 2, width // 6 + 2, channels)).astype(numpy.uint8)
    planes = [Image.fromarray(coarse[:, :, i]).resize((width, height), Image.Resampling.BICUBIC) for i in range(channels)]
    picture = numpy.stack([numpy.asarray(plane) for plane in planes], 2).astype(int)
    picture[height // 3:, width // 2:] = 255 - picture[height // 3:, width // 2:]
    picture += generator.integers(-12, 13, picture.shape)
    return picture.clip(0, 255).astype(numpy.uint8)


def size(chance: random.Random, largest: int = 48) -> tuple[int, int]:
    return round(largest ** chance.random()), round(largest ** chance.random())


# ---------------------------------------------------------------- PNG

def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_file(width, height, colour, depth, rows, interlaced=0, extra=b"", tail=b"", pieces=1) -> bytes:
    packed = zlib.compress(rows)
    step = -(-len(packed) // pieces)
    data = b"".join(chunk(b"IDAT", packed[i:i + step]) for i in range(0, len(packed), step))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
            + extra + data + tail + chunk(b"IEND", b""))


def png_rows(chance: random.Random, width: int, height: int, colour: int, depth: int, interlaced: bool) -> bytes:
    """Random filters over random bytes are as good a picture as any."""
    rows = bytearray()
    for x, y, across, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns = -(-(width - x) // across)
        if columns <= 0:
            continue
        for _ in range(y, height, down):
            rows.append(chance.randrange(5))
            rows += chance.randbytes((columns * PNG_CHANNELS[colour] * depth + 7) // 8)
    return bytes(rows)


def png(chance: random.Random) -> dict:
    files = {}
    for colour, depth in PNG_KINDS:
        for interlaced in (0, 1):
            for trial in range(3):
                width, height = size(chance, 40)
                extra = b""
                if colour == 3:
                    extra += chunk(b"PLTE", chance.randbytes(3 * (1 << depth if trial < 2 else chance.randint(1, 1 << depth))))
                if trial == 1 and colour in (0, 2, 3):
                    extra += chunk(b"tRNS", {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\0\x80"}[colour])
                rows = png_rows(chance, width, height, colour, depth, bool(interlaced))
                files[f"png-{colour}-{depth}-{interlaced}-{trial}.png"] = png_file(
                    width, height, colour, depth, rows, interlaced, extra, pieces=1 + trial)
    return files


def png_oddities(chance: random.Random) -> dict:
    rows = png_rows(chance, 9, 7, 2, 8, False)
    plain = png_file(9, 7, 2, 8, rows)
    still = chunk(b"acTL", struct.pack(">II", 2, 0))
    frame = struct.pack(">IIIIIHHBB", 0, 9, 7, 0, 0, 1, 10, 0, 0)
    second = struct.pack(">IIIIIHHBB", 1, 4, 3, 2, 2, 1, 10, 0, 0)
    moving = chunk(b"fcTL", second) + chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(png_rows(chance, 4, 3, 2, 8, False)))
    profile = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"iCCP", b"x\0\0" + zlib.compress(b"nonsense"))
    return {
        "png-gamma-profile.png": png_file(9, 7, 2, 8, rows, extra=profile),
        "png-animated.png": png_file(9, 7, 2, 8, rows, extra=still + chunk(b"fcTL", frame), tail=moving),
        "png-without-end.png": plain[:-12],
        "png-wrong-checksum-of-data.png": plain[:-16] + b"????" + plain[-12:],
        "png-without-palette.png": png_file(9, 7, 3, 8, png_rows(chance, 9, 7, 3, 8, False)),
        "png-damaged-header.png": plain[:30] + b"?" + plain[31:],
        "png-cut.png": plain[:-40],
        "png-rows-missing.png": png_file(9, 9, 2, 8, rows),
        "png-rows-too-many.png": png_file(9, 5, 2, 8, rows),
        "png-filter-5.png": png_file(9, 7, 2, 8, b"\5" + rows[1:]),
        "png-no-pixels.png": plain[:33] + plain[-12:],
        "png-zero-width.png": png_file(0, 7, 2, 8, b""),
        "png-bomb.png": png_file(20000, 20000, 0, 1, b"\0" * 1000),
        "png-1x1.png": png_file(1, 1, 2, 8, b"\0\1\2\3"),
    }


# ---------------------------------------------------------------- JPEG

def saved(picture: Image.Image, kind: str, **settings) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **settings)
    return out.getvalue()


def jpeg(chance: random.Random) -> dict:
    files = {}
    for number in range(90):
        width, height = size(chance, 70)
        settings = {
            "quality": chance.choice([5, 30, 60, 75, 85, 95, 100]),
            "subsampling": number % 3,
            "progressive": number // 3 % 2 == 1,
            "optimize": chance.random() < 0.5,
            "restart_marker_blocks": chance.choice([0, 0, 1, 3]),
        }
        files[f"jpeg-{number}.jpg"] = saved(Image.fromarray(photo(chance, width, height)), "JPEG", **settings)
    for number in range(10):
        grey = Image.fromarray(photo(chance, *size(chance), channels=1)[:, :, 0])
        files[f"jpeg-grey-{number}.jpg"] = saved(grey, "JPEG", quality=80, progressive=number % 2 == 1)
    noise = Image.fromarray(numpy.random.default_rng(3).integers(0, 2, (40, 52, 3)).astype(numpy.uint8) * 255)
    for quality in (1, 50, 100):
        files[f"jpeg-noise-{quality}.jpg"] = saved(noise, "JPEG", quality=quality)
    return files


def jpeg_layouts(chance: random.Random) -> dict:
    """Other samplings than Pillow writes: frames are relabelled so that units keep their number of blocks."""
    files = {}
    for number in range(8):
        progressive = number % 2 == 1
        across, down = chance.randint(1, 4), chance.randint(1, 4)
        # 4:2:2 units of 16 x 8 become 4:4:0 units of 8 x 16
        wide = saved(Image.fromarray(photo(chance, 16 * across, 8 * down)), "JPEG", quality=90, subsampling=1,
                     progressive=progressive)
        if not progressive:
            files[f"jpeg-440-{number}.jpg"] = relabelled(wide, 8 * across - chance.randrange(8),
                                                         16 * down - chance.randrange(16), 0x12)
        # 4:2:0 units of 16 x 16 become 4:1:1 units of 32 x 8, or units of 8 x 32
        square = saved(Image.fromarray(photo(chance, 16 * across, 16 * down)), "JPEG", quality=90, subsampling=2)
        files[f"jpeg-411-{number}.jpg"] = relabelled(square, 32 * across - chance.randrange(32),
                                                     8 * down - chance.randrange(8), 0x41)
        files[f"jpeg-tall-{number}.jpg"] = relabelled(square, 8 * across - chance.randrange(8),
                                                      32 * down - chance.randrange(32), 0x14)
    files["jpeg-fraction.jpg"] = relabelled(
        saved(Image.fromarray(photo(chance, 48, 8)), "JPEG", quality=90, subsampling=1), 24, 16, 0x21, 0x31)
    return files


def jpeg_separate_scans(chance: random.Random) -> dict:
    """Sequential files with a scan for each component: the scans of grey files, which share their Huffman tables."""
    files = {}
    for number, (across, down) in enumerate(((1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (2, 2))):
        width, height = size(chance, 60)
        restart = number % 2 * 2
        luma = saved(Image.fromarray(photo(chance, width, height, 1)[:, :, 0]), "JPEG", restart_marker_blocks=restart)
        small = -(-width // across), -(-height // down)
        chroma = [saved(Image.fromarray(photo(chance, *small, 1)[:, :, 0]), "JPEG", restart_marker_blocks=restart)
                  for _ in range(2)]
        frame, scan = luma.find(b"\xff\xc0"), luma.find(b"\xff\xda")
        parts = b"".join(bytes([1 + i, 0x11 if i else across << 4 | down, 0]) for i in range(3))
        content = luma[:frame] + b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + parts \
            + luma[frame + 13:scan]
        for i, grey in enumerate([luma, *chroma]):
            data = grey[grey.find(b"\xff\xda"):-2]
            content += data[:5] + bytes([1 + i]) + data[6:]
        files[f"jpeg-separate-{number}.jpg"] = content + b"\xff\xd9"
    return files


def relabelled(content: bytes, width: int, height: int, luma: int, blue: int = 0x11) -> bytes:
    at = next(content.find(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in content)
    changed = bytearray(content)
    changed[at + 5:at + 9] = struct.pack(">HH", height, width)
    changed[at + 11] = luma
    changed[at + 14] = blue
    return bytes(changed)


def jpeg_colours(chance: random.Random) -> dict:
    files = {}
    for number in range(3):
        inks = Image.fromarray(photo(chance, *size(chance), channels=4), "CMYK")
        written = saved(inks, "JPEG", quality=90, progressive=number == 1)
        files[f"jpeg-cmyk-{number}.jpg"] = written
        adobe = written.find(b"Adobe")
        files[f"jpeg-ycck-{number}.jpg"] = written[:adobe + 11] + b"\2" + written[adobe + 12:]
        files[f"jpeg-inks-without-adobe-{number}.jpg"] = written[:adobe - 4] + written[adobe + 12:]
        colours = Image.fromarray(photo(chance, *size(chance)))
        kept = saved(colours, "JPEG", quality=90, keep_rgb=True)
        files[f"jpeg-rgb-{number}.jpg"] = kept
        usual = saved(colours, "JPEG", quality=90, subsampling=0)
        bare = usual[:2] + usual[20:]
        files[f"jpeg-bare-{number}.jpg"] = bare
        files[f"jpeg-lettered-{number}.jpg"] = lettered(bare, b"RGB")
        files[f"jpeg-other-letters-{number}.jpg"] = lettered(bare, b"abc")
        for transform in (0, 1, 2):
            segment = b"\xff\xee\0\x0eAdobe\0d\0\0\0\0" + bytes([transform])
            files[f"jpeg-adobe-{transform}-{number}.jpg"] = bare[:2] + segment + bare[2:]
            files[f"jpeg-jfif-adobe-{transform}-{number}.jpg"] = usual[:20] + segment + usual[20:]
    return files


def lettered(content: bytes, names: bytes) -> bytes:
    changed = bytearray(content)
    frame = content.find(b"\xff\xc0")
    scan = content.find(b"\xff\xda")
    for i, name in enumerate(names):
        changed[frame + 10 + 3 * i] = name
        changed[scan + 5 + 2 * i] = name
    return bytes(changed)


def jpeg_oddities(chance: random.Random) -> dict:
    plain = saved(Image.fromarray(photo(chance, 40, 30)), "JPEG", quality=90)
    progressive = saved(Image.fromarray(photo(chance, 40, 30)), "JPEG", quality=90, progressive=True)
    frame = plain.find(b"\xff\xc0")
    bomb = bytearray(plain)
    bomb[frame + 5:frame + 9] = struct.pack(">HH", 20000, 20000)
    deep = bytearray(plain)
    deep[frame + 4] = 12
    profile = b"\xff\xe2" + struct.pack(">H", 40) + b"ICC_PROFILE\0\1\1" + bytes(24)
    return {
        # a sequential scan's band means nothing; frames of Motion JPEG come without the usual tables
        "jpeg-scan-band.jpg": plain[:-2].replace(b"\x03\x11\x00\x3f\x00", b"\x03\x11\x05\x3f\x00") + b"\xff\xd9",
        "jpeg-usual-tables.jpg": without_huffman_tables(plain),
        "jpeg-table-3.jpg": plain.replace(b"\x02\x11\x03\x11\x00\x3f\x00", b"\x02\x11\x03\x33\x00\x3f\x00"),
        "jpeg-scan-band-table-3.jpg": plain.replace(b"\x02\x11\x03\x11\x00\x3f\x00", b"\x02\x11\x03\x33\x05\x3f\x00"),
        "jpeg-profile.jpg": plain[:20] + profile + plain[20:],
        "jpeg-fill-bytes.jpg": plain[:20] + b"\xff\xff\xff" + plain[20:],
        "jpeg-trailing-bytes.jpg": plain + b"something else",
        "jpeg-cut.jpg": plain[:len(plain) * 2 // 3],
        "jpeg-progressive-cut.jpg": progressive[:len(progressive) * 2 // 3],
        "jpeg-without-end.jpg": plain[:-2],
        "jpeg-cut-and-ended.jpg": plain[:len(plain) * 2 // 3] + b"\xff\xd9",
        "jpeg-bomb.jpg": bytes(bomb),
        "jpeg-12-bits.jpg": bytes(deep),
        "jpeg-tables-alone.jpg": plain[:frame] + b"\xff\xd9",
    }


def without_huffman_tables(content: bytes) -> bytes:
    at = content.find(b"\xff\xc4")
    while at >= 0:
        content = content[:at] + content[at + 2 + int.from_bytes(content[at + 2:at + 4], "big"):]
        at = content.find(b"\xff\xc4")
    return content


# ---------------------------------------------------------------- orientation

def orientation(chance: random.Random) -> dict:
    files = {}
    picture = Image.fromarray(photo(chance, 11, 6))
    for value in range(0, 10):
        exif = Image.Exif()
        exif[0x0112] = value
        files[f"orientation-jpeg-{value}.jpg"] = saved(picture, "JPEG", quality=95, exif=exif)
        files[f"orientation-png-{value}.png"] = saved(picture, "PNG", exif=exif)
        files[f"orientation-webp-{value}.webp"] = saved(picture, "WEBP", lossless=True, exif=exif)
    big = b"Exif\0\0MM\0*\0\0\0\x08\0\2" + struct.pack(">HHIHH", 0x010F, 2, 4, 0x4100, 0) \
        + struct.pack(">HHII", 0x0112, 4, 1, 6) + bytes(4)
    files["orientation-long.jpg"] = saved(picture, "JPEG", exif=big)
    files["orientation-cut-block.jpg"] = saved(picture, "JPEG", exif=big[:26])
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    element = b"<x:xmpmeta><tiff:Orientation>5</tiff:Orientation></x:xmpmeta>"
    files["orientation-xmp.jpg"] = saved(picture, "JPEG", xmp=xmp)
    files["orientation-xmp.webp"] = saved(picture, "WEBP", lossless=True, xmp=element)
    upright = Image.Exif()
    upright[0x0112] = 1
    files["orientation-exif-before-xmp.jpg"] = saved(picture, "JPEG", xmp=xmp, exif=upright)
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
    files["orientation-xmp.png"] = saved(picture, "PNG", pnginfo=notes)
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", element.decode(), zip=True)
    files["orientation-packed-xmp.png"] = saved(picture, "PNG", pnginfo=notes)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Raw profile type exif", f"\nexif\n{len(big):8}\n{big.hex()}\n", zip=True)
    files["orientation-raw-profile.png"] = saved(picture, "PNG", pnginfo=notes)
    late = saved(picture, "PNG")
    files["orientation-late.png"] = late[:-12] + chunk(b"eXIf", big[6:]) + late[-12:]
    return files


# ---------------------------------------------------------------- WebP, GIF, BMP

def webp(chance: random.Random) -> dict:
    files = {}
    for number in range(12):
        width, height = size(chance, 60)
        mode = "RGBA" if number % 2 else "RGB"
        picture = Image.fromarray(photo(chance, width, height, len(mode)), mode)
        files[f"webp-lossy-{number}.webp"] = saved(picture, "WEBP", quality=chance.choice([10, 80, 100]))
        files[f"webp-lossless-{number}.webp"] = saved(picture, "WEBP", lossless=True, exact=number % 4 == 1)
    frames = [Image.fromarray(photo(chance, 30, 20, 4), "RGBA") for _ in range(3)]
    for number, settings in enumerate(({}, {"lossless": True}, {"background": (9, 8, 7, 255), "minimize_size": True})):
        files[f"webp-animated-{number}.webp"] = saved(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50, **settings)
    moved = bytearray(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    canvas = moved.find(b"VP8X") + 12
    moved[canvas:canvas + 6] = struct.pack("<I", 39)[:3] + struct.pack("<I", 29)[:3]
    frame = moved.find(b"ANMF") + 8
    moved[frame:frame + 6] = struct.pack("<I", 2)[:3] + struct.pack("<I", 3)[:3]
    files["webp-frame-on-canvas.webp"] = bytes(moved)
    plain = files["webp-lossy-0.webp"]
    files["webp-cut.webp"] = plain[:len(plain) // 2]
    files["webp-header-alone.webp"] = plain[:30]
    return files


def gif(chance: random.Random) -> dict:
    files = {}
    for number in range(16):
        width, height = size(chance, 60)
        colours = chance.choice([2, 3, 16, 100, 256])
        picture = Image.fromarray(photo(chance, width, height)).quantize(colours)
        settings = {"transparency": chance.randrange(colours)} if number % 3 == 1 else {}
        files[f"gif-{number}.gif"] = saved(picture, "GIF", interlace=number % 2, **settings)
        screen = bytearray(files[f"gif-{number}.gif"])
        screen[6:10] = struct.pack("<HH", width + chance.randrange(9), height + chance.randrange(9))
        files[f"gif-screen-{number}.gif"] = bytes(screen)
    files["gif-grey.gif"] = saved(Image.fromarray(photo(chance, 33, 22, 1)[:, :, 0]), "GIF")
    steps = Image.fromarray(numpy.arange(256, dtype=numpy.uint8).repeat(3).reshape(16, 48))
    files["gif-grey-steps.gif"] = saved(steps, "GIF")
    frames = [Image.fromarray(photo(chance, 20, 14)) for _ in range(3)]
    files["gif-animated.gif"] = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"hello")
    large = saved(Image.fromarray(photo(chance, 150, 120)).quantize(256), "GIF")
    files["gif-full-table.gif"] = large
    files["gif-cut.gif"] = large[:len(large) // 2]
    files["gif-header-alone.gif"] = large[:13]
    return files


def bmp(chance: random.Random) -> dict:
    files = {}
    for number in range(3):
        width, height = size(chance)
        picture = Image.fromarray(photo(chance, width, height))
        files[f"bmp-1-{number}.bmp"] = saved(picture.convert("1"), "BMP")
        files[f"bmp-8-grey-{number}.bmp"] = saved(picture.convert("L"), "BMP")
        files[f"bmp-8-{number}.bmp"] = saved(picture.quantize(chance.choice([7, 200, 256])), "BMP")
        files[f"bmp-24-{number}.bmp"] = saved(picture, "BMP")
        files[f"bmp-32-{number}.bmp"] = saved(Image.fromarray(photo(chance, width, height, 4), "RGBA"), "BMP")
        palette = chance.randbytes(64)
        files[f"bmp-4-{number}.bmp"] = bmp_file(width, height, 4, 0, bmp_rows(chance, width, height, 4), palette)
        files[f"bmp-16-{number}.bmp"] = bmp_file(width, height, 16, 0, bmp_rows(chance, width, height, 16))
        for name, bits, masks in (("565", 16, (0xF800, 0x7E0, 0x1F)), ("555", 16, (0x7C00, 0x3E0, 0x1F)),
                                  ("xbgr", 32, (0xFF000000, 0xFF0000, 0xFF00))):
            files[f"bmp-{name}-{number}.bmp"] = bmp_file(
                width, height, bits, 3, bmp_rows(chance, width, height, bits), struct.pack("<III", *masks))
        files[f"bmp-top-down-{number}.bmp"] = bmp_file(width, -height, 24, 0, bmp_rows(chance, width, height, 24))
        runs = b"".join(bytes([width, chance.randrange(256), 0, 0]) for _ in range(height)) + b"\0\1"
        files[f"bmp-runs-8-{number}.bmp"] = bmp_file(width, height, 8, 1, runs, chance.randbytes(1024))
        files[f"bmp-runs-4-{number}.bmp"] = bmp_file(width, height, 4, 2, runs, palette)
    core = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 9, 5, 1, 24)
    files["bmp-core.bmp"] = core + bmp_rows(chance, 9, 5, 24)
    literal = b"".join(b"\0\5" + chance.randbytes(5) + b"\0\4" + bytes([chance.randrange(256)]) + b"\0\0" for _ in range(6))
    files["bmp-runs-literal.bmp"] = bmp_file(9, 6, 8, 1, literal + b"\0\1", chance.randbytes(1024))
    files["bmp-cut.bmp"] = files["bmp-24-0.bmp"][:-9]
    files["bmp-bomb.bmp"] = bmp_file(20000, 20000, 24, 0, b"\0" * 99)
    return files


def bmp_rows(chance: random.Random, width: int, height: int, bits: int) -> bytes:
    return chance.randbytes((width * bits + 31) // 32 * 4 * height)


def bmp_file(width: int, height: int, bits: int, compression: int, pixels: bytes, tables: bytes = b"") -> bytes:
    offset = 54 + len(tables)
    return (struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
            + tables + pixels)


# ---------------------------------------------------------------- TIFF

def tiff(chance: random.Random) -> dict:
    files = {}
    pictures = {
        "1": lambda w, h: Image.fromarray(photo(chance, w, h)).convert("1"),
        "L": lambda w, h: Image.fromarray(photo(chance, w, h, 1)[:, :, 0]),
        "LA": lambda w, h: Image.fromarray(photo(chance, w, h, 2), "LA"),
        "P": lambda w, h: Image.fromarray(photo(chance, w, h)).quantize(100),
        "RGB": lambda w, h: Image.fromarray(photo(chance, w, h)),
        "RGBA": lambda w, h: Image.fromarray(photo(chance, w, h, 4), "RGBA"),
        "CMYK": lambda w, h: Image.fromarray(photo(chance, w, h, 4), "CMYK"),
        "I16": lambda w, h: Image.fromarray(photo(chance, w, h, 1)[:, :, 0].astype(numpy.uint16) * 3),
        "F": lambda w, h: Image.fromarray(photo(chance, w, h, 1)[:, :, 0].astype(numpy.float32) * 1.3 - 20.5),
    }
    for name, make in pictures.items():
        for form in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            tags = {278: chance.randint(1, 20)}
            if form in ("tiff_lzw", "tiff_adobe_deflate") and name not in ("1", "F") and chance.random() < 0.6:
                tags[317] = 2
            files[f"tiff-{name}-{form}.tif"] = saved(make(*size(chance, 60)), "TIFF", compression=form, tiffinfo=tags)
    files["tiff-large-lzw.tif"] = saved(pictures["RGB"](120, 90), "TIFF", compression="tiff_lzw", tiffinfo={278: 90})
    for number, order in enumerate("<><>"):
        width, height = size(chance, 40)
        for name, meaning, depths, extra in (
                ("inverted-1", 0, [1], {}), ("inverted-8", 0, [8], {}), ("grey-2", 1, [2], {}), ("grey-4", 1, [4], {}),
                ("grey-16", 1, [16], {}), ("rgb-16", 2, [16] * 3, {}), ("rgba-16", 2, [16] * 4, {338: [2]}),
                ("rgbx", 2, [8] * 4, {338: [0]}), ("premultiplied", 2, [8] * 4, {338: [1]}), ("float", 1, [32], {339: [3]}),
                ("palette-4", 3, [4], {320: [chance.randrange(65536) for _ in range(48)]}), ("inks", 5, [8] * 4, {})):
            row = (width * sum(depths) + 7) // 8
            pixels = chance.randbytes(row * height) if name != "float" else numpy.linspace(
                -50, 400, width * height, dtype=order + "f4").tobytes()
            files[f"tiff-{name}-{number}.tif"] = tiff_file(
                order, width, height, meaning, depths, extra | {278: [height], 279: [len(pixels)]}, pixels)
        planes = chance.randbytes(width * height * 3)
        files[f"tiff-planes-{number}.tif"] = tiff_file(
            order, width, height, 2, [8] * 3, {278: [height], 279: [width * height] * 3, 284: [2]}, planes,
            [width * height * i for i in range(3)])
        across, down = -(-width // 16), -(-height // 32)
        files[f"tiff-tiles-{number}.tif"] = tiff_file(
            order, width, height, 2, [8] * 3, {322: [16], 323: [32], 325: [16 * 32 * 3] * (across * down)},
            chance.randbytes(16 * 32 * 3 * across * down), [16 * 32 * 3 * i for i in range(across * down)])
    plain = files["tiff-RGB-raw.tif"]
    files["tiff-cut.tif"] = plain[:8]
    files["tiff-fax.tif"] = saved(pictures["1"](40, 30), "TIFF", compression="group4")
    return files


def tiff_file(order, width, height, meaning, depths, extra, pixels, starts=(0,)) -> bytes:
    tags = {256: [width], 257: [height], 258: depths, 259: [1], 262: [meaning], 277: [len(depths)]} | extra
    place = 324 if 322 in tags else 273
    tags[place] = starts
    directory = 8 + 2 + 12 * len(tags) + 4
    tail = sum(4 * len(values) for values in tags.values() if len(values) > 1)
    tags[place] = [directory + tail + start for start in starts]
    entries, values_at, values_bytes = b"", directory, b""
    for tag in sorted(tags):
        values = tags[tag]
        wide = tag in (273, 279, 324, 325)
        packed = struct.pack(f"{order}{len(values)}{'I' if wide else 'H'}", *values)
        entries += struct.pack(order + "HHI", tag, 4 if wide else 3, len(values))
        if len(packed) > 4:
            entries += struct.pack(order + "I", values_at + len(values_bytes))
            values_bytes += packed
        else:
            entries += packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    content = head + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values_bytes
    return content.ljust(directory + tail, b"\0") + pixels


if __name__ == "__main__":
    main()
