"""Makes the edit cases in src/test/resources/goldens-vision: `python make_edit_goldens.py`.

Random models in the layouts of Qwen-Image-Edit, 2509 and 2511 are run in FP32 by QwenImageEditPipeline and
QwenImageEditPlusPipeline, those of goldens/ by QwenImageImg2ImgPipeline and QwenImageInpaintPipeline. What the
pipelines computed on their way is kept beside the picture. See goldens-vision/README.md for the cases.
"""

import argparse
import platform
import shutil
from pathlib import Path

import diffusers
import PIL
import torch
import transformers
from diffusers import (
    DiffusionPipeline,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageImg2ImgPipeline,
    QwenImageInpaintPipeline,
)
from diffusers.utils import load_image
from safetensors.torch import save_file
from transformers import AutoImageProcessor

import tiny_edit_models
import tiny_tokenizer
import vision_pictures
from tiny_edit_models import EditVariant
from tiny_models import LIGHTNING_SCHEDULER, QWEN_IMAGE_SCHEDULER

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
TOLERANCE = {"hidden": 1e-3, "latents": 2e-3, "psnr": 50, "max_pixel": 2}
# Tensors of more values than this are thinned out: each n-th row, n prime.
WHOLE = 5_000
THINNING = [7, 17, 31, 61, 127, 257, 509, 1021, 2039]

TEXT = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    mrope_section=[2, 3, 3],
    tie_word_embeddings=True,
)
VISION = dict(depth=2, hidden_size=32, intermediate_size=40, num_heads=2, fullatt_block_indexes=[1])
TRANSFORMER = dict(
    num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32, axes_dims_rope=(4, 6, 6)
)

VARIANTS = [
    EditVariant(
        name="edit-bf16",
        seed=6000,
        merges=330,
        text=TEXT,
        vision=VISION,
        transformer=TRANSFORMER,
        vae=dict(base_dim=2),
        scheduler=QWEN_IMAGE_SCHEDULER,
        max_pixels=28 * 28 * 150,
    ),
    EditVariant(
        name="edit-2509-bf16",
        seed=6100,
        merges=340,
        text=TEXT,
        vision=VISION | {"fullatt_block_indexes": [0]},
        transformer=TRANSFORMER,
        vae=dict(base_dim=2),
        scheduler=QWEN_IMAGE_SCHEDULER,
        pipeline="QwenImageEditPlusPipeline",
    ),
    EditVariant(
        name="edit-2511-bf16",
        seed=6200,
        merges=350,
        text=TEXT,
        vision=VISION,
        transformer=TRANSFORMER | {"zero_cond_t": True},
        vae=dict(base_dim=2),
        scheduler=LIGHTNING_SCHEDULER,
        pipeline="QwenImageEditPlusPipeline",
        max_pixels=28 * 28 * 60,
    ),
]

