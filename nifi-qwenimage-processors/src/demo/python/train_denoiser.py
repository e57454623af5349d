"""Trains the denoiser by flow matching on the encoded scenes; every scene is told in several ways."""

import argparse
import math
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

import checker
import flat_denoiser
import flat_language
import sentences
import train_language
import train_vae
import training
import wording
import world

STATE = training.ROOT / "denoiser.pt"
STEPS, SCALE = 20, 2.5  # of the pictures drawn after training
EMPTY = sentences.EMPTY


class Loss:
    def __init__(self, model: flat_denoiser.FlatDenoiser, batch: int, dropped: float, shift: float, device) -> None:
        self.model = model
        self.batch, self.dropped, self.shift, self.device = batch, dropped, shift, device
        self.rows = self.latents = self.states = self.lengths = None

    def load(self, latents: torch.Tensor, states: torch.Tensor, lengths: torch.Tensor) -> None:
        """Latents [n, 64, 64]; states [m * n + 1, PROMPT, hidden], scene after scene, m times, and the empty prompt."""
        self.latents, self.states, self.lengths = latents, states, lengths

    def __call__(self) -> torch.Tensor:
        n, device = self.batch, self.device
        rows = torch.randint(len(self.latents), (n,), device=device)
        count = len(self.states) - 1
        tellings = torch.randint(count // len(self.latents), (n,), device=device)
        told = rows + tellings * len(self.latents)
        told = torch.where(torch.rand(n, device=device) < self.dropped, count, told)
        x = self.latents[rows].float()
        noise = torch.randn_like(x)
        # Logit-normal, one in each of n equal shares of probability, moved towards noise as sampling is.
        share = (torch.arange(n, device=device) + torch.rand(n, device=device)) / n
        sigma = torch.sigmoid(1.2 * torch.special.ndtri(share.clamp(1e-5, 1 - 1e-5)))
        sigma = self.shift * sigma / (1 + (self.shift - 1) * sigma)
        blend = sigma[:, None, None]
        with training.autocast(device):
            velocity = self.model((1 - blend) * x + blend * noise, sigma, self.states[told], self.lengths[told])
        return (velocity.float() - (noise - x)).square().mean()


@torch.no_grad()
def prompt_states(text: flat_language.FlatLanguage, ids: np.ndarray, device: torch.device) -> torch.Tensor:
    """[n, PROMPT] ids to [n, PROMPT, hidden] in BF16."""
    part = 4000 if device.type == "cuda" else 50
    states = torch.empty(len(ids), sentences.PROMPT, flat_language.TEXT["hidden_size"], dtype=torch.bfloat16, device=device)
    for start in range(0, len(ids), part):
        some = torch.from_numpy(ids[start : start + part].astype(np.int32)).to(device)
        with training.autocast(device):
            states[start : start + part] = text.prompts(some)
    return states


def load_inputs(loss: Loss, text: flat_language.FlatLanguage, device: torch.device) -> None:
    mean, std = (part.to(device) for part in train_vae.statistics())
    latents = training.load(train_vae.LATENTS)["latents"].to(device)
    latents = flat_denoiser.pack(((latents.float() - mean) / std).bfloat16())
    prompts = dict(np.load(sentences.PROMPTS))
    empty_ids, empty_length = sentences.Writer().prompts([EMPTY])
    states = prompt_states(text, np.concatenate([prompts["ids"], empty_ids]), device)
    lengths = torch.from_numpy(np.concatenate([prompts["lengths"], empty_length])).to(device).int()
    loss.load(latents, states, lengths)


def is_hidden(name: str, p: nn.Parameter) -> bool:
    return p.ndim == 2 and name.startswith("blocks.")


def load() -> flat_denoiser.FlatDenoiser:
    model = flat_denoiser.FlatDenoiser()
    model.load_state_dict(training.load(STATE)["average"])
    return model.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--shift", type=float, default=2.0)
    parser.add_argument("--dropped", type=float, default=0.1)
    parser.add_argument("--wait", type=str, nargs="*", default=[], help="files to wait for after compiling")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    until = time.time() + arguments.seconds
    torch.manual_seed(arguments.seed)
    device = training.device()
    model = flat_denoiser.FlatDenoiser()
    if (state := training.load(STATE)) is not None:
        model.load_state_dict(state["average"])
    model = model.to(device)
    loss = Loss(model, arguments.batch, arguments.dropped, arguments.shift, device)
    run = training.Training("denoiser", model, loss, arguments.rate, is_hidden=is_hidden)
    for block in model.blocks:
        block.compile(dynamic=False)  # one compilation serves all blocks
    if arguments.wait and device.type == "cuda":
        # What compiling takes is spent while the others still train, on inputs of the same shape.
        width = flat_language.TEXT["hidden_size"]
        states = torch.zeros(5, sentences.PROMPT, width, dtype=torch.bfloat16, device=device)
        loss.load(torch.randn(2, 64, 64, device=device).bfloat16(), states, torch.full((5,), 20, device=device).int())
        keep = [p.detach().clone() for p in run.everything()]
        for _ in range(2):
            run.step()
        with torch.no_grad():
            for p, value in zip(run.everything(), keep):
                p.copy_(value)
        training.log("denoiser", "compiled")
    for name in arguments.wait:
        training.await_file(training.ROOT / name, until)
    text = train_language.load().to(device)
    load_inputs(loss, text, device)
    training.log("denoiser", f"{len(loss.states)} prompts, {len(loss.latents)} scenes")
    run.prepare()

    def save() -> None:
        plain = {name: value.detach().cpu().clone() for name, value in run.average.state_dict().items()}
        training.save(STATE, {"average": plain, "samples": run.steps * arguments.batch, "steps": run.steps})

    run.run(until, save)
    training.log("denoiser", examine(run.average, text, device))


def sigmas(steps: int) -> torch.Tensor:
    """[steps + 1] of FlowMatchEulerDiscreteScheduler with the configuration of Qwen-Image, for pictures of 128x128."""
    shift = math.exp(0.5 + (64 - 256) * 0.4 / (8192 - 256))
    line = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64)
    line = shift / (shift + 1 / line - 1)
    line = 1 - (1 - line) * ((1 - 0.02) / (1 - line[-1]))
    return torch.cat([line, torch.zeros(1, dtype=torch.float64)]).float()


