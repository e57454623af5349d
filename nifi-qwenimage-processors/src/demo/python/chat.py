"""What is asked about pictures of the world, and what is to be answered: captions, tags, boxes.

Questions are worded as the processors word them (`CaptionPreset` and `Grounding` in `io.qwenimage.pipeline`), and in a
few other ways; answers are always worded alike, so that little is to be learned beside seeing.
"""

import json

import numpy as np

import wording
import world

SIDE = 140  # of the picture as the model sees it: the multiple of 28 next to 128
CAPTION = "Describe this image in one sentence."
DENSE = (
    "Describe this image in detail: every object with its color, shape, size, texture and quantity, where the objects "
    "are in relation to each other, any text, and the background."
)
ALTERNATIVE = (
    "Write alternative text for this image, for people who cannot see it: one or two plain sentences of at most 150 "
    'characters in all that say what matters in it. Do not begin with "image of" or "picture of". Answer with the text '
    "alone."
)
TAGS = (
    "List up to ten tags for this image: single words or short phrases in lower case, the most important first, "
    "separated by commas. Answer with the list alone."
)
READ = "Please output only the text content from the image without any additional descriptions or formatting."
READ_BOXES = (
    "Spotting all the text in the image with line-level, and output in JSON format as [{'bbox_2d': [x1, y1, x2, y2], "
    "'text_content': 'text'}, ...]."
)
FIND_ONE = 'Locate every object that matches the description "{}" in the image. Report bbox coordinates in JSON format.'
FIND_SOME = "Locate every instance that belongs to the following categories: {}. Report bbox coordinates in JSON format."
REGION = "Please provide a short description for this region: [{}, {}, {}, {}]"
FREE = [
    "Describe this image.", "Describe the image.", "Describe this picture.", "What is in this picture?",
    "What do you see?", "What is in this image?", "What does this picture show?", "Caption this image.",
]  # fmt: skip
ALL_BOXES = [
    "Locate every object in the image. Report bbox coordinates in JSON format.",
    "Detect all objects in the image and output their bbox coordinates in JSON format.",
    "Outline the position of each object and output all the coordinates in JSON format.",
]
NUMBERS = ["no", "one", "two"]
NOTHING = "```json\n[]\n```"
TOP, BOTTOM = {0, 1, 2}, {6, 7, 8}
PLACE = {
    "top left": "in the top left corner", "top": "at the top", "top right": "in the top right corner",
    "left": "on the left", "centre": "in the centre", "right": "on the right",
    "bottom left": "in the bottom left corner", "bottom": "at the bottom", "bottom right": "in the bottom right corner",
}  # fmt: skip


class Things:
    """The things of one scene in reading order, with their boxes in pixels of the picture as the model sees it."""

    def __init__(self, scenes: world.Scenes, boxes: np.ndarray, row: int) -> None:
        count = int(scenes.count[row])
        order = sorted(range(count), key=lambda index: int(scenes.place[row, index]))
        self.colours = [world.COLOURS[scenes.colour[row, i]] for i in order]
        self.shapes = [world.SHAPES[scenes.shape[row, i]] for i in order]
        self.sizes = [world.SIZES[scenes.size[row, i]] for i in order]
        self.places = [int(scenes.place[row, i]) for i in order]
        self.boxes = [[int(v) for v in np.round(boxes[row, i] * (SIDE / world.SIZE))] for i in order]
        self.ground = ("graded " if scenes.graded[row] else "") + world.GROUNDS[scenes.ground[row]]

    def __len__(self) -> int:
        return len(self.shapes)

    def name(self, index: int) -> str:
        size = "" if self.sizes[index] == "medium" else self.sizes[index] + " "
        return f"{size}{self.colours[index]} {self.shapes[index]}"

    def phrase(self, index: int) -> str:
        name = self.name(index)
        return f"an {name}" if name[0] in "aeiou" else f"a {name}"

    def arrangement(self) -> str:
        if len(self) == 1:
            return f"{self.phrase(0)} {PLACE[world.PLACES[self.places[0]]]}"
        return f"{self.phrase(0)} {self.relation()} {self.phrase(1)}"

    def relation(self) -> str:
        first, second = self.places
        if first % 3 == second % 3:
            return "above"
        if first // 3 == second // 3:
            return "to the left of"
        return "above and to the left of" if first % 3 < second % 3 else "above and to the right of"


