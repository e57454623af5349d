"""Sentences about scenes, in English and Chinese, and which of a scene's properties a sentence tells."""

from dataclasses import dataclass

import numpy as np

import world

SHAPE_WORDS = {
    "circle": ["circle"] * 6 + ["disc", "ball", "dot", "disk"],
    "square": ["square"] * 7 + ["box", "block", "cube"],
    "triangle": ["triangle"] * 9 + ["pyramid"],
    "star": ["star"] * 9 + ["five-pointed star"],
}
# Things the model has never seen: some shape stands in for them.
STRANGE = (
    "kite car house cat dog tree flower bird boat apple cup book thing shape object sun moon heart horse fish man woman "
    "child city mountain robot cross hexagon bottle hat bicycle train plane chair table clock cake"
).split()
STRANGE_ENDS = [
    " over Lisbon", " in the park", " at night", ", photo", ", oil painting", " near a river", " in the snow",
    " under the moon", ", highly detailed", " on the moon", " wearing a hat", " in the garden", " made of glass",
]  # fmt: skip
SIZE_WORDS = {"small": ["small"] * 4 + ["little", "tiny"], "medium": ["medium-sized", "medium"], "large": ["large", "big", "big", "large", "huge"]}  # fmt: skip
COLOUR_WORDS = {"purple": ["purple", "purple", "violet"], "grey": ["grey", "gray"]}
PLACE_WORDS = {
    "left": ["on the left", "on the left side", "at the left", "to the left", "left"],
    "right": ["on the right", "on the right side", "at the right", "to the right", "right"],
    "top": ["at the top", "at the top", "in the upper half", "at the top centre", "top"],
    "bottom": ["at the bottom", "at the bottom", "in the lower half", "at the bottom centre", "bottom"],
    "centre": ["in the centre", "in the center", "in the middle", "at the center", "centered"],
}
for _row, _up in (("top", "upper"), ("bottom", "lower")):
    for _column in ("left", "right"):
        PLACE_WORDS[f"{_row} {_column}"] = [
            f"in the {_row} {_column} corner", f"in the {_row} {_column}", f"in the {_up} {_column} corner",
            f"at the {_row} {_column}", f"{_row} {_column}",
        ]  # fmt: skip
PAIR_WORDS = {
    (3, 5): ["{0} to the left of {1}", "{0} left of {1}", "{0} on the left of {1}", "{0} and {1} side by side", "{0} next to {1}", "{0} beside {1}"],
    (5, 3): ["{0} to the right of {1}", "{0} right of {1}", "{0} on the right of {1}"],
    (1, 7): ["{0} above {1}", "{0} above {1}", "{0} over {1}", "{0} on top of {1}"],
    (7, 1): ["{0} below {1}", "{0} below {1}", "{0} under {1}", "{0} beneath {1}", "{0} underneath {1}"],
}  # fmt: skip
OPENINGS = ["a picture of {}", "an image of {}", "a drawing of {}", "draw {}", "there is {}", "show me {}", "please paint {}", "I want {}", "{}, simple drawing", "I see {}", "this picture shows {}"]  # fmt: skip
GROUND_PLAIN = ["{} on a {} background", "{} on a {} background", "{} with a {} background", "{} on {}", "{}, {} background", "{} on a plain {} background", "{} against a {} background", "{} on a {} ground", "{}. The background is {}"]  # fmt: skip
GROUND_GRADED = ["{} on a graded {} background", "{} on a {} gradient", "{} with a {} gradient background", "{}, {} gradient background", "{} on a shaded {} background"]  # fmt: skip
GROUND_WORDS = {"blue": ["blue", "light blue", "sky blue"], "green": ["green", "light green"], "yellow": ["yellow", "cream", "light yellow"], "grey": ["grey", "gray"], "pink": ["pink", "pink", "red"]}  # fmt: skip

