"""Random models in the folder layouts in which Qwen-Image-Edit, its 2509 and its 2511 are published."""

import json
from dataclasses import dataclass
from pathlib import Path

import chat_templates
import tiny_models
import tiny_tokenizer
import tiny_vision_models
from tiny_models import Variant


@dataclass
class EditVariant(Variant):
    """A Variant with the class of its pipeline and the pixels that its processor allows."""

    pipeline: str = "QwenImageEditPipeline"
    min_pixels: int = 3136
    max_pixels: int = 12845056


def write(variant: EditVariant, root: Path) -> Path:
    """Writes the whole folder `root/variant.name`."""
    folder = root / variant.name
    vocabulary, merges = tiny_tokenizer.train(variant.merges, tiny_tokenizer.EDIT_TEMPLATE_PREFIX)
    tiny_tokenizer.WRITERS[variant.tokenizer_form](folder / "tokenizer", vocabulary, merges)
    write_processor(variant, folder / "processor", vocabulary, merges)
    tiny_models.write_text_encoder(variant, folder / "text_encoder", tiny_tokenizer.special_ids(vocabulary))
    write_transformer(variant, folder / "transformer")
    tiny_models.write_vae(variant, folder / "vae")
    tiny_models.write_scheduler_and_index(variant, folder)
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    index |= {"_class_name": variant.pipeline, "processor": ["transformers", "Qwen2VLProcessor"]}
    tiny_tokenizer.write_json(folder / "model_index.json", dict(sorted(index.items())))
    return folder


def write_processor(variant: EditVariant, folder: Path, vocabulary: dict, merges: list) -> None:
    """The tokenizer once more, the image processor and the chat template."""
    tiny_tokenizer.WRITERS[variant.tokenizer_form](folder, vocabulary, merges)
    (folder / "chat_template.jinja").write_text(chat_templates.QWEN2_VL, encoding="utf-8")
    tiny_tokenizer.write_json(
        folder / "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": tiny_vision_models.CLIP_MEAN,
            "image_processor_type": "Qwen2VLImageProcessor",
            "image_std": tiny_vision_models.CLIP_STD,
            "max_pixels": variant.max_pixels,
            "merge_size": 2,
            "min_pixels": variant.min_pixels,
            "patch_size": 14,
            "processor_class": "Qwen2_5_VLProcessor",
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"longest_edge": variant.max_pixels, "shortest_edge": variant.min_pixels},
            "temporal_patch_size": 2,
        },
    )


def write_transformer(variant: EditVariant, folder: Path) -> None:
    tiny_models.write_transformer(variant, folder)
    if "zero_cond_t" in variant.transformer:
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        tiny_tokenizer.write_json(path, config | {"zero_cond_t": variant.transformer["zero_cond_t"]})
