"""The peer of the `bench` command: the same work in PyTorch, one JSON line per measurement.

    python bench_torch.py [--save DIR] [--only mmdit_block,vae_decode,text_encode] [--dtypes float32,bfloat16]

mmdit_block  one QwenImageTransformerBlock of the published width (24 heads of 128) on 1024 picture and 64 text tokens
vae_decode   the published AutoencoderKLQwenImage, one picture of 256x256
text_encode  two layers of Qwen2.5-VL-7B's language model on 200 tokens

Weights are random and representable in BF16. With --save, DIR becomes a model folder in the published layout (BF16
safetensors, a tiny vocabulary), and DIR/bench/NAME.safetensors holds the inputs and the FP32 outputs, so that another
implementation can be compared before it is timed.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from safetensors.torch import save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

import tiny_models
import tiny_tokenizer

SEED = 77
PICTURE_ROWS, PICTURE_COLUMNS, TEXT_TOKENS = 32, 32, 64
PROMPT_TOKENS = 200
LATENT_SIZE = 32

REAL_WIDTH = tiny_models.Variant(
    name="real-width",
    seed=SEED,
    merges=280,
    text={
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 2,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "mrope_section": [16, 24, 24],
    },
    vision={"depth": 1, "hidden_size": 64, "intermediate_size": 96, "num_heads": 4, "fullatt_block_indexes": [0]},
    transformer={"num_layers": 1},
    vae={},
    scheduler=tiny_models.QWEN_IMAGE_SCHEDULER,
)

Work = tuple[torch.nn.Module, dict[str, torch.Tensor], Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, help="write models, inputs and outputs to this folder")
    parser.add_argument("--only", default="mmdit_block,vae_decode,text_encode")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=7, help="at most, after one that is not counted")
    parser.add_argument("--seconds", type=float, default=30, help="no further repeat begins after this long")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    for name in arguments.only.split(","):
        bench(name, arguments)
        gc.collect()
    if arguments.save is not None:
        finish_folder(arguments.save)


def bench(name: str, arguments: argparse.Namespace) -> None:
    builders = {"mmdit_block": mmdit_block, "vae_decode": vae_decode, "text_encode": text_encode}
    model, inputs, work = builders[name](arguments.save)
    if arguments.save is not None:
        save(arguments.save, name, inputs, work(inputs))
    for dtype_name in arguments.dtypes.split(","):
        # The VAE is decoded in FP32 alone.
        if name == "vae_decode" and dtype_name != "float32":
            continue
        dtype = getattr(torch, dtype_name)
        model.to(dtype)
        cast = {key: value.to(dtype) if value.is_floating_point() else value for key, value in inputs.items()}
        seconds = measure(lambda: work(cast), arguments.repeats, arguments.seconds)
        report(name, seconds, arguments.threads, dtype_name)


def mmdit_block(folder: Path | None) -> Work:
    model = QwenImageTransformer2DModel(**REAL_WIDTH.transformer)
    tiny_models.randomise(model, SEED)
    if folder is not None:
        tiny_models.save_transformer(model, REAL_WIDTH, folder / "transformer")
    block, rotary = model.transformer_blocks[0], model.pos_embed
    width = model.inner_dim
    round_weights(block)
    del model
    generator = torch.Generator().manual_seed(SEED + 1)
    inputs = {
        "hidden_states": torch.randn(1, PICTURE_ROWS * PICTURE_COLUMNS, width, generator=generator),
        "encoder_hidden_states": torch.randn(1, TEXT_TOKENS, width, generator=generator),
        "temb": torch.randn(1, width, generator=generator),
    }
    shapes = [[(1, PICTURE_ROWS, PICTURE_COLUMNS)]]
    frequencies = rotary(shapes, max_txt_seq_len=TEXT_TOKENS, device=torch.device("cpu"))

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        text, picture = block(**values, encoder_hidden_states_mask=None, image_rotary_emb=frequencies)
        return {"output.hidden_states": picture, "output.encoder_hidden_states": text}

    return block, inputs, work


def vae_decode(folder: Path | None) -> Work:
    model = AutoencoderKLQwenImage(**REAL_WIDTH.vae)
    tiny_models.randomise(model, SEED + 2)
    tiny_models.calibrate(model, SEED + 3)
    if folder is not None:
        tiny_models.save_vae(model, REAL_WIDTH, folder / "vae")
    round_weights(model)
    generator = torch.Generator().manual_seed(SEED + 4)
    inputs = {"latents": torch.randn(1, model.config.z_dim, 1, LATENT_SIZE, LATENT_SIZE, generator=generator)}
    return model, inputs, lambda values: {"output": model.decode(values["latents"], return_dict=False)[0]}


def text_encode(folder: Path | None) -> Work:
    vocabulary, _ = tiny_tokenizer.train(REAL_WIDTH.merges)
    config = tiny_models.flat_text_config(REAL_WIDTH, tiny_tokenizer.special_ids(vocabulary))
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(config))))
    tiny_models.randomise(model, SEED + 5)
    if folder is not None:
        tiny_models.save_text_encoder(model, config, REAL_WIDTH, folder / "text_encoder")
    language = model.model.language_model
    round_weights(language)
    del model
    generator = torch.Generator().manual_seed(SEED + 6)
    inputs = {"input_ids": torch.randint(len(vocabulary), (1, PROMPT_TOKENS), generator=generator)}

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"output": language(input_ids=values["input_ids"], use_cache=False).last_hidden_state}

    return language, inputs, work


def round_weights(model: torch.nn.Module) -> None:
    """FP32 arithmetic on the very values that BF16 files hold."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16).to(torch.float32)


def measure(work: Callable[[], object], repeats: int, limit: float) -> list[float]:
    work()
    seconds: list[float] = []
    while not seconds or (len(seconds) < repeats and sum(seconds) < limit):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def report(name: str, seconds: list[float], threads: int, dtype: str) -> None:
    line = {"name": name, "seconds_median": statistics.median(seconds), "seconds_all": seconds}
    print(json.dumps(line | {"threads": threads, "dtype": dtype}), flush=True)


def save(folder: Path, name: str, inputs: dict[str, torch.Tensor], outputs: dict[str, torch.Tensor]) -> None:
    """Without the batch dimension, and without the VAE's single frame."""
    (folder / "bench").mkdir(parents=True, exist_ok=True)
    tensors = {key: value[0, :, 0] if value.ndim == 5 else value[0] for key, value in (inputs | outputs).items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "bench" / f"{name}.safetensors")


def finish_folder(folder: Path) -> None:
    vocabulary, merges = tiny_tokenizer.train(REAL_WIDTH.merges)
    tiny_tokenizer.write_published(folder / "tokenizer", vocabulary, merges)
    tiny_models.write_scheduler_and_index(REAL_WIDTH, folder)


if __name__ == "__main__":
    main()
