"""Measures a packed folder on held-out prompts and pictures, as diffusers and transformers run it and as our engine does.

`python evaluate.py --folder DEMO --output FOLDER` writes FOLDER/tasks.json and the pictures to be captioned, answers
with the references, and prints the figures. `DemoAnswers DEMO FOLDER FOLDER/engine` (a main class among the tests)
answers with the engine; `--judge` then judges both, and `figures.json` holds what the model card says.
"""

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import QwenImagePipeline
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor

import chat
import checker
import pack
import sentences
import training
import wording
import world

OVERLAP = 0.5  # intersection over union


def held_out(count: int, seed: int) -> tuple[world.Scenes, list[str], world.Scenes]:
    """Scenes and prompts for pictures; scenes for captions and boxes."""
    generator = np.random.default_rng(seed)
    scenes = world.sample(generator, count, 0.5)
    told, _ = wording.Narrator(generator, strange=0.0).tell(scenes)
    return scenes, told, world.sample(np.random.default_rng(seed + 1), count, 0.5)


def phrases(scenes: world.Scenes) -> list[str]:
    """One thing of each scene, by colour and shape."""
    return [f"{world.COLOURS[c]} {world.SHAPES[s]}" for c, s in zip(scenes.colour[:, 0], scenes.shape[:, 0])]


def write_tasks(output: Path, told: list[str], shown: world.Scenes, seed: int) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for row, picture in enumerate(world.to_bytes(world.render(shown))):
        Image.fromarray(picture).save(output / f"shown-{row:03d}.png")
    prompts = [{"text": text, "seed": seed + row, "file": f"drawn-{row:03d}.png"} for row, text in enumerate(told)]
    questions = [{"file": f"shown-{row:03d}.png", "phrase": phrase} for row, phrase in enumerate(phrases(shown))]
    tasks = {"prompts": prompts, "questions": questions}
    (output / "tasks.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")


def draw(folder: Path, tasks: dict, output: Path) -> None:
    card = json.loads((folder / "qwenimage.json").read_text())["recommended"]
    pipeline = QwenImagePipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    output.mkdir(exist_ok=True)
    for start in range(0, len(tasks["prompts"]), 20):
        part = tasks["prompts"][start : start + 20]
        pictures = pipeline(
            [prompt["text"] for prompt in part],
            negative_prompt=[card["negative_prompt"]] * len(part),
            width=card["width"],
            height=card["height"],
            num_inference_steps=card["num_inference_steps"],
            true_cfg_scale=card["true_cfg_scale"],
            generator=[torch.Generator().manual_seed(prompt["seed"]) for prompt in part],
        ).images
        for prompt, picture in zip(part, pictures):
            picture.save(output / prompt["file"])


class Reference:
    """The text encoder as transformers runs it: greedy answers."""

    def __init__(self, folder: Path) -> None:
        path = folder / "text_encoder"
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(path, torch_dtype=torch.float32).eval()
        self.processor = Qwen2VLImageProcessor.from_pretrained(folder / "processor")
        self.writer = sentences.Writer()

    def ask(self, pictures: list[Image.Image], questions: list[str]) -> list[str]:
        """Questions of the same length go together, so that none is padded."""
        tokens = self.writer.tokens
        rows = [self.writer.dialogue(tokens.encode(question).ids, [])[0][:-1] for question in questions]
        answers = [""] * len(rows)
        for length in sorted({len(row) for row in rows}):
            alike = [index for index, row in enumerate(rows) if len(row) == length]
            for start in range(0, len(alike), 40):
                part = alike[start : start + 40]
                made = self.generate([pictures[index] for index in part], [rows[index] for index in part])
                for index, ids in zip(part, made):
                    answers[index] = tokens.decode(ids)
        return answers

    @torch.no_grad()
    def generate(self, pictures: list[Image.Image], rows: list[list[int]]) -> list[list[int]]:
        ids = torch.tensor(rows)
        image = self.writer.tokens.token_to_id("<|image_pad|>")
        end = self.writer.end[0]
        made = self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == image).int(),
            **self.processor(pictures, return_tensors="pt"), max_new_tokens=128, do_sample=False, eos_token_id=end,
            pad_token_id=end,
        )  # fmt: skip
        return made[:, ids.shape[1] :].tolist()