CASES = [
    dict(
        name="edit-guided",
        model="edit-bf16",
        images=["house-83x45.png"],
        prompt="Make the kite blue, “写着你好” 🪁",
        negative_prompt=" ",
        width=96,
        height=64,
        num_inference_steps=2,
        true_cfg_scale=4.0,
        seed=42,
    ),
    dict(
        name="edit-own-size",
        model="edit-bf16",
        images=["cup-61x93.png"],
        prompt="A cup of coffee instead",
        num_inference_steps=2,
        true_cfg_scale=4.0,
        seed=7,
    ),
    dict(
        name="edit-2509-one-guided",
        model="edit-2509-bf16",
        images=["kite-133x147.png"],
        prompt='Write "OPEN 24 HOURS" on it',
        negative_prompt="blurry",
        width=80,
        height=112,
        num_inference_steps=3,
        true_cfg_scale=2.5,
        seed=99,
    ),
    dict(
        name="edit-2509-three",
        model="edit-2509-bf16",
        images=["cup-61x93.png", "house-83x45.png", "dot-5x9.png"],
        prompt="把第一张图的杯子放到房子旁边",
        width=70,
        height=50,
        num_inference_steps=2,
        true_cfg_scale=1.0,
        seed=3,
    ),
    dict(
        name="edit-2511-two-guided",
        model="edit-2511-bf16",
        images=["banner-230x23.png", "cup-61x93.png"],
        prompt="Put the banner above the cup",
        negative_prompt="",
        width=64,
        height=96,
        num_inference_steps=3,
        true_cfg_scale=3.0,
        seed=2**40 + 5,
    ),
    dict(
        name="edit-2511-own-size",
        model="edit-2511-bf16",
        images=["dot-5x9.png", "house-83x45.png"],
        prompt="?",
        num_inference_steps=1,
        true_cfg_scale=1.0,
        seed=11,
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens-vision")
    parser.add_argument("--only", help="the models whose names contain this")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    for variant in VARIANTS:
        if arguments.only and arguments.only not in variant.name:
            continue
        shutil.rmtree(arguments.output / "models" / variant.name, ignore_errors=True)
        pipeline = load(tiny_edit_models.write(variant, arguments.output / "models"))
        for case in CASES:
            if case["model"] == variant.name:
                write_case(pipeline, case, arguments.output / "edit" / case["name"])


def load(folder: Path) -> QwenImageEditPipeline | QwenImageEditPlusPipeline:
    """The stored weights widened to FP32; what the vision tower sees is resized by Pillow itself."""
    pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.processor.image_processor = AutoImageProcessor.from_pretrained(folder / "processor", backend="pil")
    assert pipeline.prompt_template_encode.startswith(tiny_tokenizer.EDIT_TEMPLATE_PREFIX)
    prefix = pipeline.tokenizer(tiny_tokenizer.EDIT_TEMPLATE_PREFIX).input_ids
    assert len(prefix) == tiny_tokenizer.EDIT_PREFIX_TOKENS == pipeline.prompt_template_encode_start_idx
    return pipeline


def write_case(pipeline: DiffusionPipeline, case: dict, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pictures = [load_image(str(vision_pictures.write(folder / name))) for name in case["images"]]
    picture, record, positions = run(pipeline, case, pictures)
    assert positions is None
    check_case(case, record)
    if picture.width * picture.height < 100_000:
        picture.save(folder / "image.png")
    save(record, folder / "expected.safetensors")
    with SpatialPositions(pipeline):
        _, spatial, positions = run(pipeline, case, pictures)
    assert (positions[0] != positions[1]).any()
    check_case(case, spatial)
    differs = lambda name: name not in record or not torch.equal(record[name], spatial[name])
    save({name: tensor for name, tensor in spatial.items() if differs(name)}, folder / "expected-spatial.safetensors")
    description = {"kind": "edit"} | {k: v for k, v in case.items() if k != "name"}
    description |= {"model": f"../../models/{case['model']}", "tolerance": TOLERANCE, "made_with": versions()}
    tiny_tokenizer.write_json(folder / "case.json", description)


def run(pipeline: DiffusionPipeline, case: dict, pictures: list) -> tuple:
    """The picture, what was recorded on the way, and the positions that the language model was given."""
    recorder = EditRecorder(pipeline)
    with recorder:
        picture = pipeline(
            image=pictures if len(pictures) > 1 else pictures[0],
            prompt=case["prompt"],
            negative_prompt=case.get("negative_prompt"),
            width=case.get("width"),
            height=case.get("height"),
            num_inference_steps=case["num_inference_steps"],
            true_cfg_scale=case["true_cfg_scale"],
            generator=torch.Generator("cpu").manual_seed(case["seed"]),
            callback_on_step_end=recorder.keep_latents,
        ).images[0]
    recorder.record["sigmas"] = pipeline.scheduler.sigmas
    recorder.record["picture_size"] = torch.tensor(picture.size)
    return picture, recorder.record, recorder.positions


class SpatialPositions:
    """Hands the text encoder the token types that diffusers 0.42 leaves behind.

    Without them transformers 5 numbers the tokens of a picture one after the other; transformers 4, with which the
    edit models were published, gave them their time, row and column (huggingface/diffusers issue 14194).
    """

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        self.pipeline = pipeline

    def __enter__(self) -> None:
        processor = self.pipeline.processor

        def add_types(_module, arguments, keywords):
            types = processor.create_mm_token_type_ids(keywords["input_ids"])
            return arguments, keywords | {"mm_token_type_ids": torch.tensor(types)}

        self.handle = self.pipeline.text_encoder.register_forward_pre_hook(add_types, with_kwargs=True)

    def __exit__(self, *_) -> None:
        self.handle.remove()
        self.pipeline.text_encoder.model.rope_deltas = None


class EditRecorder:
    """Keeps what passes between the stages of an edit pipeline while it is entered."""

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        self.pipeline, self.record = pipeline, {}
        self.names = iter(("prompt_embeds", "negative_prompt_embeds"))
        self.sizes: list[tuple[int, int]] = []

    def __enter__(self) -> "EditRecorder":
        pipeline = self.pipeline
        self.originals = {
            name: getattr(owner, name)
            for owner, name in (
                (pipeline, "encode_prompt"),
                (pipeline, "prepare_latents"),
                (pipeline.image_processor, "preprocess"),
                (pipeline.image_processor, "postprocess"),
            )
        }
        pipeline.encode_prompt, pipeline.prepare_latents = self.keep_prompt, self.keep_reference
        pipeline.image_processor.preprocess, pipeline.image_processor.postprocess = self.keep_input, self.keep_picture
        model = pipeline.text_encoder.model
        self.handles = [
            model.visual.register_forward_pre_hook(self.keep_condition, with_kwargs=True),
            model.language_model.register_forward_pre_hook(self.keep_positions, with_kwargs=True),
        ]
        return self

    def __exit__(self, *_) -> None:
        pipeline = self.pipeline
        del pipeline.encode_prompt, pipeline.prepare_latents
        del pipeline.image_processor.preprocess, pipeline.image_processor.postprocess
        for handle in self.handles:
            handle.remove()

    def keep_prompt(self, *args, **kwargs):
        result = self.originals["encode_prompt"](*args, **kwargs)
        assert result[1] is None
        self.record[next(self.names)] = result[0][0]
        return result

    def keep_condition(self, _module, arguments, keywords) -> None:
        self.record.setdefault("condition_pixels", arguments[0])
        self.record.setdefault("condition_grid_thw", keywords["grid_thw"])

    def keep_positions(self, _module, _arguments, keywords) -> None:
        self.positions = keywords["position_ids"]

    def keep_input(self, *args, **kwargs):
        result = self.originals["preprocess"](*args, **kwargs)
        self.record[f"vae_input.{len(self.sizes)}"] = result[0].permute(1, 2, 0)
        self.sizes.append((result.shape[-2], result.shape[-1]))
        return result

    def keep_reference(self, *args, **kwargs):
        latents, references = self.originals["prepare_latents"](*args, **kwargs)
        self.record["initial_latents"] = latents[0]
        parts = references[0].split([height // 16 * (width // 16) for height, width in self.sizes])
        self.record |= {f"image_latents.{index}": part for index, part in enumerate(parts)}
        return latents, references

    def keep_latents(self, _pipeline, index, _timestep, values):
        self.record[f"packed_latents.{index}"] = values["latents"][0]
        return {}

    def keep_picture(self, image, **kwargs):
        self.record["image"] = (image[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)
        return self.originals["postprocess"](image, **kwargs)


def check_case(case: dict, record: dict[str, torch.Tensor]) -> None:
    """A flat or saturated picture, or latents that explode, would prove little."""
    image = record["image"]
    clipped = ((image <= 0) | (image >= 1)).float().mean().item()
    latents = record[f"packed_latents.{case['num_inference_steps'] - 1}"]
    moved = (latents - record["initial_latents"]).std().item()
    print(
        f"{case['name']}: {tuple(image.shape)}, text {tuple(record['prompt_embeds'].shape)} "
        f"std {record['prompt_embeds'].std():.2f}, grids {record['condition_grid_thw'].tolist()}, references "
        f"{[(tuple(v.shape), round(v.std().item(), 2)) for k, v in record.items() if 'image_latents' in k]}, "
        f"latents std {latents.std():.2f} moved {moved:.2f}, image std {image.std():.3f} clipped {clipped:.3f}"
    )
    assert all(torch.isfinite(tensor).all() for tensor in record.values())
    assert image.std() > 0.1 and clipped < 0.1, case["name"]
    assert 0.3 < latents.std() < 5 and moved > 0.3, case["name"]


def save(record: dict[str, torch.Tensor], path: Path) -> None:
    """Numbers as F32, grids and sizes as I64; a large tensor as NAME.every.N: each n-th of its rows, from the first."""
    tensors = {}
    for name, tensor in record.items():
        tensor = tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64)
        if tensor.numel() > WHOLE and not name.endswith("prompt_embeds"):
            rows = tensor.flatten(0, -2)
            step = next(n for n in THINNING if rows[::n].numel() <= WHOLE)
            tensors[f"{name}.every.{step}"] = rows[::step].clone().contiguous()
        else:
            tensors[name] = tensor.clone().contiguous()
    save_file(tensors, path)


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "pillow": PIL.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
