"""Makes every case in src/test/resources/goldens: `python make_goldens.py`.

Tiny random models of the real classes are written in the layouts in which Qwen-Image is published, loaded again by
diffusers and transformers, and run in FP32 by QwenImagePipeline itself. What the pipeline computed on its way is
kept beside the picture. See goldens/README.md for the cases.
"""

import argparse
import platform
import shutil
from pathlib import Path

import diffusers
import numpy
import torch
import transformers
from diffusers import QwenImagePipeline
from safetensors.torch import save_file

import tiny_models
import tiny_tokenizer
from tiny_models import LIGHTNING_SCHEDULER, QWEN_IMAGE_SCHEDULER, Variant

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
TOLERANCE = {"hidden": 1e-3, "latents": 2e-3, "psnr": 50, "max_pixel": 2}

BLOCKS = {
    "published-bf16-sharded": ("text_encoder", "transformer", "vae_decoder", "vae_encoder"),
    "nested-f32": ("text_encoder",),
    "defaults-f16-f8": ("transformer", "vae_decoder"),
}

VARIANTS = [
    Variant(
        name="published-bf16-sharded",
        seed=1000,
        merges=280,
        text=dict(
            hidden_size=64,
            intermediate_size=112,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            mrope_section=[2, 3, 3],
        ),
        vision=dict(depth=2, hidden_size=32, intermediate_size=48, num_heads=2, fullatt_block_indexes=[1]),
        transformer=dict(
            num_layers=2,
            attention_head_dim=32,
            num_attention_heads=3,
            joint_attention_dim=64,
            axes_dims_rope=(8, 12, 12),
        ),
        vae=dict(base_dim=4),
        scheduler=QWEN_IMAGE_SCHEDULER,
        shards=2,
    ),
    Variant(
        name="nested-f32",
        seed=2000,
        merges=230,
        text=dict(
            hidden_size=48,
            intermediate_size=72,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            mrope_section=[2, 2, 4],
            rope_theta=10000.0,
            tie_word_embeddings=True,
        ),
        vision=dict(depth=2, hidden_size=16, intermediate_size=24, num_heads=2, fullatt_block_indexes=[0]),
        transformer=dict(
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=3,
            joint_attention_dim=48,
            axes_dims_rope=(4, 4, 8),
        ),
        vae=dict(base_dim=4),
        scheduler=LIGHTNING_SCHEDULER,
        text_dtype=torch.float32,
        transformer_dtype=torch.float32,
        config_form="nested",
        tokenizer_form="current",
    ),
    Variant(
        name="defaults-f16-f8",
        seed=3000,
        merges=200,
        text=dict(
            hidden_size=64,
            intermediate_size=104,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            mrope_section=[4, 6, 6],
        ),
        vision=dict(depth=2, hidden_size=32, intermediate_size=40, num_heads=4, fullatt_block_indexes=[1]),
        transformer=dict(num_layers=1, num_attention_heads=2, joint_attention_dim=64),
        vae=dict(base_dim=3),
        scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
        text_dtype=torch.float16,
        transformer_dtype=torch.float8_e4m3fn,
        vae_dtype=torch.float16,
        config_form="flat and nested",
        tokenizer_form="both",
        omitted={
            "text_encoder": ["hidden_act", "rope_theta", "tie_word_embeddings", "use_cache", "use_sliding_window"],
            "transformer": [
                "attention_head_dim",
                "axes_dims_rope",
                "guidance_embeds",
                "in_channels",
                "out_channels",
                "patch_size",
                "pooled_projection_dim",
            ],
            "vae": [
                "attn_scales",
                "dim_mult",
                "dropout",
                "latents_mean",
                "latents_std",
                "num_res_blocks",
                "temperal_downsample",
                "z_dim",
            ],
        },
    ),
]

LONG_PROMPT = " ".join(
    f"A small house number {index}, beside it {index * 7} apples and a cat in the window;" for index in range(64)
)

