"""Random models of the real classes in the folder layouts in which Qwen-Image is published."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from safetensors.torch import save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

import tiny_tokenizer

QWEN_IMAGE_SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "_diffusers_version": "0.34.0.dev0",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "invert_sigmas": False,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "stochastic_sampling": False,
    "time_shift_type": "exponential",
    "use_beta_sigmas": False,
    "use_dynamic_shifting": True,
    "use_exponential_sigmas": False,
    "use_karras_sigmas": False,
}
# scheduler_config of Qwen-Image-Lightning's example.
LIGHTNING_SCHEDULER = QWEN_IMAGE_SCHEDULER | {
    "base_shift": math.log(3),
    "max_shift": math.log(3),
    "shift_terminal": None,
}

# Keys of config.json that transformers 4.5x does not repeat in its text_config.
TOP_LEVEL = ["architectures", "model_type", "transformers_version", "vision_config"]


@dataclass
class Variant:
    """One model folder: its sizes, its dtypes and the form in which it is written."""

    name: str
    seed: int
    merges: int
    text: dict
    vision: dict
    transformer: dict
    vae: dict
    scheduler: dict
    text_dtype: torch.dtype = torch.bfloat16
    transformer_dtype: torch.dtype = torch.bfloat16
    vae_dtype: torch.dtype = torch.bfloat16
    shards: int = 1
    config_form: str = "flat"
    tokenizer_form: str = "published"
    omitted: dict[str, list[str]] = field(default_factory=dict)


def write(variant: Variant, root: Path) -> Path:
    """Writes the whole folder `root/variant.name`."""
    folder = root / variant.name
    vocabulary, merges = tiny_tokenizer.train(variant.merges)
    ids = tiny_tokenizer.special_ids(vocabulary)
    tiny_tokenizer.WRITERS[variant.tokenizer_form](folder / "tokenizer", vocabulary, merges)
    write_text_encoder(variant, folder / "text_encoder", ids)
    write_transformer(variant, folder / "transformer")
    write_vae(variant, folder / "vae")
    write_scheduler_and_index(variant, folder)
    return folder


def write_scheduler_and_index(variant: Variant, folder: Path) -> None:
    (folder / "scheduler").mkdir(parents=True, exist_ok=True)
    write_config(variant, folder / "scheduler", variant.scheduler, "scheduler", "scheduler_config.json")
    tiny_tokenizer.write_json(
        folder / "model_index.json",
        {
            "_class_name": "QwenImagePipeline",
            "_diffusers_version": "0.34.0.dev0",
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
            "tokenizer": ["transformers", "Qwen2Tokenizer"],
            "transformer": ["diffusers", "QwenImageTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKLQwenImage"],
        },
    )


def write_text_encoder(variant: Variant, folder: Path, ids: dict[str, int]) -> None:
    """The complete Qwen2.5-VL, vision tower and language head included."""
    flat = flat_text_config(variant, ids)
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(flat))))
    randomise(model, variant.seed + 1)
    save_text_encoder(model, flat, variant, folder)


def save_text_encoder(model: Qwen2_5_VLForConditionalGeneration, flat: dict, variant: Variant, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.to(variant.text_dtype) for name, tensor in model.state_dict().items()}
    if flat["tie_word_embeddings"]:
        del state["lm_head.weight"]
    if variant.config_form == "nested":
        model.config.dtype = variant.text_dtype
        model.config.save_pretrained(folder)
    else:
        if variant.config_form == "flat and nested":
            flat["rope_scaling"] |= {"type": "default", "rope_type": "default"}
            omitted = TOP_LEVEL + variant.omitted.get("text_encoder", [])
            flat["text_config"] = {key: value for key, value in flat.items() if key not in omitted}
            flat["text_config"]["model_type"] = "qwen2_5_vl_text"
        write_config(variant, folder, flat, "text_encoder", "config.json")
        rename = lambda name: name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
        state = {rename(name): tensor for name, tensor in state.items()}
    write_weights(state, folder, "model", variant.shards)


def flat_text_config(variant: Variant, ids: dict[str, int]) -> dict:
    """config.json as it was published for Qwen2.5-VL in 2025."""
    rows = max(ids.values()) + 1
    text = variant.text
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "hidden_act": "silu",
        "hidden_size": text["hidden_size"],
        "image_token_id": ids["<|image_pad|>"],
        "initializer_range": 0.02,
        "intermediate_size": text["intermediate_size"],
        "max_position_embeddings": 128000,
        "max_window_layers": text["num_hidden_layers"],
        "model_type": "qwen2_5_vl",
        "num_attention_heads": text["num_attention_heads"],
        "num_hidden_layers": text["num_hidden_layers"],
        "num_key_value_heads": text["num_key_value_heads"],
        "rms_norm_eps": text.get("rms_norm_eps", 1e-6),
        "rope_scaling": {"mrope_section": text["mrope_section"], "type": "mrope"},
        "rope_theta": text.get("rope_theta", 1000000.0),
        "sliding_window": 32768,
        "tie_word_embeddings": text.get("tie_word_embeddings", False),
        "torch_dtype": str(variant.text_dtype).removeprefix("torch."),
        "transformers_version": "4.49.0",
        "use_cache": True,
        "use_sliding_window": False,
        "video_token_id": ids["<|video_pad|>"],
        "vision_config": {
            "model_type": "qwen2_5_vl",
            "hidden_act": "silu",
            "in_chans": 3,
            "out_hidden_size": text["hidden_size"],
            "patch_size": 14,
            "spatial_merge_size": 2,
            "spatial_patch_size": 14,
            "temporal_patch_size": 2,
            "tokens_per_second": 2,
            "window_size": 112,
        }
        | variant.vision,
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_token_id": ids["<|vision_pad|>"],
        # The published embedding has rows that no token uses: 152064 for 151665 tokens.
        "vocab_size": (rows + 15) // 16 * 16,
    }


def write_transformer(variant: Variant, folder: Path) -> None:
    model = QwenImageTransformer2DModel(**variant.transformer)
    randomise(model, variant.seed + 2)
    for name, parameter in model.named_parameters():
        # Attention that chooses among its keys, so that positions and prompts weigh in the result.
        if name.endswith(("norm_q.weight", "norm_k.weight", "norm_added_q.weight", "norm_added_k.weight")):
            parameter.data *= 1.7
    save_transformer(model, variant, folder)


def save_transformer(model: QwenImageTransformer2DModel, variant: Variant, folder: Path) -> None:
    config = {
        "_class_name": "QwenImageTransformer2DModel",
        "_diffusers_version": "0.34.0.dev0",
        "attention_head_dim": model.config.attention_head_dim,
        "axes_dims_rope": list(model.config.axes_dims_rope),
        "guidance_embeds": False,
        "in_channels": model.config.in_channels,
        "joint_attention_dim": model.config.joint_attention_dim,
        "num_attention_heads": model.config.num_attention_heads,
        "num_layers": model.config.num_layers,
        "out_channels": model.config.out_channels,
        "patch_size": model.config.patch_size,
        "pooled_projection_dim": 768,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_config(variant, folder, config, "transformer", "config.json")
    state = {name: tensor.to(variant.transformer_dtype) for name, tensor in model.state_dict().items()}
    write_weights(state, folder, "diffusion_pytorch_model", variant.shards)


def write_vae(variant: Variant, folder: Path) -> None:
    generator = torch.Generator().manual_seed(variant.seed + 4)
    statistics = {}
    if "latents_mean" not in variant.omitted.get("vae", []):
        statistics = {
            "latents_mean": [round(value, 4) for value in torch.randn(16, generator=generator).tolist()],
            "latents_std": [round(1 + 2 * value, 4) for value in torch.rand(16, generator=generator).tolist()],
        }
    model = AutoencoderKLQwenImage(**variant.vae, **statistics)
    randomise(model, variant.seed + 3)
    calibrate(model, variant.seed + 5)
    save_vae(model, variant, folder)


def save_vae(model: AutoencoderKLQwenImage, variant: Variant, folder: Path) -> None:
    config = {
        "_class_name": "AutoencoderKLQwenImage",
        "_diffusers_version": "0.34.0.dev0",
        "attn_scales": [],
        "base_dim": model.config.base_dim,
        "dim_mult": model.config.dim_mult,
        "dropout": 0.0,
        "latents_mean": model.config.latents_mean,
        "latents_std": model.config.latents_std,
        "num_res_blocks": model.config.num_res_blocks,
        "temperal_downsample": model.config.temperal_downsample,
        "z_dim": model.config.z_dim,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_config(variant, folder, config, "vae", "config.json")
    state = {name: tensor.to(variant.vae_dtype) for name, tensor in model.state_dict().items()}
    write_weights(state, folder, "diffusion_pytorch_model", variant.shards)


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Every parameter random: norms around 1, biases around 0, matrices so that activations keep their size."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
        if name.endswith(".bias"):
            parameter.data = 0.2 * noise
        elif name.endswith("gamma") or parameter.ndim == 1:
            parameter.data = 1 + 0.25 * noise
        elif "embed_tokens" in name:
            parameter.data = noise
        elif parameter.ndim == 5 and "patch_embed" not in name:
            # One frame meets only the last of the taps along time.
            parameter.data = noise / math.sqrt(math.prod(parameter.shape[1:]) / parameter.shape[2])
        else:
            parameter.data = noise / math.sqrt(math.prod(parameter.shape[1:]))


@torch.no_grad()
def calibrate(vae: AutoencoderKLQwenImage, seed: int) -> None:
    """Scales the last convolution so that pictures of random latents use the range -1..1 and seldom leave it."""
    generator = torch.Generator().manual_seed(seed)
    output = []
    handle = vae.decoder.conv_out.register_forward_hook(lambda module, inputs, result: output.append(result))
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
    std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
    vae.decode(1.4 * torch.randn(1, vae.config.z_dim, 1, 12, 12, generator=generator) * std + mean)
    handle.remove()
    factor = 0.36 / output[0].std(dim=(0, 2, 3, 4))
    bias = -output[0].mean(dim=(0, 2, 3, 4)) * factor
    vae.decoder.conv_out.weight.data *= factor.view(-1, 1, 1, 1, 1)
    vae.decoder.conv_out.bias.data = vae.decoder.conv_out.bias.data * factor + bias


def write_config(variant: Variant, folder: Path, config: dict, component: str, file: str) -> None:
    omitted = variant.omitted.get(component, [])
    kept = {key: value for key, value in config.items() if key not in omitted}
    tiny_tokenizer.write_json(folder / file, kept)


def write_weights(state: dict[str, torch.Tensor], folder: Path, stem: str, shards: int) -> None:
    """One safetensors file, or `shards` of them of about the same size with an index."""
    state = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
    total = sum(tensor.nbytes for tensor in state.values())
    if shards == 1:
        save_file(state, folder / f"{stem}.safetensors", metadata={"format": "pt"})
        return
    parts: list[dict[str, torch.Tensor]] = [{} for _ in range(shards)]
    written = 0
    for name, tensor in state.items():
        parts[min(shards - 1, written * shards // total)][name] = tensor
        written += tensor.nbytes
    weight_map = {}
    for index, part in enumerate(parts):
        file = f"{stem}-{index + 1:05d}-of-{shards:05d}.safetensors"
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    tiny_tokenizer.write_json(
        folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map}
    )
