"""Makes pictures/resizing.json: how Pillow, transformers and diffusers resize and prepare pictures.

Source pictures are drawn by a formula that the tests know too; of each result only its size and a digest is kept.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

import numpy
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit import calculate_dimensions
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

RESOURCES = Path(__file__).resolve().parent.parent / "resources"

FILTERS = {
    "BILINEAR": Image.Resampling.BILINEAR,
    "BICUBIC": Image.Resampling.BICUBIC,
    "LANCZOS": Image.Resampling.LANCZOS,
}
KINDS = ["noise", "extremes", "waves"]
# image processors of published folders: CLIP's normalisation and patches of 14, or 0.5 and patches of 16
PROCESSORS = {
    "qwen2": {"min_pixels": 3136, "max_pixels": 40 * 784},
    "qwen3": {
        "size": {"shortest_edge": 4096, "longest_edge": 40 * 1024},
        "patch_size": 16,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    },
    "single": {"min_pixels": 100, "max_pixels": 9000, "patch_size": 10, "merge_size": 1, "temporal_patch_size": 1},
    "triple": {"min_pixels": 100, "max_pixels": 9000, "patch_size": 6, "merge_size": 3, "temporal_patch_size": 3,
               "resample": 1},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "pictures" / "resizing.json")
    arguments = parser.parse_args()
    chance = random.Random(20)
    sections = {
        "resize": [resized(chance) for _ in range(300)],
        "smart_resize": [smart(chance) for _ in range(400)],
        "processors": [PROCESSORS],
        "patches": [patches(chance, name) for name in PROCESSORS for _ in range(20)],
        "vae": [vae(chance) for _ in range(40)],
        "mask": [mask(chance) for _ in range(40)],
        "area": [area(chance) for _ in range(100)],
    }
    text = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(entry) for entry in entries) + "\n]"
        for name, entries in sections.items()
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("{\n" + text + "\n}\n")


def picture(kind: str, width: int, height: int, seed: int) -> Image.Image:
    """Noise of all values, noise of black and white alone, or overlapping waves; a function of place and seed."""
    index = numpy.arange(width * height * 3, dtype=numpy.uint64)
    if kind == "waves":
        pixel, channel = index // 3, index % 3
        values = (pixel % width * 7 + pixel // width * 3 + channel * 50 + seed) // 2 & 0xFF
    else:
        values = (index * 2654435761 + seed * 40503) & 0xFFFFFFFF
        values ^= values >> 15
        values = values * 2246822519 & 0xFFFFFFFF
        values ^= values >> 13
        values = values >> 7 & 0xFF
        if kind == "extremes":
            values = (values & 1) * 255
    return Image.fromarray(values.astype(numpy.uint8).reshape(height, width, 3))


def draw(chance: random.Random, smallest: int, largest: int) -> dict:
    return {
        "kind": chance.choice(KINDS),
        "width": length(chance, smallest, largest),
        "height": length(chance, smallest, largest),
        "seed": chance.randrange(10000),
    }


def length(chance: random.Random, smallest: int, largest: int) -> int:
    """Small lengths are as likely as large ones."""
    return round(smallest * (largest / smallest) ** chance.random())


def resized(chance: random.Random) -> dict:
    case = draw(chance, 1, 300)
    name = chance.choice(list(FILTERS))
    width = case["width"] if chance.random() < 0.1 else length(chance, 1, 300)
    height = case["height"] if chance.random() < 0.1 else length(chance, 1, 300)
    result = picture(**case).resize((width, height), FILTERS[name])
    return case | {"filter": name, "to": [width, height], "digest": digest(numpy.asarray(result))}


def smart(chance: random.Random) -> list:
    factor = chance.choice([28, 32, 12, 14])
    minimum = chance.choice([3136, 65536, 4 * factor * factor, 1])
    maximum = minimum + chance.choice([0, 1000, 100000, 1003520, 12845056, 16777216])
    width = length(chance, 1, 20000)
    height = max(1, min(20000, round(width * 300 ** chance.uniform(-1, 1)))) if chance.random() < 0.7 \
        else width // factor * factor + factor // 2
    height = max(1, height)
    try:
        high, wide = smart_resize(height, width, factor, minimum, maximum)
    except ValueError:
        high, wide = 0, 0
    return [width, height, factor, minimum, maximum, wide, high]


def patches(chance: random.Random, name: str) -> dict:
    case = draw(chance, 4, 400)
    result = Qwen2VLImageProcessorPil(**PROCESSORS[name])(picture(**case), return_tensors="np")
    values = result["pixel_values"]
    assert values.dtype == numpy.float32
    return case | {"processor": name, "grid": result["image_grid_thw"][0].tolist(), "shape": list(values.shape),
                   "digest": digest(values)}


def vae(chance: random.Random) -> dict:
    case = draw(chance, 16, 200)
    width, height = length(chance, 16, 200), length(chance, 16, 200)
    result = VaeImageProcessor(vae_scale_factor=16).preprocess(picture(**case), height, width).numpy()
    return case | {"for": [width, height], "to": [result.shape[3], result.shape[2]], "digest": digest(result)}


def mask(chance: random.Random) -> dict:
    case = draw(chance, 16, 200)
    width, height = length(chance, 16, 200), length(chance, 16, 200)
    processor = VaeImageProcessor(
        vae_scale_factor=16, do_normalize=False, do_binarize=True, do_convert_grayscale=True)
    result = processor.preprocess(picture(**case), height, width).numpy()
    return case | {"to": [result.shape[3], result.shape[2]], "digest": digest(result)}


def area(chance: random.Random) -> list:
    width, height = length(chance, 30, 5000), length(chance, 30, 5000)
    pixels = chance.choice([1024 * 1024, 384 * 384, 64 * 64])
    wide, high = calculate_dimensions(pixels, width / height)[:2]
    return [width, height, pixels, wide, high]


def digest(values: numpy.ndarray) -> str:
    return hashlib.sha256(numpy.ascontiguousarray(values).tobytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
