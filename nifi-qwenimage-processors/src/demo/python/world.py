"""The world of the demo model: one or two simple things on a ground, and how they are drawn.

A scene is a row in a few integer arrays (what was asked for) and float arrays (where it was put). Everything is drawn
from a numpy generator, so a seed gives the same scenes everywhere. Drawing is done in torch, a batch at a time: signed
distances give edges that are smooth over one pixel.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import torch

SIZE = 128
SHAPES = ["circle", "square", "triangle", "star"]
POINTED = np.array([0, 0, 2, 3])  # how much more of a shape its points make to be learned
COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "black", "white"]
COLOUR_RGB = np.array(
    [
        (220, 40, 40),
        (40, 160, 60),
        (40, 80, 220),
        (250, 210, 40),
        (245, 130, 30),
        (140, 50, 170),
        (25, 25, 25),
        (250, 250, 250),
    ]
)
# Grounds are pale, so that a blue thing on a blue ground can still be seen.
GROUNDS = ["white", "black", "grey", "blue", "green", "pink", "yellow"]
GROUND_RGB = np.array(
    [(240, 240, 240), (35, 35, 35), (135, 135, 135), (165, 205, 240), (175, 220, 165), (250, 190, 205), (250, 238, 180)]
)
SIZES = ["small", "medium", "large"]
RADIUS = np.array([14.0, 20.0, 27.0])
PAIR_SCALE = 0.88  # two large things must fit side by side
# Row by row, as one reads.
PLACES = ["top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"]
PLACE_XY = np.array([(x, y) for y in (34.0, 64.0, 94.0) for x in (34.0, 64.0, 94.0)])
CENTRE = 4
# First thing's place, second thing's place. The first pair is what "a and b" means when nothing else is said.
PAIRS = np.array([(3, 5), (5, 3), (1, 7), (7, 1), (0, 8), (8, 0), (2, 6), (6, 2)])
PAIR_WEIGHTS = np.array([0.26, 0.2, 0.2, 0.2, 0.035, 0.035, 0.035, 0.035])
# Half extents (left and right, up, down) in radii.
EXTENT = np.array([(1.0, 1.0, 1.0), (0.88, 0.88, 0.88), (1.08, 1.2, 0.65), (1.19, 1.25, 1.01)])
MARGIN = 4.0


@dataclass
class Scenes:
    """`n` scenes. Things beyond `count` are meaningless."""

    count: np.ndarray  # [n] 1 or 2
    colour: np.ndarray  # [n, 2] index into COLOURS
    shape: np.ndarray  # [n, 2] index into SHAPES
    size: np.ndarray  # [n, 2] index into SIZES
    place: np.ndarray  # [n, 2] index into PLACES
    ground: np.ndarray  # [n] index into GROUNDS
    graded: np.ndarray  # [n] 1: darker towards the bottom
    centre: np.ndarray  # [n, 2, 2] x and y in pixels
    radius: np.ndarray  # [n, 2] in pixels

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, rows) -> "Scenes":
        return Scenes(*(getattr(self, field.name)[rows] for field in fields(self)))


def sample(generator: np.random.Generator, n: int, single: float = 0.5) -> Scenes:
    """Scenes in which everything asked for is uniformly distributed, `single` of them with one thing."""
    count = np.where(generator.random(n) < single, 1, 2)
    colour = generator.integers(len(COLOURS), size=(n, 2))
    shape = generator.integers(len(SHAPES), size=(n, 2))
    size = generator.choice(3, size=(n, 2), p=[0.25, 0.5, 0.25])
    pair = PAIRS[generator.choice(len(PAIRS), size=n, p=PAIR_WEIGHTS)]
    lone = np.where(generator.random(n) < 0.4, CENTRE, generator.integers(9, size=n))
    place = np.where((count == 1)[:, None], lone[:, None], pair)
    ground = np.where(generator.random(n) < 0.4, 0, generator.integers(len(GROUNDS), size=n))
    graded = (generator.random(n) < 0.25).astype(np.int64)
    return settle(generator, Scenes(count, colour, shape, size, place, ground, graded, None, None))


def settle(generator: np.random.Generator, scenes: Scenes) -> Scenes:
    """Chooses grounds on which every thing can be seen, and puts every thing near its place."""
    there = np.stack([np.ones_like(scenes.count), scenes.count == 2], axis=1).astype(bool)
    for name, other in (("black", "white"), ("white", "grey")):
        clash = (there & (scenes.colour == COLOURS.index(name))).any(axis=1) & (scenes.ground == GROUNDS.index(name))
        scenes.ground = np.where(clash, GROUNDS.index(other), scenes.ground)
    n = len(scenes)
    two = (scenes.count == 2)[:, None]
    scale = np.where(two, PAIR_SCALE, 1.0) * generator.uniform(0.95, 1.05, size=(n, 2))
    scenes.radius = RADIUS[scenes.size] * scale
    jitter = generator.uniform(-1, 1, size=(n, 2, 2)) * np.where(two, 2.0, 6.0)[:, :, None]
    extent = EXTENT[scenes.shape] * scenes.radius[:, :, None]
    low = np.stack([extent[:, :, 0], extent[:, :, 1]], axis=2) + MARGIN
    high = SIZE - np.stack([extent[:, :, 0], extent[:, :, 2]], axis=2) - MARGIN
    # A triangle's and a star's box is not symmetric about the centre: the box is what is put in place.
    shift = np.stack([np.zeros((n, 2)), (extent[:, :, 1] - extent[:, :, 2]) / 2], axis=2)
    scenes.centre = np.clip(PLACE_XY[scenes.place] + shift + jitter, low, high)
    return scenes


def boxes(scenes: Scenes) -> np.ndarray:
    """[n, 2, 4] left, top, right, bottom in pixels."""
    extent = EXTENT[scenes.shape] * scenes.radius[:, :, None]
    x, y = scenes.centre[:, :, 0], scenes.centre[:, :, 1]
    return np.stack([x - extent[..., 0], y - extent[..., 1], x + extent[..., 0], y + extent[..., 2]], axis=2)


def tensors(scenes: Scenes, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """What `draw` needs, with the colours of the palette."""
    on_device = lambda values, dtype: torch.from_numpy(np.ascontiguousarray(values)).to(device, dtype)
    return {
        "count": on_device(scenes.count, torch.int32),
        "shape": on_device(scenes.shape, torch.int32),
        "graded": on_device(scenes.graded, torch.float32),
        "centre": on_device(scenes.centre, torch.float32),
        "radius": on_device(scenes.radius, torch.float32),
        "colour_rgb": on_device(COLOUR_RGB[scenes.colour], torch.float32),
        "ground_rgb": on_device(GROUND_RGB[scenes.ground], torch.float32),
    }


def draw(scene: dict[str, torch.Tensor]) -> torch.Tensor:
    """[n, 3, SIZE, SIZE] in -1..1. `colour_rgb` is [n, 2, 3], `ground_rgb` [n, 3], both 0..255."""
    plain = scene["ground_rgb"]
    n = len(plain)
    line = torch.arange(SIZE, device=plain.device) + 0.5
    # Graded: from the plain colour at the top to a darker one, a black ground to a lighter one.
    far = torch.where(plain.mean(dim=1, keepdim=True) < 64, plain + 75, plain * 0.62)
    ramp = (line / SIZE).view(1, 1, SIZE, 1) * scene["graded"].view(n, 1, 1, 1)
    picture = plain.view(n, 3, 1, 1) + (far - plain).view(n, 3, 1, 1) * ramp
    picture = picture.expand(n, 3, SIZE, SIZE)
    for index in range(2):
        edge = edges(scene, index, line)
        inside = (0.5 - edge).clamp(0, 1).unsqueeze(1)
        picture = picture + inside * (scene["colour_rgb"][:, index].view(n, 3, 1, 1) - picture)
    return picture / 127.5 - 1


def edges(scene: dict[str, torch.Tensor], index: int, line: torch.Tensor) -> torch.Tensor:
    """[n, len(line), len(line)] distance in pixels of points on a grid to the edge of a thing, far away if it is not."""
    there = scene["count"].view(-1, 1, 1) > index
    u = line.view(1, 1, -1) - scene["centre"][:, index, 0].view(-1, 1, 1)
    v = line.view(1, -1, 1) - scene["centre"][:, index, 1].view(-1, 1, 1)
    r = scene["radius"][:, index].view(-1, 1, 1)
    chosen = scene["shape"][:, index].view(-1, 1, 1)
    edge = torch.where(there & (chosen == 0), distance(0, u, v, r), 1e3)
    for shape in range(1, len(SHAPES)):
        edge = torch.where(there & (chosen == shape), distance(shape, u, v, r), edge)
    return edge


def render(scenes: Scenes) -> torch.Tensor:
    """[n, 3, SIZE, SIZE] in -1..1, in the colours of the palette."""
    return draw(tensors(scenes))


def distance(shape: int, u: torch.Tensor, v: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """Signed distance in pixels to the edge of a shape at the origin, negative inside; v points down."""
    name = SHAPES[shape]
    if name == "circle":
        return (u * u + v * v).sqrt() - r
    if name == "square":
        return torch.maximum(u.abs(), v.abs()) - 0.88 * r
    if name == "triangle":
        slope = math.hypot(1.85, 1.08)
        side = (u.abs() * 1.85 - (v + 1.2 * r) * 1.08) / slope
        return torch.maximum(v - 0.65 * r, side)
    # A filled pentagram is where at least four of its five half planes meet: the second largest distance.
    reach = 1.25 * math.cos(math.radians(72)) * r
    planes = [
        u * math.sin(math.radians(72 * k)) - v * math.cos(math.radians(72 * k)) - reach for k in range(5)
    ]
    first, second = torch.maximum(planes[0], planes[1]), torch.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        second = torch.maximum(second, torch.minimum(first, plane))
        first = torch.maximum(first, plane)
    return second


def to_bytes(pictures: torch.Tensor) -> np.ndarray:
    """[n, 3, h, w] in -1..1 to [n, h, w, 3] bytes, rounded as diffusers does."""
    return ((pictures / 2 + 0.5).clamp(0, 1) * 255).round().permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """[n, h, w, 3] to one picture, row by row."""
    n, h, w, _ = pictures.shape
    rows = -(-n // columns)
    padded = np.full((rows * columns, h + 4, w + 4, 3), 200, dtype=np.uint8)
    padded[:n, 2:-2, 2:-2] = pictures
    return padded.reshape(rows, columns, h + 4, w + 4, 3).transpose(0, 2, 1, 3, 4).reshape(rows * (h + 4), -1, 3)