CASES = [
    dict(
        name="english-guided",
        model="published-bf16-sharded",
        prompt="A red kite over Lisbon",
        negative_prompt="blurry, low quality",
        width=80,
        height=48,
        num_inference_steps=3,
        true_cfg_scale=4.0,
        seed=42,
    ),
    dict(
        name="chinese-unguided",
        model="published-bf16-sharded",
        prompt="一只红色的风筝飞过里斯本，写着“通义千问”的招牌",
        width=112,
        height=64,
        num_inference_steps=2,
        true_cfg_scale=4.0,
        seed=4294967303,
    ),
    dict(
        name="mixed-rounded",
        model="published-bf16-sharded",
        prompt='A "neon sign" 写着 “你好 {world}” 🪁👩‍👩‍👧 it\'s <|im_end|> café\tnaïve\n\n  100%',
        negative_prompt=" ",
        width=100,
        height=75,
        num_inference_steps=2,
        true_cfg_scale=2.5,
        seed=0,
    ),
    dict(
        name="long-prompt-512",
        model="published-bf16-sharded",
        prompt=LONG_PROMPT,
        negative_prompt="",
        width=32,
        height=48,
        num_inference_steps=2,
        true_cfg_scale=3.0,
        seed=7,
    ),
    dict(
        name="long-prompt-1024",
        model="nested-f32",
        prompt=LONG_PROMPT,
        width=48,
        height=32,
        num_inference_steps=2,
        true_cfg_scale=1.0,
        seed=7,
        max_sequence_length=1024,
    ),
    dict(
        name="lightning-negative-ignored",
        model="nested-f32",
        prompt="An astronaut rides a white horse on the moon 🌙",
        negative_prompt="blurry",
        width=64,
        height=80,
        num_inference_steps=4,
        true_cfg_scale=1.0,
        seed=123456789,
    ),
    dict(
        name="lightning-guided",
        model="nested-f32",
        prompt='水墨画 with a title "山水"',
        negative_prompt="低质量",
        width=96,
        height=48,
        num_inference_steps=8,
        true_cfg_scale=3.0,
        seed=2147483648,
    ),
    dict(
        name="static-shift-guided",
        model="defaults-f16-f8",
        prompt="A cup of coffee on a wooden table, OPEN 24 HOURS",
        negative_prompt="text, watermark",
        width=112,
        height=48,
        num_inference_steps=3,
        true_cfg_scale=1.5,
        seed=31337,
    ),
    dict(
        name="one-step",
        model="defaults-f16-f8",
        prompt="?",
        width=48,
        height=80,
        num_inference_steps=1,
        true_cfg_scale=4.0,
        seed=99,
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    for folder in ("models", "blocks", *(case["name"] for case in CASES)):
        shutil.rmtree(arguments.output / folder, ignore_errors=True)
    for variant in VARIANTS:
        tiny_models.write(variant, arguments.output / "models")
        pipeline = load(arguments.output / "models" / variant.name)
        write_blocks(pipeline, variant, arguments.output / "blocks")
        for case in CASES:
            if case["model"] == variant.name:
                write_case(pipeline, case, arguments.output)


def load(folder: Path) -> QwenImagePipeline:
    """The stored weights widened to FP32."""
    pipeline = QwenImagePipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    template = pipeline.prompt_template_encode.split("{}")[0]
    assert template == tiny_tokenizer.TEMPLATE_PREFIX
    assert len(pipeline.tokenizer(template).input_ids) == tiny_tokenizer.PREFIX_TOKENS
    return pipeline


def write_case(pipeline: QwenImagePipeline, case: dict, output: Path) -> None:
    """Runs the pipeline once and keeps what passes between its stages."""
    record: dict[str, torch.Tensor] = {}
    height = case["height"] // 16 * 16
    width = case["width"] // 16 * 16
    unpack = lambda packed: pipeline._unpack_latents(packed, height, width, 8)[0, :, 0]

    encode_prompt, prepare_latents = pipeline.encode_prompt, pipeline.prepare_latents
    step, postprocess = pipeline.scheduler.step, pipeline.image_processor.postprocess
    encoded = iter(("prompt_embeds", "negative_prompt_embeds"))

    def record_prompt(*args, **kwargs):
        result = encode_prompt(*args, **kwargs)
        assert result[1] is None
        record[next(encoded)] = result[0][0]
        return result

    def record_noise(*args, **kwargs):
        result = prepare_latents(*args, **kwargs)
        record["initial_latents"] = unpack(result)
        return result

    def record_prediction(prediction, timestep, sample, **kwargs):
        record[f"noise_pred.{pipeline.scheduler.step_index or 0}"] = prediction[0]
        return step(prediction, timestep, sample, **kwargs)

    def record_latents(_pipeline, index, _timestep, values):
        record[f"latents.{index}"] = unpack(values["latents"])
        return {}

    def record_picture(image, **kwargs):
        record["image"] = (image[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)
        return postprocess(image, **kwargs)

    pipeline.encode_prompt, pipeline.prepare_latents = record_prompt, record_noise
    pipeline.scheduler.step, pipeline.image_processor.postprocess = record_prediction, record_picture
    try:
        picture = pipeline(
            prompt=case["prompt"],
            negative_prompt=case.get("negative_prompt"),
            width=case["width"],
            height=case["height"],
            num_inference_steps=case["num_inference_steps"],
            true_cfg_scale=case["true_cfg_scale"],
            max_sequence_length=case.get("max_sequence_length", 512),
            generator=torch.Generator("cpu").manual_seed(case["seed"]),
            callback_on_step_end=record_latents,
        ).images[0]
    finally:
        pipeline.encode_prompt, pipeline.prepare_latents = encode_prompt, prepare_latents
        pipeline.scheduler.step, pipeline.image_processor.postprocess = step, postprocess
    record["timesteps"] = pipeline.scheduler.timesteps
    record["sigmas"] = pipeline.scheduler.sigmas
    check_case(case, record)

    folder = output / case["name"]
    folder.mkdir(parents=True)
    picture.save(folder / "image.png")
    save(record, folder / "expected.safetensors")
    description = {"kind": "text-to-image"} | {k: v for k, v in case.items() if k != "name"}
    description |= {"model": f"../models/{case['model']}", "tolerance": TOLERANCE, "made_with": versions()}
    tiny_tokenizer.write_json(folder / "case.json", description)


def check_case(case: dict, record: dict[str, torch.Tensor]) -> None:
    """A flat or saturated picture, or latents that explode, would prove little."""
    image = record["image"]
    clipped = ((image <= 0) | (image >= 1)).float().mean().item()
    latents = record[f"latents.{case['num_inference_steps'] - 1}"]
    moved = (latents - record["initial_latents"]).std().item()
    print(
        f"{case['name']}: text {tuple(record['prompt_embeds'].shape)} std {record['prompt_embeds'].std():.2f}, "
        f"latents std {latents.std():.2f} moved {moved:.2f}, image std {image.std():.3f} clipped {clipped:.3f}"
    )
    assert all(torch.isfinite(tensor).all() for tensor in record.values())
    assert image.std() > 0.1 and clipped < 0.1, case["name"]
    assert 0.3 < latents.std() < 5 and moved > 0.3, case["name"]


def write_blocks(pipeline: QwenImagePipeline, variant: Variant, output: Path) -> None:
    """One forward of each network with what every block in it returned."""
    output.mkdir(parents=True, exist_ok=True)
    writers = {
        "text_encoder": write_text_blocks,
        "transformer": write_transformer_blocks,
        "vae_decoder": write_decoder_blocks,
        "vae_encoder": write_encoder_blocks,
    }
    for network in BLOCKS[variant.name]:
        writers[network](pipeline, variant, output)


def write_text_blocks(pipeline: QwenImagePipeline, variant: Variant, output: Path) -> None:
    text = pipeline.prompt_template_encode.format('A "red kite" 风筝 🪁')
    ids = pipeline.tokenizer(text, return_tensors="pt").input_ids
    language = pipeline.text_encoder.model.language_model
    names = {f"layers.{index}": layer for index, layer in enumerate(language.layers)}
    names |= {"layers.0.self_attn": language.layers[0].self_attn, "layers.0.mlp": language.layers[0].mlp}
    record = {}
    with Hooks(names | {"embed_tokens": language.embed_tokens, "norm": language.norm}, record):
        result = pipeline.text_encoder(input_ids=ids, output_hidden_states=True)
    assert torch.equal(result.hidden_states[-1][0], record["norm"])
    save(record, output / f"text_encoder.{variant.name}.safetensors")
    describe(output, "text_encoder", variant, text=text, input_ids=ids[0].tolist())


def write_transformer_blocks(pipeline: QwenImagePipeline, variant: Variant, output: Path) -> None:
    model = pipeline.transformer
    generator = torch.Generator().manual_seed(variant.seed + 10)
    shape, text_tokens, timestep = (1, 3, 5), 7, 0.731
    hidden = torch.randn(1, shape[1] * shape[2], model.config.in_channels, generator=generator)
    encoder_hidden = torch.randn(1, text_tokens, model.config.joint_attention_dim, generator=generator)
    record = {"input.hidden_states": hidden[0], "input.encoder_hidden_states": encoder_hidden[0]}
    record["input.timestep"] = torch.tensor([timestep])
    rotary = model.pos_embed([[shape]], max_txt_seq_len=text_tokens, device=hidden.device)
    record["pos_embed.image"], record["pos_embed.text"] = (torch.view_as_real(table) for table in rotary)
    names = {name: getattr(model, name) for name in ("img_in", "txt_norm", "txt_in", "norm_out", "proj_out")}
    names["time_text_embed"] = model.time_text_embed
    pairs = {}
    for index, block in enumerate(model.transformer_blocks):
        prefix = f"transformer_blocks.{index}"
        names[f"{prefix}.img_mod"], names[f"{prefix}.txt_mod"] = block.img_mod, block.txt_mod
        names[f"{prefix}.img_mlp"], names[f"{prefix}.txt_mlp"] = block.img_mlp, block.txt_mlp
        # The block returns text before picture, its attention picture before text.
        pairs[f"{prefix}"] = (block, ("encoder_hidden_states", "hidden_states"))
        pairs[f"{prefix}.attn"] = (block.attn, ("hidden_states", "encoder_hidden_states"))
    with Hooks(names, record), PairHooks(pairs, record):
        result = model(
            hidden_states=hidden,
            encoder_hidden_states=encoder_hidden,
            timestep=torch.tensor([timestep]),
            img_shapes=[[shape]],
            return_dict=False,
        )[0]
    record["output"] = result[0]
    save(record, output / f"transformer.{variant.name}.safetensors")
    describe(output, "transformer", variant, img_shapes=[list(shape)], timestep=timestep)


def write_decoder_blocks(pipeline: QwenImagePipeline, variant: Variant, output: Path) -> None:
    vae = pipeline.vae
    generator = torch.Generator().manual_seed(variant.seed + 11)
    latent = torch.randn(1, vae.config.z_dim, 1, 3, 5, generator=generator)
    names = {"post_quant_conv": vae.post_quant_conv, "decoder.conv_in": vae.decoder.conv_in}
    names |= mid_block("decoder", vae.decoder.mid_block)
    for index, block in enumerate(vae.decoder.up_blocks):
        prefix = f"decoder.up_blocks.{index}"
        names[prefix] = block
        names |= {f"{prefix}.resnets.{number}": resnet for number, resnet in enumerate(block.resnets)}
    names |= {"decoder.norm_out": vae.decoder.norm_out, "decoder.conv_out": vae.decoder.conv_out}
    record = {"input.latents": latent[0, :, 0]}
    with Hooks(names, record):
        record["output"] = vae.decode(latent, return_dict=False)[0][0, :, 0]
    save(record, output / f"vae_decoder.{variant.name}.safetensors")
    describe(output, "vae_decoder", variant)


def write_encoder_blocks(pipeline: QwenImagePipeline, variant: Variant, output: Path) -> None:
    vae = pipeline.vae
    generator = torch.Generator().manual_seed(variant.seed + 12)
    picture = 2 * torch.rand(1, 3, 1, 24, 40, generator=generator) - 1
    names = {"encoder.conv_in": vae.encoder.conv_in}
    names |= {f"encoder.down_blocks.{index}": block for index, block in enumerate(vae.encoder.down_blocks)}
    names |= mid_block("encoder", vae.encoder.mid_block)
    names |= {"encoder.norm_out": vae.encoder.norm_out, "encoder.conv_out": vae.encoder.conv_out}
    record = {"input.image": picture[0, :, 0]}
    with Hooks(names | {"quant_conv": vae.quant_conv}, record):
        record["mean"] = vae.encode(picture).latent_dist.mode()[0, :, 0]
    save(record, output / f"vae_encoder.{variant.name}.safetensors")
    describe(output, "vae_encoder", variant)


def mid_block(side: str, block: torch.nn.Module) -> dict[str, torch.nn.Module]:
    prefix = f"{side}.mid_block"
    return {
        prefix: block,
        f"{prefix}.resnets.0": block.resnets[0],
        f"{prefix}.attentions.0": block.attentions[0],
        f"{prefix}.resnets.1": block.resnets[1],
    }


class Hooks:
    """Records what modules return while it is entered: without the batch and, in the VAE, without time."""

    def __init__(self, modules: dict[str, torch.nn.Module], record: dict[str, torch.Tensor]) -> None:
        self.modules, self.record = modules, record

    def __enter__(self) -> None:
        self.handles = [
            module.register_forward_hook(lambda _module, _inputs, result, name=name: self.keep(name, result))
            for name, module in self.modules.items()
        ]

    def keep(self, name: str, result: torch.Tensor | tuple) -> None:
        tensor = result[0] if isinstance(result, tuple) else result
        self.record[name] = tensor[0, :, 0] if tensor.ndim == 5 else tensor[0]

    def __exit__(self, *_) -> None:
        for handle in self.handles:
            handle.remove()


class PairHooks(Hooks):
    """The same for modules that return both streams; `modules` also names what each position holds."""

    def __enter__(self) -> None:
        self.handles = [
            module.register_forward_hook(lambda _m, _i, result, name=name, parts=parts: self.keep(name, parts, result))
            for name, (module, parts) in self.modules.items()
        ]

    def keep(self, name: str, parts: tuple[str, str], result: tuple) -> None:
        for part, tensor in zip(parts, result):
            self.record[f"{name}.{part}"] = tensor[0]


def describe(output: Path, network: str, variant: Variant, **details) -> None:
    description = {"network": network, "model": f"../models/{variant.name}"} | details
    description |= {"tolerance": {"relative": 1e-3}, "made_with": versions()}
    tiny_tokenizer.write_json(output / f"{network}.{variant.name}.json", description)


def save(record: dict[str, torch.Tensor], path: Path) -> None:
    tensors = {name: tensor.detach().to(torch.float32).clone().contiguous() for name, tensor in record.items()}
    save_file(tensors, path)


def versions() -> dict[str, str]:
    return {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
