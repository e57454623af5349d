"""Makes src/main/resources/io/qwenimage/demo: a complete QwenImagePipeline folder with random weights.

It stands in for a trained demo model: everything runs, the pictures are coloured noise. files.txt lists every other
file with its SHA-256, because a folder inside a jar cannot be listed.
"""

import argparse
import hashlib
import shutil
from pathlib import Path

import torch
from diffusers import QwenImagePipeline

import tiny_models
import tiny_tokenizer

MAIN_RESOURCES = Path(__file__).resolve().parents[2] / "main" / "resources"
LIMIT = 1_200_000

DEMO = tiny_models.Variant(
    name="demo",
    seed=9000,
    merges=240,
    text=dict(
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        mrope_section=[2, 2, 4],
    ),
    vision=dict(depth=2, hidden_size=16, intermediate_size=24, num_heads=2, fullatt_block_indexes=[1]),
    transformer=dict(
        num_layers=2, attention_head_dim=16, num_attention_heads=3, joint_attention_dim=48, axes_dims_rope=(4, 6, 6)
    ),
    vae=dict(base_dim=4),
    scheduler=tiny_models.QWEN_IMAGE_SCHEDULER,
    tokenizer_form="both",
)

CARD = {
    "display_name": "Demo (random weights)",
    "trained": False,
    "recommended": {
        "width": 128,
        "height": 128,
        "num_inference_steps": 8,
        "true_cfg_scale": 1.0,
        "negative_prompt": None,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=MAIN_RESOURCES / "io" / "qwenimage")
    parser.add_argument("--sample", type=Path, help="also write a picture made with it to this file")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    shutil.rmtree(arguments.output / DEMO.name, ignore_errors=True)
    folder = tiny_models.write(DEMO, arguments.output)
    tiny_tokenizer.write_json(folder / "qwenimage.json", CARD)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
    ]
    (folder / "files.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in files)
    assert size < LIMIT, size
    check(folder, arguments.sample)


def check(folder: Path, sample: Path | None) -> None:
    """The folder is what diffusers takes it for, and its pictures are neither flat nor clipped."""
    pipeline = QwenImagePipeline.from_pretrained(folder, torch_dtype=torch.float32)
    prefix = pipeline.tokenizer(tiny_tokenizer.TEMPLATE_PREFIX).input_ids
    assert len(prefix) == tiny_tokenizer.PREFIX_TOKENS
    picture = pipeline(
        "A red kite over Lisbon",
        width=CARD["recommended"]["width"],
        height=CARD["recommended"]["height"],
        num_inference_steps=CARD["recommended"]["num_inference_steps"],
        true_cfg_scale=CARD["recommended"]["true_cfg_scale"],
        generator=torch.Generator("cpu").manual_seed(0),
    ).images[0]
    low, high = zip(*picture.getextrema())
    assert max(low) < 64 and min(high) > 192, picture.getextrema()
    if sample is not None:
        picture.save(sample)


if __name__ == "__main__":
    main()
