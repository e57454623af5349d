"""The peer of the `bench` command: the same work in PyTorch, one JSON line per measurement.

    python bench_torch.py [--save DIR] [--only mmdit_block,...,decode] [--dtypes float32,bfloat16]

mmdit_block  one QwenImageTransformerBlock of the published width (24 heads of 128) on 1024 picture and 64 text tokens
vae_decode   the published AutoencoderKLQwenImage, one picture of 256x256
text_encode  two layers of Qwen2.5-VL-7B's language model on 200 tokens
preprocess   a picture of 1024x768 as patches, by the image processor of Qwen2.5-VL on Pillow
vision_encode  two blocks of its vision tower, one of them windowed, and the merger, on a picture of 1024x768
prefill      two layers of its language model and the head on 1000 tokens
decode       one token more, with keys and values of the 1000 before

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
from PIL import Image
from safetensors.torch import save_file
from transformers import Cache, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

import tiny_models
import tiny_tokenizer

JOBS = "mmdit_block,vae_decode,text_encode,preprocess,vision_encode,prefill,decode"
SEED = 77
PICTURE_ROWS, PICTURE_COLUMNS, TEXT_TOKENS = 32, 32, 64
PROMPT_TOKENS = 200
LATENT_SIZE = 32
PICTURE_WIDTH, PICTURE_HEIGHT, CHAT_TOKENS = 1024, 768, 1000

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
    parser.add_argument("--only", default=JOBS)
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
    builders = {
        "mmdit_block": mmdit_block,
        "vae_decode": vae_decode,
        "text_encode": text_encode,
        "preprocess": preprocess,
        "vision_encode": vision_encode,
        "prefill": prefill,
        "decode": decode,
    }
    model, inputs, work = builders[name](arguments.save)
    if arguments.save is not None:
        save(arguments.save, name, inputs, work(inputs))
    for dtype_name in arguments.dtypes.split(","):
        # Without AMX or AVX512-BF16 many rows of BF16 take PyTorch minutes; a single row it computes well.
        if name in ("vae_decode", "preprocess", "vision_encode", "prefill") and dtype_name != "float32":
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


def preprocess(folder: Path | None) -> Work:
    processor = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=28 * 28 * 1280)
    generator = torch.Generator().manual_seed(SEED + 10)
    inputs = {"picture": torch.randint(256, (1, PICTURE_HEIGHT, PICTURE_WIDTH, 3), generator=generator).to(torch.uint8)}

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        picture = Image.fromarray(values["picture"][0].numpy())
        return {"output": processor(images=picture, return_tensors="pt")["pixel_values"].reshape(1, -1)}

    return torch.nn.Identity(), inputs, work


def vision_encode(folder: Path | None) -> Work:
    tower = chat_model(folder).model.visual
    size = smart_resize(PICTURE_HEIGHT, PICTURE_WIDTH, factor=28, min_pixels=56 * 56, max_pixels=28 * 28 * 1280)
    rows, columns = size[0] // 14, size[1] // 14
    generator = torch.Generator().manual_seed(SEED + 8)
    inputs = {
        "pixel_values": torch.randn(1, rows * columns, 3 * 2 * 14 * 14, generator=generator),
        "image_grid_thw": torch.tensor([[1, rows, columns]]),
    }

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"output": tower(values["pixel_values"][0], values["image_grid_thw"]).pooler_output[None]}

    return tower, inputs, work


def prefill(folder: Path | None) -> Work:
    model = chat_model(folder)

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"output": model(input_ids=values["input_ids"], use_cache=True, logits_to_keep=1).logits[0]}

    return model, {"input_ids": chat_tokens(CHAT_TOKENS)}, work


def decode(folder: Path | None) -> Work:
    model = chat_model(folder)
    caches: dict[torch.dtype, Cache] = {}

    def work(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ids = values["input_ids"]
        if model.dtype not in caches:
            caches.clear()
            caches[model.dtype] = model(input_ids=ids[:, :-1], use_cache=True, logits_to_keep=1).past_key_values
        past = caches[model.dtype]
        if past.get_seq_length() > CHAT_TOKENS:
            past.crop(CHAT_TOKENS - past.get_seq_length())
        positions = torch.full((4, 1, 1), CHAT_TOKENS)
        answer = model(input_ids=ids[:, -1:], past_key_values=past, position_ids=positions, use_cache=True)
        return {"output": answer.logits[0]}

    return model, {"input_ids": chat_tokens(CHAT_TOKENS + 1)}, work


def chat_model(folder: Path | None) -> Qwen2_5_VLForConditionalGeneration:
    """Qwen2.5-VL-7B with two layers and two blocks; the head is the table of tokens, which saves memory."""
    torch.manual_seed(SEED + 7)
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 2,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
            "max_position_embeddings": 128000,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 3584,
            "fullatt_block_indexes": [1],
            "window_size": 112,
        },
        tie_word_embeddings=True,
    )
    model = Qwen2_5_VLForConditionalGeneration(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    round_weights(model)
    if folder is not None:
        target = folder / "vision_language"
        target.mkdir(parents=True, exist_ok=True)
        config.save_pretrained(target)
        tensors = {key: value.to(torch.bfloat16) for key, value in model.state_dict().items() if "lm_head" not in key}
        save_file(tensors, target / "model.safetensors")
    return model


def chat_tokens(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(SEED + 9)
    return torch.randint(150000, (1, count), generator=generator)


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
