"""A case: what it launches, and what NumPy says must come out of it.

The modules beside this one register cases, each for one or more targets. Inputs are random (seeded by the case's name)
and rounded to their storage type before the answer is computed in float64; outputs hold the answer in their own type.
"""

from dataclasses import dataclass, field
from typing import Callable
import zlib

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
E5M2 = np.dtype(ml_dtypes.float8_e5m2)
F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
I8, I32, I64 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64)


@dataclass(frozen=True)
class Case:
    """A launch: arguments by parameter name (arrays are buffers), compile-time constants, and the buffers after it."""
    kernel: Callable
    arguments: dict
    constants: dict
    grid: tuple
    expected: dict
    tolerance: tuple = (0.0, 0.0)
    options: dict = field(default_factory=dict)


REGISTRY: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[[int, np.random.Generator], Case]]] = {}


def case(name: str, *targets: int, also: tuple[int, ...] = ()):
    """Registers a case that is stored for the targets, and written with --all for the others, too."""
    def register(function):
        REGISTRY[name] = (targets, also, function)
        return function
    return register


def generate(name: str, target: int) -> Case:
    return REGISTRY[name][2](target, np.random.default_rng(zlib.crc32(name.encode())))


def cdiv(a: int, b: int) -> int:
    return -(-a // b)


def wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def normal(random, shape, dtype, scale=1.0) -> np.ndarray:
    return (random.standard_normal(shape) * scale).astype(np.float32).astype(dtype)


def padded(x: np.ndarray, columns: int) -> np.ndarray:
    """The matrix with rows `columns` elements apart; what lies between the rows is loud, so that nobody reads it."""
    out = np.full((x.shape[0], columns), 77, x.dtype)
    out[:, :x.shape[1]] = x
    return out


def untouched(shape, dtype) -> np.ndarray:
    return np.full(shape, 99, dtype)


def as_tf32(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
