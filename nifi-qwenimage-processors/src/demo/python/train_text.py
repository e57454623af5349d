"""Trains the language part on sentences alone: the five tokens that end every prompt learn to hold what it tells.

The denoiser reads the hidden states of a prompt. If those of the closing tokens already hold, linearly, how many
things there are and each one's colour, shape, size and place, it need not learn English from noisy pictures.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import flat_text
import training
import wording
import world

STATE = training.ROOT / "text.pt"
NAMES = list(wording.SLOTS)
# Which of the closing tokens tells what; the last one tells everything.
TOLD_BY = [
    ["count", "place0", "place1"],
    ["colour0", "shape0", "size0", "place0"],
    ["colour1", "shape1", "size1", "place1"],
    ["ground", "graded", "count"],
    NAMES,
]


class Heads(nn.Module):
    """Linear readings of the closing tokens; used in training only."""

    def __init__(self) -> None:
        super().__init__()
        hidden = flat_text.TEXT["hidden_size"]
        widths = [sum(wording.SLOTS[name] for name in names) for names in TOLD_BY]
        self.linears = nn.ModuleList([nn.Linear(hidden, width) for width in widths])

    def forward(self, states: torch.Tensor, lengths: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        rows = torch.arange(len(states))
        answers = []
        for index, (linear, names) in enumerate(zip(self.linears, TOLD_BY)):
            logits = linear(states[rows, lengths - flat_text.SUFFIX + index])
            parts = logits.split([wording.SLOTS[name] for name in names], dim=1)
            answers.append(dict(zip(names, parts)))
        return answers


def loss(model, heads, ids, lengths, slots) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        states = model(ids)
    answers = heads(states, lengths)
    terms = [
        F.cross_entropy(logits, slots[:, NAMES.index(name)]) for answer in answers for name, logits in answer.items()
    ]
    # The next word, for those who will train it to speak.
    told = torch.arange(1, flat_text.LENGTH)[None] < (lengths - flat_text.SUFFIX)[:, None]
    words = F.cross_entropy(model.lm_head(states[:, :-1]).transpose(1, 2), ids[:, 1:], reduction="none")
    speech = (words * told).sum() / told.sum()
    return sum(terms) / len(terms) + 0.05 * speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--decay", type=int, default=800)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=6)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    prompts = flat_text.Prompts()
    model, heads = flat_text.FlatText(prompts.prefix), Heads()
    both = nn.ModuleList([model, heads])
    average = training.Average(both, 0.998)
    for layer in model.layers:
        layer.compile()  # one compilation serves all layers
    optimizer = torch.optim.AdamW(both.parameters(), lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.02, fused=True)
    step = 0
    if (state := training.load(STATE)) is not None:
        both.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    generator = np.random.default_rng([arguments.seed, step])
    narrator = wording.Narrator(generator)
    held_out = np.random.default_rng([arguments.seed, 999_999])
    test_sentences, test_slots = wording.Narrator(held_out).tell(world.sample(held_out, 1000))
    total = 0.0
    while step < arguments.steps:
        training.rest()
        training.set_rate(optimizer, training.rate(step, arguments.steps, arguments.rate, 100, arguments.decay))
        sentences, slots = narrator.tell(world.sample(generator, arguments.batch))
        ids, lengths = prompts.encode(sentences)
        value = loss(model, heads, ids, lengths, torch.from_numpy(slots))
        value.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update(both, step)
        step += 1
        total += value.item()
        if step % 100 == 0:
            training.log("text", f"step {step} loss {total / 100:.4f} processor seconds {time.process_time():.0f}")
            total = 0.0
        if step % 500 == 0 or step == arguments.steps:
            training.log("text", f"step {step} " + examine(average.module, prompts, test_sentences, test_slots))
        if step % 100 == 0 or step == arguments.steps:
            states = {"model": both.state_dict(), "average": average.module.state_dict()}
            training.save(STATE, states | {"optimizer": optimizer.state_dict(), "step": step})


@torch.no_grad()
def examine(both: nn.ModuleList, prompts: flat_text.Prompts, sentences: list[str], slots: np.ndarray) -> str:
    """How many of the held-out sentences are read right, slot by slot, by the last closing token."""
    ids, lengths = prompts.encode(sentences)
    answer = both[1](both[0](ids), lengths)[-1]
    right = {name: answer[name].argmax(dim=1).numpy() == slots[:, index] for index, name in enumerate(NAMES)}
    shares = " ".join(f"{name} {100 * values.mean():.1f}" for name, values in right.items())
    return f"read right: all {100 * np.all(list(right.values()), axis=0).mean():.1f} {shares}"


if __name__ == "__main__":
    main()