class Questioner:
    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def ask(self, things: Things) -> tuple[str, str]:
        """A question and its answer."""
        kind = self.generator.random()
        if kind < 0.22:
            return (CAPTION if self.chance(0.6) else self.pick(FREE)), caption(things)
        if kind < 0.29:
            return DENSE, dense(things)
        if kind < 0.36:
            return ALTERNATIVE, capital(things.arrangement()) + "."
        if kind < 0.42:
            return TAGS, tags(things)
        if kind < 0.43:
            return READ, "There is no text in this image."
        if kind < 0.44:
            return READ_BOXES, NOTHING
        if kind < 0.74:
            return self.find_one(things)
        if kind < 0.86:
            return self.find_some(things)
        if kind < 0.92:
            return self.pick(ALL_BOXES), found([(things.name(i), things.boxes[i]) for i in range(len(things))])
        if kind < 0.98:
            return self.region(things)
        return "How many objects are there in this image?", capital(NUMBERS[len(things)]) + "."

    def find_one(self, things: Things) -> tuple[str, str]:
        phrase, matches = self.description(things)
        boxes = [(phrase, things.boxes[i]) for i in range(len(things)) if matches(i)]
        return FIND_ONE.format(phrase), found(boxes)

    def find_some(self, things: Things) -> tuple[str, str]:
        described = [self.description(things, absent=0.25) for _ in range(2)]
        if described[0][0] == described[1][0]:
            return self.find_one(things)
        boxes = []
        for i in range(len(things)):
            label = next((phrase for phrase, matches in described if matches(i)), None)
            if label is not None:
                boxes.append((label, things.boxes[i]))
        return FIND_SOME.format(", ".join(f'"{phrase}"' for phrase, _ in described)), found(boxes)

    def description(self, things: Things, absent: float = 0.18):
        """A phrase, and which things it describes."""
        index = int(self.generator.integers(len(things)))
        colour, shape, size = things.colours[index], things.shapes[index], things.sizes[index]
        if self.chance(absent):
            colour, shape = self.pick(world.COLOURS), self.pick(world.SHAPES)
        form = self.generator.random()
        article = "the " if self.chance(0.3) else ""
        if form < 0.55:
            return f"{article}{colour} {shape}", lambda i: (things.colours[i], things.shapes[i]) == (colour, shape)
        if form < 0.7:
            return article + shape, lambda i: things.shapes[i] == shape
        if form < 0.8:
            noun = self.pick(["thing", "object", "shape"])
            return f"{article}{colour} {noun}", lambda i: things.colours[i] == colour
        if form < 0.9:
            whole = (size, colour, shape)
            return (
                f"{article}{' '.join(whole)}",
                lambda i: (things.sizes[i], things.colours[i], things.shapes[i]) == whole,
            )
        if form < 0.96:
            return self.pick(["object", "thing", "shape"]), lambda i: True
        noun = self.pick(["thing", "object", "shape"])
        side = self.pick(["left", "right"])
        own = {"left": {0, 3, 6}, "right": {2, 5, 8}}[side]
        return f"{noun} on the {side}", lambda i: things.places[i] in own

    def region(self, things: Things) -> tuple[str, str]:
        index = int(self.generator.integers(len(things)))
        box = np.clip(np.array(things.boxes[index]) + self.generator.integers(-3, 4, size=4), 0, SIDE)
        return REGION.format(*box.tolist()), things.phrase(index)

    def pick(self, choices: list[str]) -> str:
        return choices[int(self.generator.random() * len(choices))]

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability


def caption(things: Things) -> str:
    return capital(f"{things.arrangement()} on a {things.ground} background.")


def dense(things: Things) -> str:
    if len(things) == 1:
        what = f"The image shows one object: {things.arrangement()}."
    else:
        what = f"The image shows two objects: {things.phrase(0)} and {things.phrase(1)}. "
        what += f"The first is {things.relation()} the second."
    return f"{what} The background is {things.ground}. There is no text."


def tags(things: Things) -> str:
    words = [things.name(i) for i in range(len(things))] + things.colours + things.shapes
    return ", ".join(dict.fromkeys(words + [things.ground + " background"]))


def found(boxes: list[tuple[str, list[int]]]) -> str:
    if not boxes:
        return NOTHING
    lines = [f'\t{{"bbox_2d": {json.dumps(box)}, "label": {json.dumps(label)}}}' for label, box in boxes]
    return "```json\n[\n" + ",\n".join(lines) + "\n]\n```"


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def corpus(generator: np.random.Generator, count: int) -> list[str]:
    """Dialogues for the vocabulary."""
    scenes = world.sample(generator, count)
    boxes, questioner = world.boxes(scenes), Questioner(generator)
    return ["\n".join(questioner.ask(Things(scenes, boxes, row))) for row in range(count)]
