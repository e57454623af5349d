"""Makes goldens/schedulers.json: what FlowMatchEulerDiscreteScheduler answers for many configurations.

Schedules are asked for as QwenImagePipeline does: sigmas from 1 to 1/steps and mu from the number of picture tokens.
"""

import argparse
import json
import math
from pathlib import Path

import numpy
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.qwenimage.pipeline_qwenimage import calculate_shift

from tiny_models import LIGHTNING_SCHEDULER, QWEN_IMAGE_SCHEDULER

RESOURCES = Path(__file__).resolve().parent.parent / "resources"

CONFIGS = {
    "qwen-image": QWEN_IMAGE_SCHEDULER,
    "lightning": LIGHTNING_SCHEDULER,
    "linear": QWEN_IMAGE_SCHEDULER | {"time_shift_type": "linear"},
    "linear-no-terminal": QWEN_IMAGE_SCHEDULER | {"time_shift_type": "linear", "shift_terminal": None},
    "static-shift-3": {"shift": 3.0},
    "static-shift-3-terminal": {"shift": 3.0, "shift_terminal": 0.1},
    "defaults": {},
    "dynamic-defaults": {"use_dynamic_shifting": True},
    "dynamic-linear-defaults": {"use_dynamic_shifting": True, "time_shift_type": "linear"},
    "karras": QWEN_IMAGE_SCHEDULER | {"use_karras_sigmas": True},
    "exponential": QWEN_IMAGE_SCHEDULER | {"use_exponential_sigmas": True},
    "beta": QWEN_IMAGE_SCHEDULER | {"use_beta_sigmas": True},
    "karras-static": {"use_karras_sigmas": True, "shift": 2.5},
    "beta-static": {"use_beta_sigmas": True},
    "inverted": QWEN_IMAGE_SCHEDULER | {"invert_sigmas": True},
    "inverted-static": {"invert_sigmas": True, "shift": 3.0},
    "stochastic": QWEN_IMAGE_SCHEDULER | {"stochastic_sampling": True},
    "train-timesteps-500": QWEN_IMAGE_SCHEDULER | {"num_train_timesteps": 500},
}
# (steps, picture tokens): 4096 tokens are 1024x1024 pixels, 6889 are 1328x1328.
REQUESTS = [(2, 15), (4, 4096), (8, 256), (20, 6889), (50, 4095)]
STEPPED = ["qwen-image", "lightning", "linear", "static-shift-3", "karras", "inverted", "stochastic"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESOURCES / "goldens" / "schedulers.json")
    arguments = parser.parse_args()
    schedules = [schedule(name, steps, tokens) for name in CONFIGS for steps, tokens in REQUESTS]
    # shift_terminal with a single step divides zero by zero; the others have a schedule of one.
    schedules += [schedule(name, 1, 64) for name in ("lightning", "static-shift-3", "defaults", "dynamic-defaults")]
    result = {
        "configs": {name: {k: v for k, v in config.items() if k[0] != "_"} for name, config in CONFIGS.items()},
        "schedules": schedules,
        "steps": [walk(name) for name in STEPPED],
    }
    lines = [
        "{",
        '"configs": ' + json.dumps(result["configs"], indent=1) + ",",
        '"schedules": [\n' + ",\n".join(json.dumps(entry) for entry in result["schedules"]) + "\n],",
        '"steps": [\n' + ",\n".join(json.dumps(entry) for entry in result["steps"]) + "\n]",
        "}",
    ]
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def prepare(name: str, steps: int, tokens: int) -> tuple[FlowMatchEulerDiscreteScheduler, float]:
    scheduler = FlowMatchEulerDiscreteScheduler.from_config(CONFIGS[name])
    mu = calculate_shift(
        tokens,
        scheduler.config.get("base_image_seq_len", 256),
        scheduler.config.get("max_image_seq_len", 4096),
        scheduler.config.get("base_shift", 0.5),
        scheduler.config.get("max_shift", 1.15),
    )
    scheduler.set_timesteps(sigmas=numpy.linspace(1.0, 1 / steps, steps), mu=mu)
    return scheduler, mu


def schedule(name: str, steps: int, tokens: int) -> dict:
    scheduler, mu = prepare(name, steps, tokens)
    timesteps, sigmas = decimals(scheduler.timesteps), decimals(scheduler.sigmas)
    assert all(math.isfinite(value) for value in timesteps + sigmas), (name, steps, tokens)
    return {
        "config": name,
        "steps": steps,
        "image_seq_len": tokens,
        "mu": mu,
        "timesteps": timesteps,
        "sigmas": sigmas,
    }


def walk(name: str) -> dict:
    """Three calls of `step` on five values, with one generator where the sampling is stochastic."""
    scheduler, _ = prepare(name, 3, 100)
    scheduler.set_begin_index(0)
    noise = torch.Generator().manual_seed(5)
    generator = torch.Generator().manual_seed(6)
    sample = torch.randn(1, 5, generator=noise)
    entry = {"config": name, "steps": 3, "image_seq_len": 100, "seed": 6, "sample": decimals(sample[0])}
    entry |= {"model_outputs": [], "prev_samples": []}
    for timestep in scheduler.timesteps:
        prediction = torch.randn(1, 5, generator=noise)
        sample = scheduler.step(prediction, timestep, sample, generator=generator, return_dict=False)[0]
        entry["model_outputs"].append(decimals(prediction[0]))
        entry["prev_samples"].append(decimals(sample[0]))
    return entry


def decimals(tensor: torch.Tensor) -> list[float]:
    """The shortest decimals that give the same FP32 values back."""
    return [float(str(value)) for value in tensor.to(torch.float32).numpy()]


if __name__ == "__main__":
    main()
