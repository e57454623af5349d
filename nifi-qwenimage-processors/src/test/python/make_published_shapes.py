"""Writes ../resources/published/{transformer,vae,vision_language}.json: what the published models are made of, without weights.

    python make_published_shapes.py

Each holds the component's "config", and the shapes of its "tensors" by their names in the checkpoint. Of layers and
blocks, which are alike, the first alone is listed; "layers" says how many there are of each.
"""

import json
import re
from pathlib import Path

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

TARGET = Path(__file__).parent.parent / "resources" / "published"
LAYER = re.compile(r"^(transformer_blocks|model\.layers|visual\.blocks)\.(\d+)\.")
# As Qwen/Qwen2.5-VL-7B-Instruct and Qwen/Qwen-Image publish them.
VISION_LANGUAGE = {
    "model_type": "qwen2_5_vl",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 128000,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "image_token_id": 151655,
    "vision_config": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "hidden_act": "silu",
        "in_chans": 3,
    },
}


def main() -> None:
    with torch.device("meta"):
        transformer = QwenImageTransformer2DModel()
        vae = AutoencoderKLQwenImage()
        language = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**json.loads(json.dumps(VISION_LANGUAGE))))
    TARGET.mkdir(exist_ok=True)
    write("transformer", plain(transformer.config), transformer.state_dict())
    write("vae", plain(vae.config), vae.state_dict())
    write("vision_language", VISION_LANGUAGE, {published(name): value for name, value in language.state_dict().items()})


def plain(config: dict) -> dict:
    return {key: value for key, value in config.items() if not key.startswith("_")}


def published(name: str) -> str:
    """The name before transformers 5 moved both halves below "model"."""
    return name.replace("model.visual.", "visual.").replace("model.language_model.", "model.")


def write(component: str, config: dict, state: dict[str, torch.Tensor]) -> None:
    layers: dict[str, int] = {}
    tensors = {}
    for name, value in state.items():
        layer = LAYER.match(name)
        if layer:
            layers[layer[1]] = max(layers.get(layer[1], 0), int(layer[2]) + 1)
        if not layer or layer[2] == "0":
            tensors[name] = list(value.shape)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(shape)}" for name, shape in tensors.items())
    text = (
        f'{{"config": {json.dumps(config)},\n"layers": {json.dumps(layers)},\n"tensors": {{\n{lines}\n}}}}\n'
    )
    (TARGET / f"{component}.json").write_text(text)
    count = sum(torch.Size(shape).numel() * layers.get((LAYER.match(name) or [0, ""])[1], 1) for name, shape in tensors.items())
    print(f"{component}: {len(tensors)} tensors, {count / 1e9:.2f} billion elements")


if __name__ == "__main__":
    main()