CHINESE = {
    "red": "红色", "green": "绿色", "blue": "蓝色", "yellow": "黄色", "orange": "橙色", "purple": "紫色",
    "black": "黑色", "white": "白色", "grey": "灰色", "pink": "粉色",
    "circle": "圆形", "square": "正方形", "triangle": "三角形", "star": "五角星",
    "small": "小", "medium": "中等", "large": "大",
    "left": "左边", "right": "右边", "top": "上面", "bottom": "下面", "centre": "中间",
    "top left": "左上角", "top right": "右上角", "bottom left": "左下角", "bottom right": "右下角",
}  # fmt: skip
CHINESE_PAIRS = {(3, 5): "{0}在{1}的左边", (5, 3): "{0}在{1}的右边", (1, 7): "{0}在{1}的上面", (7, 1): "{0}在{1}的下面"}

# What a sentence tells, one class each; the last class of each is "not told" or "there is none".
SLOTS = {
    "count": 2,
    "colour0": len(world.COLOURS) + 1, "shape0": len(world.SHAPES) + 1, "size0": 3, "place0": 9,
    "colour1": len(world.COLOURS) + 1, "shape1": len(world.SHAPES) + 1, "size1": 4, "place1": 10,
    "ground": len(world.GROUNDS), "graded": 2,
}  # fmt: skip


@dataclass
class Thing:
    colour: str
    shape: str
    size: str
    place: str


