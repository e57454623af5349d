"""Measures a packed folder as diffusers runs it: figures.json and a contact sheet whose prompts are printed beside it."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import QwenImagePipeline
from PIL import Image

import checker
import pack
import training
import wording
import world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=pack.RESOURCES)
    parser.add_argument("--output", type=Path, default=training.ROOT / "evaluation")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--scale", type=float)
    parser.add_argument("--seed", type=int, default=2_000_001)
    arguments = parser.parse_args()
    card = json.loads((arguments.folder / "qwenimage.json").read_text())["recommended"]
    steps = arguments.steps or card["num_inference_steps"]
    scale = arguments.scale or card["true_cfg_scale"]
    generator = np.random.default_rng(arguments.seed)
    scenes = world.sample(generator, arguments.count, 0.5)
    sentences, _ = wording.Narrator(generator, strange=0.0).tell(scenes)
    pipeline = QwenImagePipeline.from_pretrained(arguments.folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    drawn = []
    started = time.time()
    for start in range(0, arguments.count, 25):
        training.rest()
        prompts = sentences[start : start + 25]
        result = pipeline(
            prompts,
            negative_prompt=[card["negative_prompt"]] * len(prompts),
            width=card["width"],
            height=card["height"],
            num_inference_steps=steps,
            true_cfg_scale=scale,
            generator=torch.Generator().manual_seed(arguments.seed + start),
        )
        drawn += [np.asarray(picture) for picture in result.images]
    verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(drawn)]
    figures = {"steps": steps, "scale": scale, "seconds": round(time.time() - started, 1)}
    figures["names"] = list(checker.tally(verdicts[:1]))
    for name, rows in (("one", np.flatnonzero(scenes.count == 1)), ("two", np.flatnonzero(scenes.count == 2))):
        figures[name] = {"n": len(rows)} | checker.tally([verdicts[row] for row in rows])
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    Image.fromarray(world.sheet(np.stack(drawn[:40]), 8)).save(arguments.output / "sheet.png")
    (arguments.output / "prompts.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