def answer(folder: Path, tasks: dict, root: Path, output: Path) -> None:
    reference = Reference(folder)
    pictures = [Image.open(root / question["file"]) for question in tasks["questions"]]
    captions = reference.ask(pictures, [chat.CAPTION] * len(pictures))
    found = reference.ask(pictures, [chat.FIND_ONE.format(question["phrase"]) for question in tasks["questions"]])
    output.mkdir(exist_ok=True)
    answers = [{"caption": caption, "boxes": read_boxes(text)} for caption, text in zip(captions, found)]
    (output / "answers.json").write_text(json.dumps(answers, indent=1))


def read_boxes(answered: str) -> list[dict]:
    """Boxes in pixels of the picture; none if the answer is no list of boxes."""
    try:
        read = json.loads(re.sub(r"^```json\n|\n```$", "", answered))
        scale = world.SIZE / chat.SIDE
        return [{"label": each["label"], "box": [round(v * scale) for v in each["bbox_2d"]]} for each in read]
    except (ValueError, KeyError, TypeError):
        return []


def caption_right(caption: str, scenes: world.Scenes, row: int) -> bool:
    """Every thing, with its colour, and nothing else."""
    said = re.sub(r" on an? .*background.*", "", caption.lower())
    named = re.findall(f"({'|'.join(world.COLOURS)}) ({'|'.join(world.SHAPES)})", said)
    count = int(scenes.count[row])
    there = [(world.COLOURS[scenes.colour[row, i]], world.SHAPES[scenes.shape[row, i]]) for i in range(count)]
    return sorted(named) == sorted(there)


def boxes_right(found: list[dict], scenes: world.Scenes, boxes: np.ndarray, row: int) -> bool:
    """As many as there are of what was asked for, each where one is."""
    first = (scenes.colour[row, 0], scenes.shape[row, 0])
    wanted = [boxes[row, i] for i in range(scenes.count[row]) if (scenes.colour[row, i], scenes.shape[row, i]) == first]
    if len(found) != len(wanted):
        return False
    overlaps = np.array([[overlap(np.array(each["box"], float), box) for box in wanted] for each in found])
    return bool((overlaps.max(axis=0) >= OVERLAP).all() and (overlaps.max(axis=1) >= OVERLAP).all())


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    inside = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return inside / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inside)


def judge(folder: Path, tasks: dict, scenes: world.Scenes, shown: world.Scenes) -> dict:
    drawn = [np.asarray(Image.open(folder / prompt["file"]).convert("RGB")) for prompt in tasks["prompts"]]
    verdicts = [checker.judge(checker.look(picture), scenes, row) for row, picture in enumerate(drawn)]
    figures = {}
    for name, rows in (
        ("one", np.flatnonzero(scenes.count == 1)),
        ("two", np.flatnonzero(scenes.count == 2)),
        ("all", np.arange(len(scenes))),
    ):
        figures[name] = {"n": len(rows)} | checker.tally([verdicts[row] for row in rows])
    answers = json.loads((folder / "answers.json").read_text())
    boxes = world.boxes(shown)
    captions = [caption_right(each["caption"], shown, row) for row, each in enumerate(answers)]
    found = [boxes_right(each["boxes"], shown, boxes, row) for row, each in enumerate(answers)]
    figures["captions"] = round(100 * np.mean(captions), 1)
    figures["boxes"] = round(100 * np.mean(found), 1)
    Image.fromarray(world.sheet(np.stack(drawn[:40]), 8)).save(folder / "sheet.png")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=pack.RESOURCES)
    parser.add_argument("--output", type=Path, default=training.ROOT / "evaluation")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--judge", action="store_true", help="judge what there is")
    parser.add_argument("--seed", type=int, default=2_000_001)
    arguments = parser.parse_args()
    scenes, told, shown = held_out(arguments.count, arguments.seed)
    if not arguments.judge:
        write_tasks(arguments.output, told, shown, arguments.seed)
    tasks = json.loads((arguments.output / "tasks.json").read_text(encoding="utf-8"))
    if not arguments.judge:
        started = time.time()
        answer(arguments.folder, tasks, arguments.output, arguments.output / "reference")
        draw(arguments.folder, tasks, arguments.output / "reference")
        print(f"{time.time() - started:.0f} s")
    figures = {
        name: judge(arguments.output / name, tasks, scenes, shown)
        for name in ("reference", "engine")
        if (arguments.output / name / "answers.json").exists()
    }
    (arguments.output / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