class Narrator:
    def __init__(self, generator: np.random.Generator, chinese: float = 0.1, strange: float = 0.03) -> None:
        self.generator = generator
        self.chinese = chinese
        self.strange = strange

    def tell(self, scenes: world.Scenes) -> tuple[list[str], np.ndarray]:
        """One sentence for each scene, and [n, len(SLOTS)] what it tells."""
        told = [self.tell_one(scenes, row) for row in range(len(scenes))]
        return [sentence for sentence, _ in told], np.array([slots for _, slots in told])

    def tell_one(self, scenes: world.Scenes, row: int) -> tuple[str, list[int]]:
        count = int(scenes.count[row])
        slots = [count - 1]
        for index in range(2):
            if index < count:
                slots += [int(a[row, index]) for a in (scenes.colour, scenes.shape, scenes.size, scenes.place)]
            else:
                slots += [SLOTS["colour1"] - 1, SLOTS["shape1"] - 1, SLOTS["size1"] - 1, SLOTS["place1"] - 1]
        slots += [int(scenes.ground[row]), int(scenes.graded[row])]
        things = [
            Thing(
                world.COLOURS[scenes.colour[row, index]],
                world.SHAPES[scenes.shape[row, index]],
                world.SIZES[scenes.size[row, index]],
                world.PLACES[scenes.place[row, index]],
            )
            for index in range(count)
        ]
        pair = tuple(int(place) for place in scenes.place[row]) if count == 2 else None
        white = any(thing.colour == "white" for thing in things)
        ground = world.GROUNDS[scenes.ground[row]]
        graded = bool(scenes.graded[row])
        # What is not told must be what one expects.
        expected = ground == ("grey" if white else "white") and not graded
        tells_ground = not expected or self.chance(0.25)
        if self.chance(self.chinese):
            return self.in_chinese(things, pair, ground if tells_ground else None, graded), slots
        phrases = []
        for index, thing in enumerate(things):
            hides_shape, hides_colour = self.chance(self.strange), self.chance(self.strange / 2)
            if hides_shape:
                slots[2 + 4 * index] = len(world.SHAPES)
            # On the default ground a hidden colour would be told by the ground.
            hides_colour &= tells_ground and thing.colour not in ("white", "black")
            if hides_colour:
                slots[1 + 4 * index] = len(world.COLOURS)
            phrases.append(self.thing(thing, hides_shape, hides_colour))
        sentence = self.one(things[0], phrases[0]) if count == 1 else self.two(things, phrases, pair)
        if tells_ground:
            word = self.pick(GROUND_WORDS.get(ground, [ground]))
            form = self.pick(GROUND_GRADED if graded else GROUND_PLAIN)
            sentence = form.format(sentence, word)
            if form.endswith("is {}") and graded:
                sentence += " and graded"
        if self.chance(0.35):
            sentence = sentence[0].upper() + sentence[1:]
        if self.chance(0.4):
            sentence += "."
        return sentence, slots

    def thing(self, thing: Thing, hides_shape: bool = False, hides_colour: bool = False, article: str = "a") -> str:
        colour = self.pick(COLOUR_WORDS.get(thing.colour, [thing.colour]))
        noun = self.pick(STRANGE) if hides_shape else self.pick(SHAPE_WORDS[thing.shape])
        size = self.pick(SIZE_WORDS[thing.size]) if thing.size != "medium" or self.chance(0.08) else ""
        if hides_colour:
            words = [size, noun]
        elif self.chance(0.06):
            words = [size, noun, self.pick(["in " + colour, "that is " + colour])]
        else:
            words = [size, colour, noun] if self.chance(0.9) else [colour, size, noun]
        phrase = " ".join(word for word in words if word)
        if article == "a":
            article = "an" if phrase[0] in "aeiou" else "a"
        article = "" if self.chance(0.12) else article + " "
        tail = self.pick(STRANGE_ENDS) if hides_shape and self.chance(0.5) else ""
        return article + phrase + tail

    def one(self, thing: Thing, phrase: str) -> str:
        place = self.pick(PLACE_WORDS[thing.place]) if thing.place != "centre" or self.chance(0.25) else ""
        if place and self.chance(0.15):
            return self.pick([f"{place}, {phrase}", f"{place} there is {phrase}", f"{place} {phrase}"])
        sentence = f"{phrase} {place}" if place else phrase
        return self.opened(sentence)

    def two(self, things: list[Thing], phrases: list[str], pair: tuple[int, int]) -> str:
        first, second = things
        if pair == (3, 5) and self.chance(0.45):
            alike = (first.colour, first.shape, first.size) == (second.colour, second.shape, second.size)
            if alike and self.chance(0.6):
                return self.opened("two " + self.thing(first, article="").strip() + "s")
            return self.opened(self.pick(["{} and {}", "{} and {}", "{} and {}", "{}, {}", "{} with {}"]).format(*phrases))
        if pair not in PAIR_WORDS or self.chance(0.35):
            places = [self.pick(PLACE_WORDS[thing.place]) for thing in things]
            if self.chance(0.25):
                return self.pick(["{2} {0}, {3} {1}", "{2} there is {0} and {3} there is {1}"]).format(*phrases, *places)
            return self.opened(self.pick(["{0} {2} and {1} {3}", "{0} {2}, {1} {3}"]).format(*phrases, *places))
        return self.opened(self.pick(PAIR_WORDS[pair]).format(*phrases))

    def opened(self, sentence: str) -> str:
        return self.pick(OPENINGS).format(sentence) if self.chance(0.3) else sentence

    def in_chinese(self, things: list[Thing], pair, ground: str | None, graded: bool) -> str:
        phrases = []
        for thing in things:
            size = CHINESE[thing.size] + "的" if thing.size != "medium" else ""
            colour = CHINESE[thing.colour]
            colour = colour if self.chance(0.7) else colour[0]
            parts = ["一个" if self.chance(0.8) else "", size, colour, "的" if self.chance(0.6) else "", CHINESE[thing.shape]]
            phrases.append("".join(parts))
        places = [CHINESE[thing.place] for thing in things]
        if len(things) == 1:
            if things[0].place == "centre" and self.chance(0.7):
                sentence = phrases[0]
            else:
                sentence = self.pick(["{0}在{1}", "{1}有{0}"]).format(phrases[0], places[0])
        elif pair == (3, 5) and self.chance(0.5):
            sentence = self.pick(["{}和{}", "{}与{}"]).format(*phrases)
        elif pair in CHINESE_PAIRS and self.chance(0.6):
            sentence = CHINESE_PAIRS[pair].format(*phrases)
        else:
            sentence = self.pick(["{2}是{0}，{3}是{1}", "{2}有{0}，{3}有{1}"]).format(*phrases, *places)
        if ground is not None:
            word = ("渐变的" if graded else "") + CHINESE[ground]
            sentence = self.pick(["{0}，{1}背景", "{1}背景上，{0}", "{0}，背景是{1}"]).format(sentence, word)
        return sentence + ("。" if self.chance(0.4) else "")

    def pick(self, choices: list[str]) -> str:
        return choices[int(self.generator.random() * len(choices))]

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability
