"""Writes the kinds of PNG that Pillow reads but does not write: 16-bit colour, interlaced, few-bit grey."""

import struct
import zlib

import numpy

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# Adam7: first column, first row, step across, step down.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def encode(
    samples: numpy.ndarray,
    depth: int,
    colour: int,
    interlaced: bool = False,
    palette: bytes | None = None,
    transparency: bytes | None = None,
) -> bytes:
    """`samples` [H, W, channels] in 0..2^depth-1."""
    height, width, channels = samples.shape
    assert channels == CHANNELS[colour]
    if interlaced:
        parts = [samples[top::down, left::across] for left, top, across, down in PASSES]
    else:
        parts = [samples]
    raw = b"".join(b"\x00" + pack(row, depth) for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"tRNS", transparency), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks if data is not None)


def pack(row: numpy.ndarray, depth: int) -> bytes:
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    if depth == 8:
        return flat.astype(numpy.uint8).tobytes()
    bits = (flat[:, None] >> numpy.arange(depth - 1, -1, -1)) & 1
    return numpy.packbits(bits.astype(numpy.uint8).reshape(-1)).tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
