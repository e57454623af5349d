"""Looks at a picture and says what is in it, with colours, contours and positions only: it knows no model.

It refuses what a person would not accept: a blob is no shape, a thing of mixed colours has no colour, specks and extra
things are counted.
"""

from dataclasses import dataclass

import numpy as np
import torch

import world

FOREGROUND = 42.0  # distance in RGB from the ground of the same row
SPECK = 12  # pixels; smaller ones are edge noise
SMALLEST = 90  # pixels; the smallest star of the world has 150
COLOUR_REACH = 75.0
MIXED = 38.0  # deviation in RGB within a thing
OVERLAP = 0.84  # intersection over union with the ideal shape in the same box
ASPECT = 1.22
GRID = 48


@dataclass
class Thing:
    colour: str | None
    shape: str | None
    box: tuple[int, int, int, int]  # left, top, right, bottom; right and bottom exclusive
    area: int

    @property
    def middle(self) -> np.ndarray:
        return np.array([(self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2])


@dataclass
class Sight:
    things: list[Thing]
    specks: int
    ground: str | None
    graded: bool


@dataclass
class Verdict:
    """What of a scene is there. `colours` and `shapes` include the right count."""

    count: bool
    colours: bool
    shapes: bool
    places: bool
    sizes: bool
    ground: bool

    @property
    def all(self) -> bool:
        return self.count and self.colours and self.shapes and self.places


def look(picture: np.ndarray) -> Sight:
    """`picture` [128, 128, 3] bytes."""
    pixels = picture.astype(np.float32)
    # Nothing touches the margin, so the ground of a row is what lies at its ends.
    ends = np.concatenate([pixels[:, :3], pixels[:, -3:]], axis=1)
    ground = np.median(ends, axis=1)
    ground = np.stack([np.convolve(np.pad(ground[:, c], 3, mode="edge"), np.ones(7) / 7, "valid") for c in range(3)], 1)
    mask = np.linalg.norm(pixels - ground[:, None], axis=2) > FOREGROUND
    things, specks = [], 0
    for part in components(mask):
        if len(part) >= SMALLEST:
            things.append(name_thing(pixels, part))
        elif len(part) >= SPECK:
            specks += 1
    bands = ground[4:12].mean(axis=0), ground[-12:-4].mean(axis=0)
    graded = float(np.linalg.norm(bands[0] - bands[1])) > 40
    # The plain colour is met at the very top; a graded ground has begun to change there.
    return Sight(things, specks, nearest(bands[0], world.GROUND_RGB, world.GROUNDS, 45), graded)


def components(mask: np.ndarray) -> list[np.ndarray]:
    """The 4-connected parts of a mask, each [pixels, 2] rows and columns."""
    open_pixels = set(map(tuple, np.argwhere(mask).tolist()))
    parts = []
    while open_pixels:
        stack = [open_pixels.pop()]
        part = []
        while stack:
            row, column = stack.pop()
            part.append((row, column))
            for neighbour in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if neighbour in open_pixels:
                    open_pixels.remove(neighbour)
                    stack.append(neighbour)
        parts.append(np.array(part))
    return parts


def name_thing(pixels: np.ndarray, part: np.ndarray) -> Thing:
    (top, left), (bottom, right) = part.min(axis=0), part.max(axis=0) + 1
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    mask[part[:, 0] - top, part[:, 1] - left] = True
    core = erode(erode(mask))
    core = core if core.sum() >= 20 else mask
    inside = pixels[top:bottom, left:right][core]
    mixed = float(np.sqrt(inside.var(axis=0).sum())) > MIXED
    colour = None if mixed else nearest(np.median(inside, axis=0), world.COLOUR_RGB, world.COLOURS, COLOUR_REACH)
    return Thing(colour, name_shape(mask), (int(left), int(top), int(right), int(bottom)), len(part))


def erode(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask, 1)
    return mask & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]


