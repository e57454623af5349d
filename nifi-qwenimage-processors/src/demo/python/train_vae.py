"""Trains the autoencoder on pictures of the world, then encodes the scenes that the denoiser learns from.

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
import sentences
import training
import world

STATE = training.ROOT / "vae.pt"
LATENTS = training.ROOT / "latents.pt"


class Loss:
    def __init__(
        self, model: flat_vae.FlatVae, scenes: world.Scenes, batch: int, noise: float, outline: float, device
    ) -> None:
        self.noise = noise
        self.outline = outline
        self.model = model
        self.scenes = world.tensors(scenes, device)
        self.batch = batch
        self.device = device
        self.decoded = torch.compile(self.decoded_loss, dynamic=False)
        self.draw = torch.compile(world.draw, dynamic=False)

    def __call__(self) -> torch.Tensor:
        n = self.batch
        rows = torch.randint(len(self.scenes["count"]), (n,), device=self.device)
        scene = {name: values[rows] for name, values in self.scenes.items()}
        # Some in colours of no palette, so that colours are colours and not names.
        strange = torch.rand(n, device=self.device) < 0.15
        for name in ("colour_rgb", "ground_rgb"):
            other = torch.rand_like(scene[name]) * 255
            where = strange.view(-1, *[1] * (other.ndim - 1))
            scene[name] = torch.where(where, other, scene[name])
        x = self.draw(scene)
        x = x.contiguous(memory_format=torch.channels_last)
        noise = self.noise * torch.rand(n, 1, 1, 1, device=self.device) * torch.randn(n, 16, 16, 16, device=self.device)
        return self.decoded(x, noise)

    def decoded_loss(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        with training.autocast(x.device):
            y = self.model.decode(self.model.encode(x) + noise)
        y = y.float()
        slope = lambda p: (p[:, :, 1:, :-1] - p[:, :, :-1, :-1], p[:, :, :-1, 1:] - p[:, :, :-1, :-1])
        edges = sum(F.l1_loss(a, b) for a, b in zip(slope(y), slope(x)))
        away = y - x
        loss = away.abs().mean() + away.square().mean() + edges
        if self.outline:
            # Most of a picture is plain; what tells a star from a blob is the few pixels about its outline.
            steep = sum(F.pad(part, (0, 1, 0, 1)).abs().amax(dim=1, keepdim=True) for part in slope(x))
            near = F.max_pool2d((steep > 0.06).float(), 7, stride=1, padding=3)
            loss = loss + self.outline * ((away.abs() + away.square()) * near).sum() / (3 * near.sum() + 1)
        return loss


def load() -> flat_vae.FlatVae:
    vae = flat_vae.FlatVae()
    vae.load_state_dict(training.load(STATE)["average"])
    return vae.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--noise", type=float, default=0.5, help="strongest noise on the latents while training")
    parser.add_argument("--decoder", action="store_true", help="train the decoder on: latents stay what they are")
    parser.add_argument("--outline", type=float, default=0.0, help="weight of what is near an outline, beside the whole")
    parser.add_argument("--pointed", action="store_true", help="pairs, triangles and stars more often")
    parser.add_argument("--scenes", type=int, default=200_000, help="scenes to encode")
    parser.add_argument("--keep", action="store_true", help="only encode, if there is a trained state")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    until = time.time() + arguments.seconds
    torch.manual_seed(arguments.seed)
    device = training.device()
    torch.backends.cudnn.benchmark = True
    model = flat_vae.FlatVae()
    state = training.load(STATE) or {}
    if state:
        model.load_state_dict(state["average"])
    if not (state and arguments.keep):
        model = model.to(device, memory_format=torch.channels_last)
        if arguments.decoder:
            model.encoder.requires_grad_(False)
            model.normal.eval()
        generator = np.random.default_rng(arguments.seed)
        scenes = world.sample(generator, min(400_000, 4 * arguments.scenes), 0.2 if arguments.pointed else 0.5)
        if arguments.pointed:
            pointed = world.POINTED[scenes.shape].sum(axis=1) + 1
            scenes = scenes[generator.choice(len(scenes), size=len(scenes), p=pointed / pointed.sum())]
        loss = Loss(model, scenes, arguments.batch, arguments.noise, arguments.outline, device)
        run = training.Training("vae", model, loss, arguments.rate, is_hidden=is_hidden)
        run.prepare()
        kept = {name: state[name] for name in ("mean", "std") if arguments.decoder}
        steps = state.get("steps", 0) if arguments.decoder else 0
        run.run(until, lambda: training.save(STATE, {"average": plain(run.average), "steps": steps + run.steps} | kept))
    vae = load().to(device)
    if not arguments.decoder:
        encode(vae, arguments.scenes, device)
    training.final("vae")
    training.log("vae", examine(vae))


def is_hidden(name: str, p: torch.nn.Parameter) -> bool:
    """Convolutions between hidden channels."""
    return p.ndim == 4 and "conv_in" not in name and "conv_out" not in name


def plain(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}


@torch.no_grad()
def encode(vae: flat_vae.FlatVae, count: int, device: torch.device) -> None:
    """Latents of `count` scenes, and mean and deviation of their channels, which are the configuration's."""
    if device.type == "cuda":
        vae = vae.to(memory_format=torch.channels_last)
    parts = []
    for start in range(0, count, sentences.CHUNK):
        scenes = world.tensors(sentences.scenes_of(start // sentences.CHUNK, min(sentences.CHUNK, count - start)), device)
        size = 500 if device.type == "cuda" else 25
        for first in range(0, len(scenes["count"]), size):
            x = world.draw({name: values[first : first + size] for name, values in scenes.items()})
            with training.autocast(device):
                parts.append(vae.encode(x).bfloat16())
    latents = torch.cat(parts)
    state = training.load(STATE)
    if "mean" not in state:  # fixed once, whatever is trained later
        some = latents[:4000].float()
        state |= {"mean": some.mean(dim=(0, 2, 3)).cpu(), "std": some.std(dim=(0, 2, 3)).cpu()}
        training.save(STATE, state)
    training.save(LATENTS, {"latents": latents.cpu()})
    training.log("vae", f"{count} scenes encoded, deviation {state['std'].mean():.3f}")


def statistics() -> tuple[torch.Tensor, torch.Tensor]:
    """latents_mean and latents_std of the autoencoder's configuration, [16, 1, 1]."""
    state = training.load(STATE)
    return state["mean"].view(16, 1, 1), state["std"].view(16, 1, 1)


@torch.no_grad()
def examine(vae: flat_vae.FlatVae, n: int = 96) -> str:
    """What the checker still finds after encoding and decoding, with and without noise on the latents."""
    scenes = world.sample(np.random.default_rng(77), n)
    x = world.render(scenes).to(next(vae.parameters()).device)
    z = vae.encode(x)
    answers = []
    for strength in (0.0, 0.3):
        y = torch.cat([vae.decode(part) for part in (z + strength * torch.randn_like(z)).split(16)])
        verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(world.to_bytes(y))]
        found = " ".join(f"{name} {share:.0f}" for name, share in checker.tally(verdicts).items())
        answers.append(f"noise {strength}: PSNR {10 * torch.log10(4 / (y.clamp(-1, 1) - x).square().mean()):.1f} {found}")
    return " | ".join(answers)


if __name__ == "__main__":
    main()
