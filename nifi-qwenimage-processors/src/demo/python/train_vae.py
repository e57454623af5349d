"""Trains the autoencoder on windows around the things of the world.

Latents get noise before they are decoded, of a strength drawn per picture: the decoder learns to draw clean edges from
latents that are a little wrong, as a small denoiser's are, and the encoder learns to write so that this is possible.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

import checker
import flat_vae
import training
import world

STATE = training.ROOT / "vae.pt"


def windows(generator: np.random.Generator, n: int, size: int) -> torch.Tensor:
    """[n, 3, size, size]: most around a thing's edge, some anywhere, some in colours of no palette."""
    scenes = world.sample(generator, n)
    index = np.where(scenes.count == 2, generator.integers(2, size=n), 0)
    middle = scenes.centre[np.arange(n), index] + generator.uniform(-24, 24, size=(n, 2))
    corner = np.clip(np.round(middle - size / 2), 0, world.SIZE - size)
    strange = generator.random(n) < 0.12
    colour = np.where(strange[:, None, None], generator.integers(256, size=(n, 2, 3)), world.COLOUR_RGB[scenes.colour])
    ground = np.where(strange[:, None], generator.integers(256, size=(n, 3)), world.GROUND_RGB[scenes.ground])
    return world.render(scenes, colour, ground, corner, size)


def loss(model: flat_vae.FlatVae, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        y = model.decode(model.encode(x) + noise)
    y = y.float()
    slope = lambda p: (p[:, :, 1:, :-1] - p[:, :, :-1, :-1], p[:, :, :-1, 1:] - p[:, :, :-1, :-1])
    edges = sum(F.l1_loss(a, b) for a, b in zip(slope(y), slope(x)))
    return F.l1_loss(y, x) + F.mse_loss(y, x) + edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--decay", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--window", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--noise", type=float, default=0.5, help="strongest noise on the latents")
    parser.add_argument("--decoder", action="store_true", help="train the decoder only: latents stay what they are")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    model = flat_vae.FlatVae()
    average = training.Average(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01, fused=True)
    step = 0
    if (state := training.load(STATE)) is not None:
        model.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    generator = np.random.default_rng([arguments.seed, step])
    if arguments.decoder:
        # The encoder becomes the averaged one, which is what encoded the scenes, and stays so.
        model.encoder.load_state_dict(average.module.encoder.state_dict())
        model.encoder.requires_grad_(False)
        model.normal.eval()
    compiled = torch.compile(loss)
    started, total = time.time(), 0.0
    while step < arguments.steps and time.time() - started < 60 * arguments.minutes:
        training.rest()
        training.set_rate(optimizer, training.rate(step, arguments.steps, arguments.rate, 100, arguments.decay))
        x = windows(generator, arguments.batch, arguments.window)
        grid = arguments.window // 8
        strength = arguments.noise * torch.rand(arguments.batch, 1, 1, 1)
        value = compiled(model, x, strength * torch.randn(arguments.batch, 16, grid, grid))
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update(model, step)
        step += 1
        total += value.item()
        if step % 100 == 0:
            training.log("vae", f"step {step} loss {total / 100:.4f} processor seconds {time.process_time():.0f}")
            total = 0.0
        if step % 1000 == 0 or step == arguments.steps:
            training.log("vae", f"step {step} " + examine(average.module))
        if step % 100 == 0:
            save(model, average, optimizer, step)
    save(model, average, optimizer, step)


@torch.no_grad()
def examine(vae: flat_vae.FlatVae, n: int = 96) -> str:
    """What the checker still finds in whole pictures after encoding and decoding, with and without noise on the latents."""
    vae.eval()
    scenes = world.sample(np.random.default_rng(77), n)
    x = world.render(scenes)
    z = vae.encode(x)
    answers = []
    for strength in (0.0, 0.3):
        y = torch.cat([vae.decode(part) for part in (z + strength * torch.randn_like(z)).split(16)])
        verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(world.to_bytes(y))]
        found = " ".join(f"{name} {share:.0f}" for name, share in checker.tally(verdicts).items())
        answers.append(f"noise {strength}: PSNR {10 * torch.log10(4 / (y.clamp(-1, 1) - x).square().mean()):.1f} {found}")
    return " | ".join(answers)


def save(model, average, optimizer, step: int) -> None:
    states = {"model": model.state_dict(), "average": average.module.state_dict(), "optimizer": optimizer.state_dict()}
    training.save(STATE, states | {"step": step})


if __name__ == "__main__":
    main()