@torch.no_grad()
def draw(model: nn.Module, text, told: list[str], seed: int, device, steps=STEPS, scale=SCALE) -> torch.Tensor:
    """Normalised latents [n, 16, 16, 16] by the scheduler's own steps, guided against the empty prompt."""
    n = len(told)
    ids, lengths = sentences.Writer().prompts(list(told) + [EMPTY])
    states = prompt_states(text, ids, device)
    lengths = torch.from_numpy(np.minimum(lengths, sentences.PROMPT)).to(device).int()
    states = torch.cat([states[:n], states[n:].expand(n, -1, -1)])
    lengths = torch.cat([lengths[:n], lengths[n:].expand(n)])
    x = torch.randn(n, 64, 64, generator=torch.Generator().manual_seed(seed)).to(device)
    line = sigmas(steps).tolist()
    for here, there in zip(line[:-1], line[1:]):
        with training.autocast(device):
            both = model(torch.cat([x, x]), torch.full((2 * n,), here, device=device), states, lengths)
        asked, empty = both.float().chunk(2)
        guided = empty + scale * (asked - empty)
        guided *= asked.norm(dim=-1, keepdim=True) / guided.norm(dim=-1, keepdim=True)
        x = x + (there - here) * guided
    return flat_denoiser.unpack(x)


@torch.no_grad()
def pictures(latents: torch.Tensor, vae: nn.Module) -> np.ndarray:
    mean, std = (part.to(latents.device) for part in train_vae.statistics())
    return np.concatenate([world.to_bytes(vae.decode(part * std + mean).float()) for part in latents.split(32)])


def examine(model: nn.Module, text, device: torch.device, n: int = 96) -> str:
    """Half of the held-out prompts ask for one thing, half for two."""
    generator = np.random.default_rng(424_242)
    scenes = world.sample(generator, n, 0.5)
    told, _ = wording.Narrator(generator, strange=0.0).tell(scenes)
    drawn = pictures(draw(model, text, told, 1, device), train_vae.load().to(device))
    Image.fromarray(world.sheet(drawn, 12)).save(training.ROOT / "sheet.png")
    verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(drawn)]
    parts = {"one": scenes.count == 1, "two": scenes.count == 2}
    return " | ".join(
        f"{name} " + " ".join(f"{k} {v:.0f}" for k, v in checker.tally([verdicts[i] for i in np.flatnonzero(r)]).items())
        for name, r in parts.items()
    )


if __name__ == "__main__":
    main()
