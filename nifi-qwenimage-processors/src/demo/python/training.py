"""What every training has in common: where its state lies, and a loop that runs against the clock.

A training is told how many seconds it has; its rate rises, stays and falls to nothing within them. On a GPU one step,
data and optimizer included, is one CUDA graph: the networks are so small that launching kernels would take most of the
time. Where a graph or a compilation is not to be had, the same step runs without.
"""

import copy
import math
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# One thread on a CPU: networks this small gain nothing from more, and threads that wait for each other cost much.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402
from torch import nn  # noqa: E402

# State lies outside the repository; a training that is started again goes on from it.
ROOT = Path(os.environ.get("DEMO_TRAINING", Path.home() / "demo-training"))
TOKENIZER = Path(__file__).resolve().parent / "tokenizer"
# "graph": compiled, and replayed as a graph on a GPU; "compiled"; "plain".
MODE = os.environ.get("DEMO_TRAINING_MODE", "graph")
RISE = 0.04  # share of the time in which the rate rises
FALL = 0.55  # share of the time after which it falls
BETAS = 0.9, 0.98
MOMENTUM = 0.95
AVERAGED_STEPS = 300


def device() -> torch.device:
    """A GPU if there is one; `DEMO_TRAINING_DEVICE` decides otherwise."""
    torch.set_float32_matmul_precision("high")
    return torch.device(os.environ.get("DEMO_TRAINING_DEVICE", "cuda" if torch.cuda.is_available() else "cpu"))


def autocast(where: torch.device) -> torch.autocast:
    """BF16 on a GPU; most CPUs are slow in it."""
    return torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda")


