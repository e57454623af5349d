"""Makes the image-to-image and inpaint cases in src/test/resources/goldens-vision: `python make_img2img_goldens.py`.

The models of goldens/ are run in FP32 by QwenImageImg2ImgPipeline and QwenImageInpaintPipeline. Both sample the VAE's
posterior: the generator's first numbers go there, the next are the noise.
"""

import argparse
import shutil
from pathlib import Path

import numpy
import torch
from diffusers import QwenImageImg2ImgPipeline, QwenImageInpaintPipeline
from diffusers.utils import load_image
from PIL import Image

import tiny_tokenizer
import vision_pictures
from make_edit_goldens import TOLERANCE, save, versions

RESOURCES = Path(__file__).resolve().parent.parent / "resources"

CASES = [
    dict(
        name="img2img-guided",
        kind="image-to-image",
        model="published-bf16-sharded",
        images=["house-83x45.png"],
        prompt="A red kite over Lisbon",
        negative_prompt="blurry, low quality",
        width=96,
        height=64,
        strength=0.6,
        num_inference_steps=5,
        true_cfg_scale=4.0,
        seed=42,
    ),
    dict(
        name="img2img-rounded",
        kind="image-to-image",
        model="nested-f32",
        images=["cup-61x93.png"],
        prompt="水墨画",
        width=75,
        height=100,
        strength=0.34,
        num_inference_steps=8,
        true_cfg_scale=1.0,
        seed=7,
    ),
    dict(
        name="img2img-full-strength",
        kind="image-to-image",
        model="published-bf16-sharded",
        images=["cup-61x93.png"],
        prompt="A cup",
        width=64,
        height=48,
        strength=1.0,
        num_inference_steps=2,
        true_cfg_scale=1.0,
        seed=8,
    ),
    dict(
        name="inpaint-guided",
        kind="inpaint",
        model="published-bf16-sharded",
        images=["house-83x45.png"],
        mask="mask-83x45.png",
        prompt="A cat in the window",
        negative_prompt=" ",
        width=96,
        height=48,
        strength=0.75,
        num_inference_steps=4,
        true_cfg_scale=3.0,
        seed=5,
    ),
    dict(
        name="inpaint-full-strength",
        kind="inpaint",
        model="nested-f32",
        images=["cup-61x93.png"],
        mask="mask-40x40.png",
        prompt="An apple",
        width=64,
        height=80,
        strength=1.0,
        num_inference_steps=4,
        true_cfg_scale=1.0,
        seed=123,
    ),
]
PIPELINES = {"image-to-image": QwenImageImg2ImgPipeline, "inpaint": QwenImageInpaintPipeline}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens-vision")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    for case in CASES:
        folder = arguments.output / "edit" / case["name"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pipeline = PIPELINES[case["kind"]].from_pretrained(
            RESOURCES / "goldens" / "models" / case["model"], torch_dtype=torch.float32
        )
        pipeline.set_progress_bar_config(disable=True)
        write_case(pipeline, case, folder)


def write_case(pipeline, case: dict, folder: Path) -> None:
    pictures = {"image": load_image(str(vision_pictures.write(folder / case["images"][0])))}
    if "mask" in case:
        pictures["mask_image"] = Image.open(write_mask(folder / case["mask"]))
    record: dict[str, torch.Tensor] = {}
    names = iter(("prompt_embeds", "negative_prompt_embeds"))
    encode_prompt, prepare_latents, encode = pipeline.encode_prompt, pipeline.prepare_latents, pipeline._encode_vae_image
    preprocess, postprocess = pipeline.image_processor.preprocess, pipeline.image_processor.postprocess

    def keep_prompt(*args, **kwargs):
        result = encode_prompt(*args, **kwargs)
        record[next(names)] = result[0][0]
        return result

    def keep_reference(*args, **kwargs):
        result = encode(*args, **kwargs)
        # The inpaint pipeline encodes the masked picture as well, and leaves it unused.
        record.setdefault("image_latents.0", result[0, :, 0])
        return result

    def keep_noise(*args, **kwargs):
        result = prepare_latents(*args, **kwargs)
        parts = zip(("initial_latents", "noise"), result) if isinstance(result, tuple) else [("initial_latents", result)]
        record.update({name: tensor[0] for name, tensor in parts})
        return result

    def keep_input(*args, **kwargs):
        result = preprocess(*args, **kwargs)
        record["vae_input.0"] = result[0].permute(1, 2, 0)
        return result

    def keep_picture(image, **kwargs):
        record["image"] = (image[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)
        return postprocess(image, **kwargs)

    def keep_latents(_pipeline, index, _timestep, values):
        record[f"packed_latents.{index}"] = values["latents"][0]
        return {}

    pipeline.encode_prompt, pipeline.prepare_latents, pipeline._encode_vae_image = keep_prompt, keep_noise, keep_reference
    pipeline.image_processor.preprocess, pipeline.image_processor.postprocess = keep_input, keep_picture
    if "mask" in case:
        keep_mask(pipeline, record)
    picture = pipeline(
        **pictures,
        **{key: case.get(key) for key in ("prompt", "negative_prompt", "width", "height", "strength")},
        num_inference_steps=case["num_inference_steps"],
        true_cfg_scale=case["true_cfg_scale"],
        generator=torch.Generator("cpu").manual_seed(case["seed"]),
        callback_on_step_end=keep_latents,
    ).images[0]
    record["sigmas"] = pipeline.scheduler.sigmas
    steps = sum(name.startswith("packed_latents") for name in record)
    check_case(case, record, steps)
    picture.save(folder / "image.png")
    save(record, folder / "expected.safetensors")
    description = {k: v for k, v in case.items() if k != "name"} | {"steps_taken": steps}
    description |= {"model": f"../../../goldens/models/{case['model']}", "tolerance": TOLERANCE, "made_with": versions()}
    tiny_tokenizer.write_json(folder / "case.json", description)


def keep_mask(pipeline: QwenImageInpaintPipeline, record: dict[str, torch.Tensor]) -> None:
    prepare_mask = pipeline.prepare_mask_latents

    def keep(mask, *args, **kwargs):
        result = prepare_mask(mask, *args, **kwargs)
        record["mask_pixels"], record["mask"] = mask[0, 0], result[0][0]
        return result

    pipeline.prepare_mask_latents = keep


def write_mask(path: Path) -> Path:
    """White is painted anew; a slope between, which the pipeline cuts at one half."""
    width, height = (int(part) for part in path.stem.removeprefix("mask-").split("x"))
    y, x = numpy.mgrid[0:height, 0:width]
    distance = numpy.hypot(x - 0.6 * width, y - 0.4 * height) / (0.5 * min(width, height))
    values = (255 * (1.5 - distance).clip(0, 1)).round().astype(numpy.uint8)
    Image.fromarray(values).save(path, optimize=True)
    return path


def check_case(case: dict, record: dict[str, torch.Tensor], steps: int) -> None:
    image, latents = record["image"], record[f"packed_latents.{steps - 1}"]
    print(
        f"{case['name']}: {tuple(image.shape)}, {steps} steps, reference std {record['image_latents.0'].std():.2f}, "
        f"start {record['initial_latents'].std():.2f}, latents {latents.std():.2f}, image {image.std():.3f}, "
        f"mask {record['mask'].mean() if 'mask' in record else 1:.2f}"
    )
    assert all(torch.isfinite(tensor).all() for tensor in record.values())
    assert image.std() > 0.05 and 0.3 < latents.std() < 5, case["name"]


if __name__ == "__main__":
    main()
