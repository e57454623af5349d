"""Makes goldens/noise.safetensors and noise.json: torch.randn in FP32 from torch's CPU generator.

`sequence.<i>.draw.<k>` is the k-th tensor drawn from the i-th generator; the json names seeds and sizes.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from make_goldens import versions
from tiny_tokenizer import write_json

RESOURCES = Path(__file__).resolve().parent.parent / "resources"

SEEDS = [0, 1, 42, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 42, 2**63 - 1, -1, -42, -(2**63)]
# Below 16 values torch takes another way; above, a remainder of 16 redraws the last 16.
SIZES = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1021, 1024]
# 16 channels of latents for 80x48, 112x64 and 96x64 pixels.
LATENTS = [16 * 6 * 10, 16 * 8 * 14, 16 * 8 * 12]
# More than one refill of the generator's 624 words, and the cached half of a pair between draws.
SEQUENCES = [[1, 1, 1], [3, 20, 3], [17, 5, 17], [1, 16, 1], [15, 15], [960, 960], [624, 1, 624], [7, 1, 1024, 2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens")
    arguments = parser.parse_args()
    requests = [(seed, [size]) for seed in (0, 42, -1) for size in SIZES + LATENTS]
    requests += [(seed, [size]) for seed in SEEDS for size in (3, 16, 100)]
    requests += [(seed, sizes) for seed in (7, 2**32 + 42) for sizes in SEQUENCES]
    tensors, entries = {}, []
    for index, (seed, sizes) in enumerate(requests):
        generator = torch.Generator("cpu").manual_seed(seed)
        entries.append({"seed": str(seed), "sizes": sizes})
        for draw, size in enumerate(sizes):
            tensors[f"sequence.{index}.draw.{draw}"] = torch.randn(size, generator=generator, dtype=torch.float32)
    save_file(tensors, arguments.output / "noise.safetensors")
    write_json(arguments.output / "noise.json", {"sequences": entries, "made_with": versions()})


if __name__ == "__main__":
    main()
