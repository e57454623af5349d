"""The checker accepts what the world draws and refuses what is spoiled. Run with `python -m unittest`."""

import unittest

import numpy as np

import checker
import world


def pictures(seed: int, n: int, single: float) -> tuple[world.Scenes, np.ndarray]:
    scenes = world.sample(np.random.default_rng(seed), n, single)
    return scenes, world.to_bytes(world.render(scenes))


def share(scenes: world.Scenes, drawn: np.ndarray, name: str) -> float:
    verdicts = [checker.judge(checker.look(drawn[row]), scenes, row) for row in range(len(scenes))]
    return checker.tally(verdicts)[name]


class CheckerTest(unittest.TestCase):
    def test_accepts_what_the_world_draws(self) -> None:
        scenes, drawn = pictures(1, 300, 0.5)
        for name in ("count", "colours", "shapes", "places", "sizes", "ground"):
            with self.subTest(name):
                self.assertGreaterEqual(share(scenes, drawn, name), 99.0)

    def test_refuses_other_scenes(self) -> None:
        scenes, _ = pictures(2, 200, 1.0)
        other, drawn = pictures(3, 200, 1.0)
        by_chance = {"colours": other.colour, "shapes": other.shape}
        for name, values in by_chance.items():
            wanted = scenes.colour if name == "colours" else scenes.shape
            expected = 100 * np.mean(values[:, 0] == wanted[:, 0])
            self.assertAlmostEqual(share(scenes, drawn, name), expected, delta=2)

    def test_refuses_blobs(self) -> None:
        scenes, drawn = pictures(4, 100, 1.0)
        y, x = np.mgrid[:128, :128]
        generator = np.random.default_rng(0)
        for row in range(100):
            angle = np.arctan2(y - 64, x - 64)
            waves = sum(generator.uniform(-5, 5) * np.cos(k * angle + generator.uniform(0, 6)) for k in (2, 3, 4, 5))
            blob = np.hypot(y - 64, x - 64) < 24 + waves
            drawn[row] = np.where(blob[:, :, None], world.COLOUR_RGB[scenes.colour[row, 0]], world.GROUND_RGB[2])
        named = [checker.look(picture).things[0].shape for picture in drawn if checker.look(picture).things]
        self.assertLessEqual(np.mean([name is not None for name in named]), 0.35)

    def test_refuses_extra_things_and_missing_ones(self) -> None:
        scenes, drawn = pictures(5, 60, 1.0)
        self.assertEqual(share(scenes, erased(drawn), "count"), 0)
        corner = np.where(scenes.centre[:, 0, 0] < 64, 110, 8)
        for row in range(60):
            top = 110 if scenes.centre[row, 0, 1] < 64 else 8
            drawn[row, top : top + 6, corner[row] : corner[row] + 6] = (0, 200, 200)
        self.assertEqual(share(scenes, drawn, "count"), 0)

    def test_refuses_mixed_colours(self) -> None:
        scenes, drawn = pictures(6, 60, 1.0)
        for row in range(60):
            left, top, right, bottom = checker.look(drawn[row]).things[0].box
            middle = (left + right) // 2
            half = drawn[row, top:bottom, middle:right]
            thing = np.abs(half.astype(int) - world.COLOUR_RGB[scenes.colour[row, 0]]).sum(axis=2) < 60
            half[thing] = (0, 220, 220)
        self.assertLessEqual(share(scenes, drawn, "colours"), 2)

    def test_refuses_mirrored_relations(self) -> None:
        scenes, drawn = pictures(7, 200, 0.0)
        alike = (scenes.colour[:, 0] == scenes.colour[:, 1]) & (scenes.shape[:, 0] == scenes.shape[:, 1])
        sideways = ~alike & (scenes.place[:, 0] % 3 != scenes.place[:, 1] % 3)
        self.assertEqual(share(scenes[sideways], drawn[sideways][:, :, ::-1], "places"), 0)

    def test_refuses_blur(self) -> None:
        scenes, drawn = pictures(8, 60, 1.0)
        keep = np.flatnonzero(scenes.shape[:, 0] != world.SHAPES.index("circle"))
        small = drawn[keep].reshape(len(keep), 8, 16, 8, 16, 3).mean(axis=(2, 4), keepdims=True)
        blurred = np.broadcast_to(small, (len(keep), 8, 16, 8, 16, 3)).reshape(len(keep), 128, 128, 3).astype(np.uint8)
        self.assertLessEqual(share(scenes[keep], blurred, "shapes"), 40)


def erased(drawn: np.ndarray) -> np.ndarray:
    return np.broadcast_to(drawn[:, :, :1], drawn.shape)


if __name__ == "__main__":
    unittest.main()
