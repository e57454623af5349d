"""Random Qwen2-VL, Qwen2.5-VL and Qwen3-VL models of the real classes in the folder layouts in which they are published."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import (
    AutoProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

import chat_templates
import tiny_models
import tiny_tokenizer

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]

# Small beside what the layers add, or a tied head answers each token with itself.
TIED_SCALE = 0.2

CLASSES = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration, "Qwen2VLProcessor"),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, "Qwen2_5_VLProcessor"),
    "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration, "Qwen3VLProcessor"),
}


@dataclass
class VisionVariant:
    """One model folder: its sizes, its dtype and the forms of its files."""

    name: str
    model_type: str
    seed: int
    merges: int
    text: dict
    vision: dict
    # What stands in preprocessor_config.json, or in processor_config.json where the form is current.
    pixels: dict
    # The sampling part of generation_config.json.
    generation: dict
    tied: bool = False
    dtype: torch.dtype = torch.bfloat16
    shards: int = 1
    # flat: all keys at the top; repeated: the same again in text_config; nested: text_config alone; current: as saved today.
    config_form: str = "flat"
    # old: model.layers.*, visual.*; new: model.language_model.*, model.visual.*.
    names: str = "old"
    # json: chat_template.json; jinja: chat_template.jinja; tokenizer: inside tokenizer_config.json.
    template_form: str = "json"
    tokenizer_form: str = "published"
    omitted: dict[str, list[str]] = field(default_factory=dict)
    # Whether each module's output is kept as well.
    blocks: bool = False


def write(variant: VisionVariant, root: Path) -> Path:
    """Writes the whole folder `root/variant.name`."""
    folder = root / variant.name
    folder.mkdir(parents=True)
    vocabulary, merges = tiny_tokenizer.train(variant.merges)
    ids = tiny_tokenizer.special_ids(vocabulary)
    write_tokenizer(variant, folder, vocabulary, merges)
    write_model(variant, folder, ids)
    write_processor(variant, folder)
    write_generation_config(variant, folder, ids)
    return folder


def write_tokenizer(variant: VisionVariant, folder: Path, vocabulary: dict, merges: list) -> None:
    tiny_tokenizer.WRITERS[variant.tokenizer_form](folder, vocabulary, merges)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    if variant.tokenizer_form == "both":
        # Beside tokenizer.json the published folders of 2025 have neither of these.
        (folder / "added_tokens.json").unlink()
        (folder / "special_tokens_map.json").unlink()
    template = chat_templates.TEMPLATES[variant.model_type]
    if variant.template_form == "json":
        tiny_tokenizer.write_json(folder / "chat_template.json", {"chat_template": template})
    elif variant.template_form == "jinja":
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    else:
        path = folder / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        tiny_tokenizer.write_json(path, config | {"chat_template": template})


def write_processor(variant: VisionVariant, folder: Path) -> None:
    processor_class = CLASSES[variant.model_type][2]
    qwen3 = variant.model_type == "qwen3_vl"
    config = {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5] if qwen3 else CLIP_MEAN,
        "image_std": [0.5, 0.5, 0.5] if qwen3 else CLIP_STD,
        "image_processor_type": "Qwen2VLImageProcessorFast" if qwen3 else "Qwen2VLImageProcessor",
        "merge_size": 2,
        "patch_size": 16 if qwen3 else 14,
        "processor_class": processor_class,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "temporal_patch_size": 2,
    } | variant.pixels
    omitted = variant.omitted.get("preprocessor", [])
    config = {key: value for key, value in config.items() if key not in omitted}
    tiny_tokenizer.write_json(folder / "preprocessor_config.json", config)
    if variant.config_form == "current":
        processor = AutoProcessor.from_pretrained(folder)
        (folder / "preprocessor_config.json").unlink()
        processor.save_pretrained(folder)


def write_model(variant: VisionVariant, folder: Path, ids: dict[str, int]) -> None:
    config_class, model_class, _ = CLASSES[variant.model_type]
    config = (qwen3_config if variant.model_type == "qwen3_vl" else flat_config)(variant, ids)
    model = model_class(config_class(**json.loads(json.dumps(config))))
    randomise(model, variant, ids["<|endoftext|>"])
    if variant.config_form == "current":
        model.config.dtype = variant.dtype
        model.config.save_pretrained(folder)
    else:
        write_config(variant, folder, config)
    state = {name: tensor.to(variant.dtype) for name, tensor in model.state_dict().items()}
    if variant.tied:
        del state["lm_head.weight"]
    if variant.names == "old":
        rename = lambda name: name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
        state = {rename(name): tensor for name, tensor in state.items()}
    tiny_models.write_weights(state, folder, "model", variant.shards)


def write_config(variant: VisionVariant, folder: Path, config: dict) -> None:
    omitted = variant.omitted.get("config", [])
    strip = lambda part: {key: value for key, value in part.items() if key not in omitted}
    config = strip(config)
    for part in ("vision_config", "text_config"):
        if part in config:
            config[part] = strip(config[part])
    if variant.config_form == "repeated":
        config["rope_scaling"] |= {"type": "default", "rope_type": "default"}
        config["text_config"] = {key: value for key, value in config.items() if key not in tiny_models.TOP_LEVEL}
        config["text_config"]["model_type"] = f"{variant.model_type}_text"
    tiny_tokenizer.write_json(folder / "config.json", config)


def flat_config(variant: VisionVariant, ids: dict[str, int]) -> dict:
    """config.json as it was published for Qwen2-VL in 2024 and for Qwen2.5-VL in 2025."""
    text = variant.text
    vision = {"in_chans": 3, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2}
    if variant.model_type == "qwen2_vl":
        vision |= {"hidden_size": text["hidden_size"], "mlp_ratio": 4}
    else:
        vision |= {"hidden_act": "silu", "out_hidden_size": text["hidden_size"], "tokens_per_second": 2}
    return {
        "architectures": [CLASSES[variant.model_type][1].__name__],
        "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_token_id": ids["<|vision_pad|>"],
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "max_position_embeddings": 32768,
        "max_window_layers": text["num_hidden_layers"],
        "model_type": variant.model_type,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "tie_word_embeddings": variant.tied,
        "torch_dtype": str(variant.dtype).removeprefix("torch."),
        "transformers_version": "4.41.2",
        "use_cache": True,
        "use_sliding_window": False,
        "vision_config": {"model_type": variant.model_type} | vision | variant.vision,
        "rope_scaling": {"type": "mrope", "mrope_section": text["mrope_section"]},
        "vocab_size": rows(ids),
    } | {key: value for key, value in text.items() if key != "mrope_section"}


def qwen3_config(variant: VisionVariant, ids: dict[str, int]) -> dict:
    """config.json as it was published for Qwen3-VL in 2025."""
    text = variant.text
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "image_token_id": ids["<|image_pad|>"],
        "model_type": "qwen3_vl",
        "text_config": {
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": ids["<|endoftext|>"],
            "dtype": str(variant.dtype).removeprefix("torch."),
            "eos_token_id": ids["<|im_end|>"],
            "hidden_act": "silu",
            "initializer_range": 0.02,
            "max_position_embeddings": 262144,
            "model_type": "qwen3_vl_text",
            "rms_norm_eps": 1e-6,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": text["mrope_section"], "rope_type": "default"},
            "rope_theta": 5000000,
            "tie_word_embeddings": variant.tied,
            "use_cache": True,
            "vocab_size": rows(ids),
        }
        | {key: value for key, value in text.items() if key != "mrope_section"},
        "tie_word_embeddings": variant.tied,
        "transformers_version": "4.57.0.dev0",
        "video_token_id": ids["<|video_pad|>"],
        "vision_config": {
            "hidden_act": "gelu_pytorch_tanh",
            "in_channels": 3,
            "initializer_range": 0.02,
            "model_type": "qwen3_vl",
            "out_hidden_size": text["hidden_size"],
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        }
        | variant.vision,
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
    }


def rows(ids: dict[str, int]) -> int:
    """The published embedding has rows that no token uses: 152064 for 151665 tokens."""
    return (max(ids.values()) + 1 + 15) // 16 * 16


def randomise(model: torch.nn.Module, variant: VisionVariant, words: int) -> None:
    """Every parameter random, attention that chooses among its keys, and answers that are clear, long and in words."""
    tiny_models.randomise(model, variant.seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight", "q_norm.weight", "k_norm.weight")):
                parameter.mul_(1.5)
            elif name.endswith("attn.qkv.weight"):
                parameter[: 2 * parameter.shape[0] // 3].mul_(1.5)
            elif name.endswith("pos_embed.weight"):
                parameter.copy_(parameter / parameter.std())
            elif name.endswith("language_model.norm.weight"):
                parameter.mul_(3 / (TIED_SCALE * parameter.shape[0] ** 0.5) if variant.tied else 3)
            elif name.endswith("embed_tokens.weight") and variant.tied:
                parameter.mul_(TIED_SCALE)
        model.lm_head.weight[words:] *= 0.3


def write_generation_config(variant: VisionVariant, folder: Path, ids: dict[str, int]) -> None:
    tiny_tokenizer.write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "do_sample": True,
            "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
        }
        | variant.generation
        | {"transformers_version": "4.37.0"},
    )