def ideal_shapes() -> tuple[np.ndarray, np.ndarray]:
    """Each shape stretched over a square grid [shapes, GRID, GRID], and its natural width over height."""
    masks, aspects = [], []
    for shape in range(len(world.SHAPES)):
        side, up, down = world.EXTENT[shape]
        line = (torch.arange(GRID) + 0.5) / GRID
        u = (line * 2 - 1).view(1, GRID) * side
        v = (line * (up + down) - up).view(GRID, 1)
        u, v = torch.broadcast_tensors(u, v)
        masks.append((world.distance(shape, u, v, torch.ones(())) < 0).numpy())
        aspects.append(2 * side / (up + down))
    return np.stack(masks), np.array(aspects)


IDEALS, ASPECTS = ideal_shapes()


def name_shape(mask: np.ndarray) -> str | None:
    height, width = mask.shape
    rows = ((np.arange(GRID) + 0.5) * height / GRID).astype(int)
    columns = ((np.arange(GRID) + 0.5) * width / GRID).astype(int)
    stretched = mask[rows][:, columns]
    overlap = (IDEALS & stretched).sum(axis=(1, 2)) / (IDEALS | stretched).sum(axis=(1, 2))
    best = int(overlap.argmax())
    # A star's points are thin: a pixel more or less costs much of a small one.
    needed = OVERLAP - (0.1 if world.SHAPES[best] == "star" else 0.0)
    aspect = width / height / ASPECTS[best]
    if overlap[best] < needed or not 1 / ASPECT < aspect < ASPECT:
        return None
    return world.SHAPES[best]


def nearest(rgb: np.ndarray, palette: np.ndarray, names: list[str], reach: float) -> str | None:
    distances = np.linalg.norm(palette - rgb, axis=1)
    best = int(distances.argmin())
    return names[best] if distances[best] <= reach else None


def judge(sight: Sight, scenes: world.Scenes, row: int) -> Verdict:
    count = int(scenes.count[row])
    ground = sight.ground == world.GROUNDS[scenes.ground[row]] and sight.graded == bool(scenes.graded[row])
    if len(sight.things) != count or sight.specks > 0:
        return Verdict(False, False, False, False, False, ground)
    wanted = [
        (world.COLOURS[scenes.colour[row, index]], world.SHAPES[scenes.shape[row, index]]) for index in range(count)
    ]
    orders = [sight.things] if count == 1 else [sight.things, sight.things[::-1]]
    right = lambda order: sum((t.colour == c) + (t.shape == s) for t, (c, s) in zip(order, wanted))
    in_place = lambda order: places_right(order, scenes, row)
    order = max(orders, key=lambda order: (right(order), in_place(order)))
    return Verdict(
        True,
        all(thing.colour == colour for thing, (colour, _) in zip(order, wanted)),
        all(thing.shape == shape for thing, (_, shape) in zip(order, wanted)),
        in_place(order),
        all(size_right(thing, scenes, row, index) for index, thing in enumerate(order)),
        ground,
    )


def places_right(order: list[Thing], scenes: world.Scenes, row: int) -> bool:
    """One thing: in the right ninth of the picture. Two: one truly left of, above ... the other, as was asked."""
    if len(order) == 1:
        return int(np.linalg.norm(world.PLACE_XY - order[0].middle, axis=1).argmin()) == scenes.place[row, 0]
    wanted = world.PLACE_XY[scenes.place[row, 1]] - world.PLACE_XY[scenes.place[row, 0]]
    seen = order[1].middle - order[0].middle
    return bool(np.all(np.where(wanted == 0, np.abs(seen) < 16, seen * np.sign(wanted) > 24)))


def size_right(thing: Thing, scenes: world.Scenes, row: int, index: int) -> bool:
    side, up, down = world.EXTENT[scenes.shape[row, index]]
    scale = world.PAIR_SCALE if scenes.count[row] == 2 else 1.0
    half = ((thing.box[2] - thing.box[0]) / (2 * side) + (thing.box[3] - thing.box[1]) / (up + down)) / 2
    return int(np.abs(world.RADIUS * scale - half).argmin()) == scenes.size[row, index]


def tally(verdicts: list[Verdict]) -> dict[str, float]:
    """The share of pictures, in percent, in which each thing is right."""
    share = lambda values: round(100 * sum(values) / max(1, len(values)), 1)
    names = ["count", "colours", "shapes", "places", "sizes", "ground", "all"]
    return {name: share([getattr(verdict, name) for verdict in verdicts]) for name in names}
