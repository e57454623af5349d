"""Draws the scenes that the denoiser learns from and encodes them once."""

import argparse

import numpy as np
import torch

import flat_vae
import training
import world

SCENES = training.ROOT / "scenes.pt"
STATISTICS = training.ROOT / "statistics.pt"
FIELDS = ["count", "colour", "shape", "size", "place", "ground", "graded", "centre", "radius"]


def load_vae() -> flat_vae.FlatVae:
    vae = flat_vae.FlatVae()
    vae.load_state_dict(training.load(training.ROOT / "vae.pt")["average"])
    return vae.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=32_000, help="goes on from what there is")
    parser.add_argument("--single", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    vae = load_vae()
    encode = torch.compile(vae.encode)
    state = training.load(SCENES)
    chunks = [] if state is None else [state]
    done = 0 if state is None else len(state["latents"])
    while done < arguments.count:
        scenes = world.sample(np.random.default_rng([arguments.seed, done]), 1000, arguments.single)
        latents = []
        for start in range(0, 1000, 20):
            training.rest()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                latents.append(encode(world.render(scenes[slice(start, start + 20)])).bfloat16())
        chunk = {name: torch.from_numpy(np.asarray(getattr(scenes, name))) for name in FIELDS}
        chunks.append(chunk | {"latents": torch.cat(latents).clone()})
        done += 1000
        if done % 8000 == 0 or done >= arguments.count:
            whole = {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}
            training.save(SCENES, whole)
            chunks = [whole]
            training.log("scenes", f"{done} scenes, deviation of the latents {whole['latents'].float().std():.3f}")


def load() -> tuple[world.Scenes, torch.Tensor]:
    """The scenes and their latents [n, 16, 16, 16], each channel of mean 0 and deviation 1."""
    state = training.load(SCENES)
    mean, std = statistics()
    latents = (state["latents"] - mean.bfloat16()) / std.bfloat16()
    return world.Scenes(*(state[name].numpy() for name in FIELDS)), latents


def statistics() -> tuple[torch.Tensor, torch.Tensor]:
    """latents_mean and latents_std of the autoencoder's configuration, [16, 1, 1]; fixed once, whatever is added later."""
    state = training.load(STATISTICS)
    if state is None:
        latents = training.load(SCENES)["latents"][:4000].float()
        state = {"mean": latents.mean(dim=(0, 2, 3)), "std": latents.std(dim=(0, 2, 3))}
        training.save(STATISTICS, state)
    return state["mean"].view(16, 1, 1), state["std"].view(16, 1, 1)


if __name__ == "__main__":
    main()
