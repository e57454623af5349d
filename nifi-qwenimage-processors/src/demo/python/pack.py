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
# Of Qwen2.5-VL as far as pictures and text go.
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message.role != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif part.type == 'text' %}"
    "{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
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
    for part in ("tokenizer", "processor"):
        (folder / part / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
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
    state = training.load(train_denoiser.STATE)
    names = ["count", "colours", "shapes", "places", "sizes", "ground", "all"]
    lines = ["| prompts | run by | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for part, title in (("one", "one thing"), ("two", "two things"), ("all", "together")):
        for key, runner in RUNNERS:
            if key in figures:
                row = figures[key][part]
                shares = " | ".join(f"{row[name]:.1f} %" for name in names)
                lines.append(f"| {title} ({row['n']}) | {runner} | {shares} |")
    seen = ["| held-out pictures (200) | " + " | ".join(runner for key, runner in RUNNERS if key in figures) + " |"]
    seen.append("|---" * (1 + sum(key in figures for key, _ in RUNNERS)) + "|")
    for name, title in (("captions", "every colour and shape right in the caption"), ("boxes", "boxes")):
        shares = " | ".join(f"{figures[key][name]:.1f} %" for key, _ in RUNNERS if key in figures)
        seen.append(f"| {title} | {shares} |")
    recommended = CARD["recommended"]
    return CARD_TEXT.format(
        date=time.strftime("%Y-%m-%d"),
        drawn="\n".join(lines),
        seen="\n".join(seen),
        sampling=f"{recommended['num_inference_steps']} steps, true CFG scale {recommended['true_cfg_scale']}, "
        "empty negative prompt",
        samples=f"{state['samples'] / 1e6:.1f} million",
        made=MADE,
    )


RUNNERS = [("reference", "diffusers and transformers"), ("engine", "this engine")]
MADE = "in six and a half minutes on one H200 and, of the decoder, an hour on one core of a CPU"
CARD_TEXT = """---
license: apache-2.0
pipeline_tag: text-to-image
---
# The demo model

A very small QwenImagePipeline, packed so that everything can be tried without a download. Its parts are of exactly the
classes of Qwen-Image (AutoencoderKLQwenImage, Qwen2_5_VLForConditionalGeneration with its vision tower,
QwenImageTransformer2DModel, FlowMatchEulerDiscreteScheduler, Qwen2Tokenizer), and diffusers loads and runs the folder as
it is.

It knows one world: pictures of 128x128 pixels with one or two of four shapes (circle, square, triangle, star) in eight
colours (red, green, blue, yellow, orange, purple, black, white) and three sizes, in nine places or to the left, to the
right, above, below each other, on a plain or graded ground (white, black, grey, pale blue, green, pink, yellow). English
sentences, and short Chinese ones, say what to draw. It captions pictures of this world in English, writes alternative
text and tags for them, says where in them a thing is that a phrase names, and what is in a box.

What it cannot do: anything else. Whatever else is asked for is drawn as something of this world, and whatever else is
shown is taken for something of it. It reads no text and has no opinions. It does not edit pictures.

## Measured

By a classical checker (`src/demo/python/checker.py`: colours, contours, positions; it refuses blobs, specks and extra
things) on prompts and pictures from seeds not used in training, on a CPU; share in which everything asked for is right.
"Places" is the right ninth of the picture for one thing and the relation of two, "all" is count, colours, shapes and
places. {sampling}.

{drawn}

A caption counts if it names the things that are there, each with its colour and shape, and no other; boxes count if
there are as many as there are things of the phrase (a colour and a shape), each with an IoU of 0.5 or better.

{seen}

## Made

On {date}, {made}, from random
weights, by the scripts in `src/demo/python` and on pictures, sentences and dialogues which these scripts draw and write;
nothing else was learned from. The denoiser saw {samples} samples.

Licence: Apache-2.0.
"""


if __name__ == "__main__":
    main()
