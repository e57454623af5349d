"""What every training has in common: where its state lies, when it rests, how its rate falls, how weights are averaged."""

import copy
import os
import time
from pathlib import Path

# One thread: networks this small gain nothing from more, and threads that wait for each other on a busy machine cost much.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from torch import nn  # noqa: E402

# State lies outside the repository; a training that is started again goes on from it.
ROOT = Path(os.environ.get("DEMO_TRAINING", Path.home() / "demo-training"))
# While this file exists, trainings rest: somebody else measures something on this machine.
PAUSE = Path(os.environ.get("DEMO_TRAINING_PAUSE", ROOT / "PAUSE"))


def rest() -> None:
    while PAUSE.exists():
        time.sleep(1)


def rate(step: int, steps: int, peak: float, warmup: int, decay: int) -> float:
    """Rises in `warmup` steps, stays, falls in the last `decay` steps: a later run may move the end."""
    return peak * max(0.0, min(1.0, (step + 1) / warmup, (steps - step) / decay))


def set_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value * group.get("factor", 1.0)


class Average:
    """An exponential moving average of a module's parameters, warmed up; buffers are copied."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.module.parameters()), list(module.parameters()), weight)
        for mine, other in zip(self.module.buffers(), module.buffers()):
            mine.copy_(other)


def save(path: Path, state: dict) -> None:
    """Written aside and moved, so that a kill never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(path)


def load(path: Path) -> dict | None:
    return torch.load(path, weights_only=False) if path.exists() else None


def log(name: str, line: str) -> None:
    line = f"{time.strftime('%H:%M:%S')} {line}"
    print(line, flush=True)
    ROOT.mkdir(parents=True, exist_ok=True)
    with open(ROOT / f"{name}.log", "a", encoding="utf-8") as file:
        file.write(line + "\n")
