"""Trains everything on one GPU within a time: `python train_all.py --seconds 360 --output FOLDER`.

The autoencoder and the language model train side by side, the denoiser compiles meanwhile and takes the rest of the
time. Each part is a process of its own: one that fails early is started again without graphs and compilation. Whatever
there is by then is copied into the output: states of a training that is started again with `--resume FOLDER`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FILES = ["vae.pt", "language.pt", "denoiser.pt", "log.txt", "sheet.png", "output.txt"]


class Part:
    def __init__(self, name: str, arguments: list[str], until: float, root: Path) -> None:
        self.name, self.arguments, self.until, self.root = name, arguments, until, root
        self.attempts = 0
        self.process: subprocess.Popen | None = None

    def start(self) -> "Part":
        mode = os.environ.get("DEMO_TRAINING_MODE", "graph") if self.attempts == 0 else "plain"
        self.attempts += 1
        command = [sys.executable, str(FOLDER / f"{self.name}.py"), *self.arguments]
        if self.until:
            command += ["--seconds", f"{self.until - time.time():.1f}"]
        environment = os.environ | {"DEMO_TRAINING": str(self.root), "DEMO_TRAINING_MODE": mode}
        with open(self.root / "output.txt", "a") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        return self

    def tend(self, now: float) -> bool:
        """Whether it still runs; started again if it failed while there is time."""
        status = self.process.poll()
        if status is None:
            return True
        if status != 0 and self.attempts < 3 and (not self.until or self.until - now > 20):
            print(f"{self.name} ended with {status}; once more, without graphs", flush=True)
            self.start()
            return True
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--resume", type=Path, help="folder with the states of a run before")
    parser.add_argument("--parts", nargs="+", default=["vae", "language", "denoiser"], help="of a resumed run: what trains on")
    parser.add_argument("--vae", type=float, default=0.36, help="share of the time after which the autoencoder is done")
    parser.add_argument("--language", type=float, default=0.47, help="the same of the language model")
    parser.add_argument("--scenes", type=int, default=200_000)
    parser.add_argument("--chats", type=int, default=400_000)
    parser.add_argument("--batches", type=int, nargs=4, default=[128, 256, 192, 768], help="pictures, prompts, chats, latents")
    arguments = parser.parse_args()
    began = time.time()
    arguments.output.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="demo-training-"))
    if arguments.resume is not None:
        for name in FILES[:3]:
            if (arguments.resume / name).exists():
                shutil.copyfile(arguments.resume / name, root / name)
    parts = {name: Part(f"train_{name}", values, until, root) for name, values, until in schedule(arguments, began)}
    parts["sentences"] = Part(
        "sentences", ["--scenes", str(arguments.scenes), "--chats", str(arguments.chats)], 0, root
    )
    end = began + arguments.seconds
    if arguments.resume is not None:
        for name in {"language"} - set(arguments.parts):
            parts.pop(name)
            (root / "language.final").touch()
    running = {name: part.start() for name, part in parts.items()}
    copied = time.time()
    while running and time.time() < end:
        time.sleep(0.2)
        for name, part in list(running.items()):
            if not part.tend(time.time()):
                running.pop(name)
                (root / f"{name}.final").touch()
                print(f"{time.time() - began:.0f} s: {name} done", flush=True)
        if time.time() - copied > 20:
            copy(root, arguments.output)
            copied = time.time()
    for part in running.values():
        part.process.terminate()
    copy(root, arguments.output)
    print((root / "log.txt").read_text()[-6000:])
    shutil.rmtree(root, ignore_errors=True)


def schedule(arguments: argparse.Namespace, began: float) -> list[tuple[str, list[str], float]]:
    pictures, prompts, chats, latents = (str(batch) for batch in arguments.batches)
    resumed = arguments.resume is not None
    share = lambda name: began + arguments.seconds * getattr(arguments, name)
    vae = ["--batch", pictures, "--scenes", str(arguments.scenes)]
    if resumed:
        # The denoiser knows latents as they are.
        vae += ["--decoder", "--noise", "0.3"] if "vae" in arguments.parts else ["--keep"]
    language = ["--prompts", prompts, "--chats", chats]
    if resumed:
        language += ["--vision"]  # the denoiser knows prompts as they are
    denoiser = ["--batch", latents, "--wait", "vae.final", "sentences.final"]
    if not resumed:
        denoiser += ["language.final"]
    last = 12 + 0.02 * arguments.seconds  # for drawing the sheet
    parts = [("vae", vae, share("vae")), ("language", language, share("language"))]
    if not resumed or "denoiser" in arguments.parts:
        parts.append(("denoiser", denoiser, began + arguments.seconds - last))
    return parts


def copy(root: Path, output: Path) -> None:
    for name in FILES:
        if (root / name).exists():
            shutil.copyfile(root / name, output / (name + ".part"))
            (output / (name + ".part")).replace(output / name)


if __name__ == "__main__":
    main()
