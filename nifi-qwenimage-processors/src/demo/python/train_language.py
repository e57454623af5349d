"""Trains Qwen2.5-VL whole: what prompts tell, and dialogues about pictures.

The denoiser reads the hidden states of a prompt. If those of the closing tokens already hold, linearly, how many
things there are and each one's colour, shape, size and place, it need not learn English from noisy pictures. The
vision tower learns shapes slowly from answers alone: other heads, which do not ship, ask it for masks and boxes.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import flat_language
import sentences
import training
import wording
import world
from flat_language import GRID, TEXT

STATE = training.ROOT / "language.pt"
NAMES = list(wording.SLOTS)
# Which of the closing tokens tells what; the last one tells everything.
TOLD_BY = [
    ["count", "place0", "place1"],
    ["colour0", "shape0", "size0", "place0"],
    ["colour1", "shape1", "size1", "place1"],
    ["ground", "graded", "count"],
    NAMES,
]
CELLS = 4  # mask cells along a side of a token
SEEN = {"shape": len(world.SHAPES) + 1, "colour": len(world.COLOURS) + 1, "size": 3}


class Heads(nn.Module):
    """Readings that are used in training only: of the closing tokens, and of what the vision tower hands over."""

    def __init__(self) -> None:
        super().__init__()
        hidden = TEXT["hidden_size"]
        widths = [sum(wording.SLOTS[name] for name in names) for names in TOLD_BY]
        self.told = nn.ModuleList([nn.Linear(hidden, width) for width in widths])
        self.mask = nn.Linear(hidden, CELLS**2 * (SEEN["shape"] + SEEN["colour"]))
        self.narrow = nn.Linear(hidden, 48)
        self.whole = nn.Linear(48 * GRID**2, 2 * (4 + sum(SEEN.values())))

    def read(self, states: torch.Tensor, lengths: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        answers = []
        for index, (linear, names) in enumerate(zip(self.told, TOLD_BY)):
            at = (lengths.long() - sentences.SUFFIX_TOKENS + index).view(-1, 1, 1).expand(-1, 1, states.shape[2])
            logits = linear(states.gather(1, at).squeeze(1))
            answers.append(dict(zip(names, logits.split([wording.SLOTS[name] for name in names], dim=1))))
        return answers


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = flat_language.FlatLanguage()
        self.heads = Heads()


class Loss:
    def __init__(self, both: Both, prompts: dict, chats: dict, scenes: world.Scenes, sizes, device: torch.device) -> None:
        on_device = lambda arrays: {name: torch.from_numpy(values).to(device) for name, values in arrays.items()}
        self.both = both
        self.prompts, self.chats = on_device(prompts), on_device(chats)
        self.scenes = world.tensors(scenes, device) | on_device(reading_order(scenes))
        self.prompt_batch, self.chat_batch = sizes
        self.device = device
        self.eye = flat_language.Eye().to(device)
        self.draw = torch.compile(world.draw, dynamic=False)
        tokens = sentences.tokenizer()
        weight = torch.ones(both.model.embed_tokens.num_embeddings)
        weight[[tokens.token_to_id(digit) for digit in "0123456789"]] = 3.0  # boxes stand and fall with them
        self.weight = weight.to(device)

    def __call__(self) -> torch.Tensor:
        told = self.told() if self.prompt_batch else 0.0
        return told + self.answered()

    def told(self) -> torch.Tensor:
        rows = torch.randint(len(self.prompts["ids"]), (self.prompt_batch,), device=self.device)
        ids, lengths = self.prompts["ids"][rows].int(), self.prompts["lengths"][rows].int()
        slots = self.prompts["slots"][rows].long()
        with training.autocast(self.device):
            states = self.both.model.prompts(ids)
            answers = self.both.heads.read(states, lengths)
            words = self.both.model.logits(states[:, :-1])
        terms = [
            F.cross_entropy(logits.float(), slots[:, NAMES.index(name)])
            for answer in answers
            for name, logits in answer.items()
        ]
        # The next word, so that the states of all tokens are worth something.
        place = torch.arange(1, sentences.PROMPT, device=self.device)
        counts = (place[None] < (lengths - sentences.SUFFIX_TOKENS)[:, None]).float()
        speech = F.cross_entropy(words.float().transpose(1, 2), ids[:, 1:].long(), reduction="none")
        return sum(terms) / len(terms) + 0.05 * (speech * counts).sum() / counts.sum()

    def pictures(self, rows: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """In 0..255, colours and pixels a little off, as pictures from elsewhere are."""
        scene = {name: values[rows] for name, values in self.scenes.items()}
        clean = dict(scene)
        for name in ("colour_rgb", "ground_rgb"):
            clean[name] = (scene[name] + 9 * torch.randn_like(scene[name])).clamp(0, 255)
        x = (self.draw(clean) / 2 + 0.5) * 255
        strength = 8 * torch.rand(len(rows), 1, 1, 1, device=self.device).square()
        return (x + strength * torch.randn_like(x)).clamp(0, 255), scene

    def answered(self) -> torch.Tensor:
        rows = torch.randint(len(self.chats["ids"]), (self.chat_batch,), device=self.device)
        ids = self.chats["ids"][rows].int()
        x, scene = self.pictures(rows)
        with training.autocast(self.device):
            seen = self.both.model.visual(self.eye(x))
            states = self.both.model.chats(ids, seen)
            logits = self.both.model.logits(states[:, :-1])
        target = ids[:, 1:].long()
        place = torch.arange(1, sentences.CHAT, device=self.device)[None]
        in_answer = (place >= self.chats["starts"][rows].int()[:, None]) & (place < self.chats["ends"][rows].int()[:, None])
        weight = self.weight[target] * in_answer
        words = F.cross_entropy(logits.float().transpose(1, 2), target, reduction="none")
        return (words * weight).sum() / weight.sum() + 0.5 * self.looked(seen.float(), scene)

    def looked(self, seen: torch.Tensor, scene: dict[str, torch.Tensor]) -> torch.Tensor:
        """Masks, cell by cell, and shape, colour, size and box of each thing."""
        n, side = len(seen), GRID * CELLS
        line = (torch.arange(side, device=self.device) + 0.5) * (world.SIZE / side)
        shape = torch.zeros(n, side, side, dtype=torch.long, device=self.device)
        colour = torch.zeros_like(shape)
        for index in range(2):
            inside = world.edges(scene, index, line) < 0
            shape = torch.where(inside, 1 + scene["shape"][:, index].view(n, 1, 1).long(), shape)
            colour = torch.where(inside, 1 + scene["colour"][:, index].view(n, 1, 1), colour)
        by_token = lambda x: x.view(n, GRID, CELLS, GRID, CELLS).transpose(2, 3).reshape(n, GRID**2, CELLS**2)
        widths = [SEEN["shape"], SEEN["colour"]]
        masks = self.both.heads.mask(seen).unflatten(-1, (CELLS**2, -1)).split(widths, dim=-1)
        value = sum(
            F.cross_entropy(logits.movedim(-1, 1), by_token(target)) for logits, target in zip(masks, (shape, colour))
        )
        whole = self.both.heads.whole(F.silu(self.both.heads.narrow(seen)).flatten(1)).view(n, 2, -1)
        box, *names = whole.split([4, *SEEN.values()], dim=-1)
        there = scene["there"]
        for name, logits in zip(SEEN, names):
            target = scene["read_" + name]
            counts = there if name == "size" else torch.ones_like(there)
            value = value + 0.3 * (F.cross_entropy(logits.transpose(1, 2), target, reduction="none") * counts).mean()
        off = F.smooth_l1_loss(box, scene["read_box"], beta=0.02, reduction="none").mean(dim=-1)
        return value + 10 * (off * there).mean()


def reading_order(scenes: world.Scenes) -> dict[str, np.ndarray]:
    """The things in the order in which they are spoken of; class 0 of shape and colour is "none"."""
    swap = (scenes.count == 2) & (scenes.place[:, 0] > scenes.place[:, 1])
    ordered = lambda values: np.where(swap.reshape(-1, *[1] * (values.ndim - 1)), values[:, ::-1], values)
    there = np.stack([np.ones(len(scenes), bool), scenes.count == 2], axis=1)
    return {
        "there": there.astype(np.float32),
        "colour": scenes.colour.astype(np.int64),
        "read_shape": np.where(there, 1 + ordered(scenes.shape), 0).astype(np.int64),
        "read_colour": np.where(there, 1 + ordered(scenes.colour), 0).astype(np.int64),
        "read_size": np.ascontiguousarray(ordered(scenes.size)).astype(np.int64),
        "read_box": np.ascontiguousarray(ordered(world.boxes(scenes)) / world.SIZE).astype(np.float32),
    }


def chat_scenes(count: int) -> world.Scenes:
    size = sentences.CHUNK
    parts = [sentences.chat_scenes_of(k, min(size, count - k * size)) for k in range(-(-count // size))]
    return world.Scenes(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


def load() -> flat_language.FlatLanguage:
    model = flat_language.FlatLanguage()
    model.load_state_dict(training.load(STATE)["average"])
    return model.eval().requires_grad_(False)


def is_hidden(name: str, p: nn.Parameter) -> bool:
    return p.ndim == 2 and (".layers." in name or ".blocks." in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--prompts", type=int, default=256, help="in a step")
    parser.add_argument("--chats", type=int, default=192, help="in a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--vision", action="store_true", help="train the vision tower only: prompts mean what they meant")
    parser.add_argument("--seed", type=int, default=6)
    arguments = parser.parse_args()
    until = time.time() + arguments.seconds
    torch.manual_seed(arguments.seed)
    device = training.device()
    both = Both()
    if (state := training.load(STATE)) is not None:
        both.model.load_state_dict(state["average"])
        both.heads.load_state_dict(state["heads"])
    if arguments.vision:
        both.model.requires_grad_(False)
        both.model.visual.requires_grad_(True)
        both.heads.told.requires_grad_(False)
    both = both.to(device)
    training.await_file(sentences.CHATS, until)
    training.await_file(sentences.PROMPTS, until)
    chats, prompts = (dict(np.load(path)) for path in (sentences.CHATS, sentences.PROMPTS))
    sizes = 0 if arguments.vision else arguments.prompts, arguments.chats
    loss = Loss(both, prompts, chats, chat_scenes(len(chats["ids"])), sizes, device)
    run = training.Training("language", both, loss, arguments.rate, is_hidden=is_hidden)
    for layer in [*both.model.layers, *both.model.visual.blocks]:
        layer.compile(dynamic=False)  # one compilation serves all layers
    loss.eye.compile(dynamic=False)
    run.prepare()

    def save() -> None:
        plain = lambda module: {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
        training.save(STATE, {"average": plain(run.average.model), "heads": plain(run.average.heads), "steps": run.steps})

    run.run(until, save)
    training.final("language")
    training.log("language", examine(run.average, device))


@torch.no_grad()
def examine(both: Both, device: torch.device) -> str:
    """How many held-out sentences are read right, and how many tokens of answers about held-out pictures."""
    n, count = (2000, 500) if device.type == "cuda" else (100, 20)
    generator = np.random.default_rng(999_999)
    narrator, writer = wording.Narrator(generator), sentences.Writer()
    told, slots = narrator.tell(world.sample(generator, n))
    ids, lengths = writer.prompts(told)
    ids, lengths = torch.from_numpy(ids).to(device), torch.from_numpy(np.minimum(lengths, sentences.PROMPT)).to(device)
    with training.autocast(device):
        answer = both.heads.read(both.model.prompts(ids.int()), lengths)[-1]
    right = {name: answer[name].argmax(dim=1).cpu().numpy() == slots[:, index] for index, name in enumerate(NAMES)}
    shares = " ".join(f"{name} {100 * values.mean():.1f}" for name, values in right.items())
    whole = 100 * np.all(list(right.values()), axis=0).mean()
    ids, starts, ends = (torch.from_numpy(part).to(device) for part in sentences.write_chats((10_000, count)))
    scenes = sentences.chat_scenes_of(10_000, count)
    pictures = torch.from_numpy(world.to_bytes(world.render(scenes))).permute(0, 3, 1, 2).float().to(device)
    with training.autocast(device):
        seen = both.model.visual(flat_language.Eye().to(device)(pictures))
        guess = both.model.logits(both.model.chats(ids.int(), seen))[:, :-1].argmax(dim=-1)
    place = torch.arange(1, sentences.CHAT, device=device)[None]
    in_answer = (place >= starts.int()[:, None]) & (place < ends.int()[:, None])
    exact = ((guess == ids[:, 1:]) | ~in_answer).all(dim=1).float().mean()
    tokens = ((guess == ids[:, 1:]) & in_answer).sum() / in_answer.sum()
    return f"prompts read right {whole:.1f} ({shares}) | answers: tokens {100 * tokens:.1f} whole {100 * exact:.1f}"


if __name__ == "__main__":
    main()
