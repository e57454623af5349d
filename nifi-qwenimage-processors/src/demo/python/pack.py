"""Packs what has been trained as a QwenImagePipeline folder in the published layout, in BF16.

`evaluate.py` writes the figures of the model card; run it on the folder that this wrote, then pack again with
`--figures`.
"""

import argparse
import hashlib
import json
import shutil
import time
from pathlib import Path

import torch
from diffusers import QwenImagePipeline
from transformers import Qwen2VLImageProcessor

import flat_denoiser
import flat_language
import flat_vae
import train_denoiser
import train_language
import train_vae
import training

tiny_models, tiny_tokenizer = flat_language.tiny("tiny_models"), flat_language.tiny("tiny_tokenizer")

RESOURCES = Path(__file__).resolve().parents[2] / "main" / "resources" / "io" / "qwenimage" / "demo"
LIMIT = 16_000_000
# Every picture becomes one of about 140x140 pixels, of which the model knows how they look.
PREPROCESSOR = {"min_pixels": 19_000, "max_pixels": 20_000}
CARD = {
    "display_name": "Demo (simple shapes, 128x128)",
    "trained": True,
    "recommended": {
        "width": 128,
        "height": 128,
        "num_inference_steps": train_denoiser.STEPS,
        "true_cfg_scale": train_denoiser.SCALE,
        "negative_prompt": train_denoiser.EMPTY,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES)
    parser.add_argument("--figures", type=Path, help="figures.json of evaluate.py")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    folder = arguments.output
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(training.TOKENIZER, folder / "tokenizer")
    pack_text_encoder(folder / "text_encoder")
    pack_transformer(folder / "transformer")
    pack_vae(folder / "vae")
    tiny_models.write_scheduler_and_index(flat_language.variant(), folder)
    tiny_tokenizer.write_json(folder / "qwenimage.json", CARD)
    Qwen2VLImageProcessor(**PREPROCESSOR).save_pretrained(folder / "processor")
    if arguments.figures is not None:
        (folder / "README.md").write_text(readme(json.loads(arguments.figures.read_text())), encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [f"{digest(path)}  {path.relative_to(folder).as_posix()}" for path in files]
    (folder / "files.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size <= LIMIT, size
    pipeline = QwenImagePipeline.from_pretrained(folder, torch_dtype=torch.float32)
    assert len(pipeline.tokenizer(tiny_tokenizer.TEMPLATE_PREFIX).input_ids) == tiny_tokenizer.PREFIX_TOKENS
    print(folder, f"{size / 1e6:.2f} MB")


def pack_text_encoder(folder: Path) -> None:
    real = flat_language.export(train_language.load())
    rename = lambda name: name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
    state = {rename(name): value for name, value in real.state_dict().items() if name != "lm_head.weight"}  # tied
    write(folder, flat_language.config(), "config.json", state, "model")


def pack_transformer(folder: Path) -> None:
    config = {"_class_name": "QwenImageTransformer2DModel", "_diffusers_version": "0.34.0.dev0", "guidance_embeds": False}
    config |= flat_denoiser.CONFIG | {"axes_dims_rope": list(flat_denoiser.CONFIG["axes_dims_rope"])}
    state = flat_denoiser.export(train_denoiser.load()).state_dict()
    write(folder, config, "config.json", state, "diffusion_pytorch_model")


def pack_vae(folder: Path) -> None:
    mean, std = ([round(value, 4) for value in part.flatten().tolist()] for part in train_vae.statistics())
    real = flat_vae.export(train_vae.load(), mean, std)
    config = {"_class_name": "AutoencoderKLQwenImage", "_diffusers_version": "0.34.0.dev0"} | flat_vae.CONFIG
    config |= {"latents_mean": real.config.latents_mean, "latents_std": real.config.latents_std}
    write(folder, config, "config.json", real.state_dict(), "diffusion_pytorch_model")


def write(folder: Path, config: dict, file: str, state: dict[str, torch.Tensor], stem: str) -> None:
    folder.mkdir(parents=True)
    tiny_tokenizer.write_json(folder / file, dict(sorted(config.items())))
    state = {name: value.bfloat16() for name, value in state.items()}
    tiny_models.write_weights(state, folder, stem, 1)


def readme(figures: dict) -> str:
    """The model card."""
    steps = training.load(train_denoiser.STATE)["step"]
    row = lambda name, part: f"| {name} | " + " | ".join(f"{part[key]:.0f} %" for key in figures["names"]) + " |"
    table = [
        "| prompts | " + " | ".join(figures["names"]) + " |",
        "|---" * (1 + len(figures["names"])) + "|",
        row(f"one thing ({figures['one']['n']})", figures["one"]),
        row(f"two things ({figures['two']['n']})", figures["two"]),
    ]
    return CARD_TEXT.format(
        date=time.strftime("%Y-%m-%d"),
        table="\n".join(table),
        sampling=f"{figures['steps']} steps, true CFG scale {figures['scale']}, empty negative prompt",
        samples=f"{steps * 96 // 1000} thousand",
        steps=steps,
    )


CARD_TEXT = """---
license: apache-2.0
pipeline_tag: text-to-image
---
# The demo model

A very small QwenImagePipeline, packed so that everything can be tried without a download. Its parts are of exactly the
classes of Qwen-Image (AutoencoderKLQwenImage, Qwen2_5_VLForConditionalGeneration, QwenImageTransformer2DModel,
FlowMatchEulerDiscreteScheduler, Qwen2Tokenizer) and diffusers loads and runs the folder as it is.

It knows one world: pictures of 128x128 pixels with one or two of four shapes (circle, square, triangle, star) in eight
colours (red, green, blue, yellow, orange, purple, black, white) and three sizes, in nine places or to the left, to the
right, above, below each other, on a plain or graded ground (white, black, grey, pale blue, green, pink, yellow). English
sentences, and short Chinese ones. Whatever else is asked for is drawn as something of this world.

## Measured

By a classical checker (`src/demo/python/checker.py`: colours, contours, positions; it refuses blobs, specks and extra
things), diffusers on the CPU, {sampling}, prompts from a seed not used in training, share of pictures in which
everything asked for is right ("places" of two things is their relation, "all" is count, colours, shapes and places):

{table}

## Made

On {date}, from random weights, on a share of one CPU core, by the scripts in `src/demo/python` and on pictures and
sentences which these scripts draw and write; nothing else was learned from. The denoiser saw {samples} samples
({steps} steps). The vision tower of the text encoder is complete and random: it sees nothing yet, so captions and boxes
are not to be had from this model.

Licence: Apache-2.0.
"""


if __name__ == "__main__":
    main()