class Optimizer:
    """Muon for matrices and convolutions between hidden states, AdamW for the rest; nothing in a step waits for the GPU.

    Muon: momentum, orthogonalised by five steps of Newton and Schulz, of the same size as an update of Adam's.
    """

    def __init__(self, module: nn.Module, is_hidden: Callable[[str, nn.Parameter], bool], decay: float) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        self.rest = [p for name, p in named if not is_hidden(name, p)]
        self.decay = decay
        by_shape: dict[tuple, list[nn.Parameter]] = {}
        for name, p in named:
            if is_hidden(name, p):
                by_shape.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(by_shape.values())
        self.momenta = [torch.zeros(len(group), *group[0].shape, device=group[0].device) for group in self.groups]
        self.first = [torch.zeros_like(p) for p in self.rest]
        self.second = [torch.zeros_like(p) for p in self.rest]
        self.count = torch.zeros((), device=self.parameters[0].device)
        self.rate = torch.zeros((), device=self.parameters[0].device)

    @torch.no_grad()
    def step(self) -> None:
        self.count += 1
        gradients = [gradient(p) for p in self.rest]
        torch._foreach_lerp_(self.first, gradients, 1 - BETAS[0])
        torch._foreach_mul_(self.second, BETAS[1])
        torch._foreach_addcmul_(self.second, gradients, gradients, 1 - BETAS[1])
        below = torch._foreach_sqrt(self.second)
        torch._foreach_mul_(below, (1 - BETAS[1] ** self.count).rsqrt())
        torch._foreach_add_(below, 1e-8)
        updates = torch._foreach_div(self.first, below)
        torch._foreach_mul_(updates, self.rate / (1 - BETAS[0] ** self.count))
        self.apply(self.rest, updates)
        for group, momentum in zip(self.groups, self.momenta):
            slope = torch.stack([gradient(p) for p in group])
            momentum.lerp_(slope, 1 - MOMENTUM)
            update = orthogonal(slope.lerp(momentum, MOMENTUM).flatten(2)).reshape(slope.shape)
            longer = max(len(group[0]), group[0].numel() // len(group[0]))
            update = update * (self.rate * (0.2 * math.sqrt(longer)))
            self.apply(group, list(update.unbind()))

    def apply(self, parameters: list[nn.Parameter], updates: list[torch.Tensor]) -> None:
        torch._foreach_mul_(parameters, 1 - self.rate * self.decay)
        torch._foreach_sub_(parameters, updates)

    def state(self) -> list[torch.Tensor]:
        return [*self.momenta, *self.first, *self.second, self.count]


def gradient(p: nn.Parameter) -> torch.Tensor:
    """Zero for what has no say: the text stream of a last block."""
    return torch.zeros_like(p) if p.grad is None else p.grad


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """Newton and Schulz's iteration on [n, rows, columns] with the coefficients of Muon."""
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.square().sum(dim=(1, 2), keepdim=True).sqrt() + 1e-7)
    x = x.bfloat16() if x.is_cuda else x
    for _ in range(5):
        product = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * product + 2.0315 * (product @ product)) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Training:
    """A module, its average, and the loop. `loss` draws its own batch and returns a scalar."""

    def __init__(self, name: str, module: nn.Module, loss: Callable[[], torch.Tensor], rate: float, *,
                 is_hidden: Callable[[str, nn.Parameter], bool] = lambda name, p: False, decay: float = 0.01) -> None:  # fmt: skip
        self.name = name
        self.module = module
        self.loss = loss
        self.peak = rate
        self.optimizer = Optimizer(module, is_hidden, decay)
        self.average = copy.deepcopy(module).requires_grad_(False)
        self.total = torch.zeros((), device=self.optimizer.count.device)
        self.kept = torch.zeros((), device=self.optimizer.count.device)  # share of the average that a step keeps
        self.steps = 0
        self.graph = None
        if MODE == "plain":
            torch.compiler.set_stance("force_eager")

    def step(self) -> None:
        value = self.loss()
        value.backward()
        parameters = self.optimizer.parameters
        nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            own = [p for p in self.average.parameters()]
            torch._foreach_mul_(own, self.kept)
            torch._foreach_add_(own, torch._foreach_mul(list(self.module.parameters()), 1 - self.kept))
            for mine, other in zip(self.average.buffers(), self.module.buffers()):
                mine.copy_(other)
            self.total += value.detach()
        for p in parameters:
            p.grad = None

    def prepare(self) -> None:
        """Compiles and records a step; leaves the weights as they were."""
        started = time.time()
        keep = [p.detach().clone() for p in self.everything()]
        try:
            self.warm_up()
        except Exception:  # noqa: BLE001 a failing compiler must not cost the training
            log(self.name, "does not compile: " + traceback.format_exc(limit=-3))
            torch.compiler.set_stance("force_eager")
            for p in self.module.parameters():
                p.grad = None
            self.warm_up()
        log(self.name, f"ready after {time.time() - started:.0f} s, {'graph' if self.graph else 'no graph'}")
        with torch.no_grad():
            for p, value in zip(self.everything(), keep):
                p.copy_(value)

    def everything(self) -> list[torch.Tensor]:
        states = [*self.module.state_dict(keep_vars=True).values(), *self.average.state_dict(keep_vars=True).values()]
        return [*states, *self.optimizer.state(), self.total]

    def warm_up(self) -> None:
        if self.total.device.type != "cuda":
            self.step()
            return
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        if MODE != "graph":
            return
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.step()
            graph.replay()
            torch.cuda.synchronize()
            self.graph = graph
        except Exception:  # noqa: BLE001
            log(self.name, "no graph: " + traceback.format_exc(limit=-3))
            for p in self.module.parameters():
                p.grad = None

    def run(self, until: float, save: Callable[[], None], every: float = 30.0) -> None:
        """Trains until `time.time()` is `until`; saves every so many seconds and at the end."""
        until = max(until, time.time() + 15)  # compiling may have taken long
        began = noted = saved = time.time()
        stable, factor, before = [p.detach().clone() for p in self.everything()], 1.0, math.inf
        seen = self.steps
        while (now := time.time()) < until:
            share = (now - began) / (until - began)
            rising = min(1.0, share / RISE, (self.steps + 1) / 100)
            falling = min(1.0, (1 - share) / (1 - FALL))
            self.optimizer.rate.fill_(factor * self.peak * rising * falling)
            self.kept.fill_(min(1 - 1 / AVERAGED_STEPS, self.steps / (self.steps + 10)))
            self.step() if self.graph is None else self.graph.replay()
            self.steps += 1
            if self.steps % 20 == 0 and self.total.device.type == "cuda":
                torch.cuda.synchronize()  # the clock shall not run ahead of the GPU
            if now - noted > 5:
                mean = self.total.item() / max(1, self.steps - seen)
                log(self.name, f"step {self.steps} loss {mean:.4f} rate {self.optimizer.rate.item():.5f} "
                    f"{(self.steps - seen) / (now - noted):.1f} steps/s")  # fmt: skip
                with torch.no_grad():
                    self.total.zero_()
                    if math.isfinite(mean) and mean < 2 * before + 0.1:
                        torch._foreach_copy_(stable, [p.detach() for p in self.everything()])
                        before = mean
                    else:
                        factor *= 0.6
                        log(self.name, f"goes back to the weights of 5 seconds ago, rate times {factor:.2f}")
                        torch._foreach_copy_([p.detach() for p in self.everything()], stable)
                        self.total.zero_()
                noted, seen = now, self.steps
            if now - saved > every:
                save()
                saved = time.time()
        save()
        log(self.name, f"ends after {self.steps} steps")


def save(path: Path, state: dict) -> None:
    """Written aside and moved, so that a kill never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(path)


def load(path: Path) -> dict | None:
    return torch.load(path, weights_only=False, map_location="cpu") if path.exists() else None


def final(name: str) -> None:
    """Says to those who wait that what a part makes is there."""
    (ROOT / f"{name}.final").touch()


def await_file(path: Path, until: float) -> bool:
    while not path.exists() and time.time() < until:
        time.sleep(0.1)
    return path.exists()


def log(name: str, line: str) -> None:
    line = f"{time.strftime('%H:%M:%S')} {name} {line}"
    print(line, flush=True)
    ROOT.mkdir(parents=True, exist_ok=True)
    with open(ROOT / "log.txt", "a", encoding="utf-8") as file:
        file.write(line + "\n")
