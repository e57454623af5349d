"""Makes goldens-vision/sampling.safetensors and .json: what generate's own processors make of logits before the draw.

The processors are those, and in the order, that `generate` builds from a generation config: repetition penalty,
temperature, top-k, top-p. Each stage's scores are kept; what is ruled out is minus infinity.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

import tiny_tokenizer

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
STAGES = {
    "RepetitionPenaltyLogitsProcessor": "repetition_penalty",
    "TemperatureLogitsWarper": "temperature",
    "TopKLogitsWarper": "top_k",
    "TopPLogitsWarper": "top_p",
}
# (name, vocabulary, tokens so far, deviation of the logits, settings)
CASES = [
    ("nothing", 61, 5, 3.0, dict(top_k=0)),
    ("library-defaults", 151, 9, 3.0, dict(top_k=50)),
    ("qwen2-vl", 257, 11, 3.0, dict(temperature=0.01, top_k=1, top_p=0.001)),
    ("qwen2.5-vl", 257, 40, 3.0, dict(temperature=0.000001, repetition_penalty=1.05, top_k=50)),
    ("qwen3-vl", 257, 30, 3.0, dict(temperature=0.7, top_k=20, top_p=0.8, repetition_penalty=1.0)),
    ("all", 560, 60, 4.0, dict(temperature=1.3, top_k=40, top_p=0.9, repetition_penalty=1.2)),
    ("reward", 97, 20, 3.0, dict(repetition_penalty=0.8, top_k=0)),
    ("top-p-alone", 301, 8, 2.0, dict(top_k=0, top_p=0.5)),
    ("top-p-tiny", 301, 8, 2.0, dict(top_k=0, top_p=1e-6)),
    ("top-p-almost-one", 301, 8, 2.0, dict(top_k=0, top_p=0.999)),
    ("flat", 301, 8, 0.01, dict(top_k=7, top_p=0.6)),
    ("top-k-beyond-vocabulary", 13, 3, 2.0, dict(top_k=50, temperature=2.5)),
    ("huge", 61, 5, 3000.0, dict(temperature=0.5, top_k=10, top_p=0.95)),
    ("ties", 40, 6, 2.0, dict(temperature=0.8, top_k=4, repetition_penalty=1.1)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens-vision")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    sizes = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1)
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=16, **sizes))
    generator = torch.Generator().manual_seed(77)
    record, described = {}, []
    for name, vocabulary, length, deviation, settings in CASES:
        logits = deviation * torch.randn(1, vocabulary, generator=generator)
        if name == "ties":
            # Eight values, so that the fourth best is shared.
            logits = (logits / 2).round() * 2
        previous = torch.randint(0, vocabulary, (1, length), generator=generator)
        record |= {f"{name}.logits": logits[0], f"{name}.previous": previous[0]}
        stages = []
        for processor in processors(model, length, settings):
            logits = processor(previous, logits.clone())
            stages.append(STAGES[type(processor).__name__])
            record[f"{name}.{stages[-1]}"] = logits[0]
        record[f"{name}.probabilities"] = logits[0].softmax(-1)
        described.append({"name": name, "settings": settings, "stages": stages})
        print(name, stages, int((record[f"{name}.probabilities"] > 0).sum()), "possible")
    save_file({name: tensor.clone().contiguous() for name, tensor in record.items()}, arguments.output / "sampling.safetensors")
    tiny_tokenizer.write_json(arguments.output / "sampling.json", described)


def processors(model, length: int, settings: dict) -> list:
    config = GenerationConfig(do_sample=True, **{"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0} | settings)
    found = model._get_logits_processor(generation_config=config, input_ids_seq_length=length, device="cpu")
    return list(found)


if __name__ == "__main__":
    main()
