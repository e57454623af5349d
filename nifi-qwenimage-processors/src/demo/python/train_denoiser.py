"""Trains the denoiser by flow matching on the encoded scenes; every time a scene is met it is told in other words."""

import argparse
import time

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from torch import nn

import checker
import encode_scenes
import flat_denoiser
import flat_text
import training
import wording
import world

STATE = training.ROOT / "denoiser.pt"
LENGTH = 28  # tokens of a prompt in training; longer ones are cut by the wording, not here
STEPS, SCALE = 10, 2.5  # of the pictures drawn while training
EMPTY = " "


def load_text(prompts: flat_text.Prompts) -> flat_text.FlatText:
    text = flat_text.FlatText(prompts.prefix)
    state = training.load(training.ROOT / "text.pt")["average"]
    text.load_state_dict({name[2:]: value for name, value in state.items() if name.startswith("0.")})
    return text.eval().requires_grad_(False)


class Teller:
    """Scenes to hidden states of sentences about them."""

    def __init__(self, generator: np.random.Generator, dropped: float) -> None:
        self.prompts = flat_text.Prompts()
        self.text = load_text(self.prompts)
        self.narrator = wording.Narrator(generator)
        self.dropped = dropped

    def __call__(self, scenes: world.Scenes) -> tuple[torch.Tensor, torch.Tensor]:
        sentences, _ = self.narrator.tell(scenes)
        sentences = [EMPTY if self.narrator.chance(self.dropped) else sentence for sentence in sentences]
        states, lengths = self.states(sentences)
        # The few sentences that do not fit are told again, without a picture being lost.
        for row in (lengths > LENGTH).nonzero().flatten().tolist():
            while lengths[row] > LENGTH:
                again, _ = self.narrator.tell(scenes[row : row + 1])
                one, length = self.states(again)
                states[row], lengths[row] = one[0], length[0]
        return states[:, :LENGTH], lengths

    @torch.no_grad()
    def states(self, sentences: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        ids, lengths = self.prompts.encode(sentences)
        with torch.autocast("cpu", torch.bfloat16):
            return self.text(ids), lengths


def loss(model, latents, noise, sigma, text, lengths) -> torch.Tensor:
    blend = sigma[:, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        velocity = model((1 - blend) * latents + blend * noise, sigma, text, lengths)
    return (velocity.float() - (noise - latents)).square().mean()


def draw_sigmas(n: int, generator: torch.Generator, shift: float) -> torch.Tensor:
    """Logit-normal, one in each of `n` equal shares of probability, moved towards noise as sampling is."""
    share = (torch.arange(n) + torch.rand(n, generator=generator)) / n
    sigma = torch.sigmoid(1.2 * torch.special.ndtri(share.clamp(1e-5, 1 - 1e-5)))
    return shift * sigma / (1 + (shift - 1) * sigma)


def optimizers(model: nn.Module, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between hidden states, AdamW for the rest."""
    hidden = [p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2]
    chosen = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(hidden, lr=peak, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=peak, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--decay", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--shift", type=float, default=2.0)
    parser.add_argument("--dropped", type=float, default=0.1)
    parser.add_argument("--every", type=int, default=500, help="steps between examinations")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    model = flat_denoiser.FlatDenoiser()
    average = training.Average(model, 0.998)
    for block in model.blocks:
        block.compile()  # one compilation serves all blocks
    both = optimizers(model, arguments.rate)
    step = 0
    if (state := training.load(STATE)) is not None:
        model.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        for optimizer, saved in zip(both, state["optimizers"]):
            optimizer.load_state_dict(saved)
        step = state["step"]
    generator = np.random.default_rng([arguments.seed, step])
    noise_generator = torch.Generator().manual_seed(arguments.seed * 1_000_003 + step)
    teller = Teller(generator, arguments.dropped)
    scenes, latents = encode_scenes.load()
    total, order = 0.0, np.empty(0, dtype=np.int64)
    while step < arguments.steps:
        training.rest()
        if len(order) < arguments.batch:
            order = generator.permutation(len(scenes))
        rows, order = order[: arguments.batch], order[arguments.batch :]
        for optimizer in both:
            training.set_rate(optimizer, training.rate(step, arguments.steps, arguments.rate, 100, arguments.decay))
        text, lengths = teller(scenes[rows])
        x = flat_denoiser.pack(latents[torch.from_numpy(rows)].float())
        noise = torch.randn(x.shape, generator=noise_generator)
        value = loss(model, x, noise, draw_sigmas(len(x), noise_generator, arguments.shift), text, lengths)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both:
            optimizer.step()
            optimizer.zero_grad()
        average.update(model, step)
        step += 1
        total += value.item()
        if step % 100 == 0:
            training.log("denoiser", f"step {step} loss {total / 100:.4f} processor seconds {time.process_time():.0f}")
            total = 0.0
        if step % 100 == 0 or step == arguments.steps:
            states = {"model": model.state_dict(), "average": average.module.state_dict(), "step": step}
            training.save(STATE, states | {"optimizers": [optimizer.state_dict() for optimizer in both]})
        if step % arguments.every == 0 or step == arguments.steps:
            training.log("denoiser", f"step {step} " + examine(average.module, teller, step))


@torch.no_grad()
def draw(model: nn.Module, teller: Teller, sentences: list[str], seed: int, steps=STEPS, scale=SCALE) -> torch.Tensor:
    """Normalised latents [n, 16, 16, 16] by the scheduler's own steps, guided against the empty prompt."""
    scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256, max_image_seq_len=8192,
        shift_terminal=0.02,
    )  # fmt: skip
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=0.5 + (64 - 256) * 0.4 / (8192 - 256))
    n = len(sentences)
    states, lengths = teller.states(list(sentences) + [EMPTY])
    text = torch.cat([states[:n], states[n:].expand(n, -1, -1)])
    lengths = torch.cat([lengths[:n], lengths[n:].expand(n)])
    x = torch.randn(n, 64, 64, generator=torch.Generator().manual_seed(seed))
    for t in scheduler.timesteps:
        sigma = (t / 1000).expand(2 * n)
        with torch.autocast("cpu", torch.bfloat16):
            asked, empty = model(torch.cat([x, x]), sigma, text, lengths).float().chunk(2)
        guided = empty + scale * (asked - empty)
        guided *= asked.norm(dim=-1, keepdim=True) / guided.norm(dim=-1, keepdim=True)
        x = scheduler.step(guided, t, x).prev_sample
    return flat_denoiser.unpack(x)


@torch.no_grad()
def pictures(latents: torch.Tensor, vae: nn.Module) -> np.ndarray:
    mean, std = encode_scenes.statistics()
    latents = latents * std + mean
    with torch.autocast("cpu", torch.bfloat16):
        return np.concatenate([world.to_bytes(vae.decode(part).float()) for part in latents.split(32)])


def examine(model: nn.Module, teller: Teller, step: int, n: int = 96) -> str:
    """Half of the held-out prompts ask for one thing, half for two."""
    generator = np.random.default_rng(424_242)
    scenes = world.sample(generator, n, 0.5)
    sentences, _ = wording.Narrator(generator, strange=0.0).tell(scenes)
    drawn = pictures(draw(model, teller, sentences, 1), encode_scenes.load_vae())
    Image.fromarray(world.sheet(drawn[:48], 12)).save(training.ROOT / f"sheet-{step:06d}.png")
    verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(drawn)]
    parts = {"one": scenes.count == 1, "two": scenes.count == 2}
    return " | ".join(
        f"{name} " + " ".join(f"{k} {v:.0f}" for k, v in checker.tally([verdicts[i] for i in np.flatnonzero(r)]).items())
        for name, r in parts.items()
    )


if __name__ == "__main__":
    main()
