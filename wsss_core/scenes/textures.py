"""Colours, noise and textures of the generated `scenes` set.

Objects and backgrounds are painted from one set of colours; only the statistics of their textures
tell them apart: hard-edged regular patterns on objects, smooth or grainy noise behind them. Only
exactly rounded operations are used (no sine, no matrix product) and the generator is asked for
nothing but `random()`, so that the same seed gives the same pixels on every machine.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option")

COLOURS = {
    "cream": (234, 222, 194),
    "sand": (212, 180, 126),
    "ochre": (204, 144, 58),
    "brick": (172, 84, 62),
    "crimson": (156, 44, 58),
    "rose": (212, 142, 146),
    "olive": (124, 130, 66),
    "leaf": (84, 134, 76),
    "teal": (58, 120, 126),
    "sky": (130, 174, 206),
    "navy": (48, 64, 110),
    "plum": (106, 70, 116),
    "slate": (102, 110, 122),
    "charcoal": (50, 48, 54),
}
_SHADE = 14  # no two objects wear quite the same colour
_TABLE = np.array(list(COLOURS.values()), dtype=np.float32)

PATTERNS = ("stripes", "checks", "dots", "patches")
GROUNDS = ("grass", "water", "road", "cloud")

# Cell height and width in pixels, and weight, of the octaves of each background.
_OCTAVES = {
    "grass": ((40, 40, 0.7), (9, 3, 0.9), (5, 1.5, 0.8)),
    "water": ((24, 60, 0.7), (5, 22, 0.9), (2, 9, 0.6)),
    "road": ((50, 50, 0.9), (12, 12, 0.5), (1.5, 1.5, 0.9)),
    "cloud": ((44, 56, 1.0), (20, 24, 0.7), (9, 10, 0.4), (4, 4, 0.25)),
}


def pick(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    """One of the options, each equally likely."""
    return options[int(rng.random() * len(options))]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn uniformly from [low, high)."""
    return low + (high - low) * rng.random()


def direction(rng: np.random.Generator, *, steepest: float) -> tuple[float, float]:
    """A unit vector (along x, along y), as likely to point left as right.

    Args:
        steepest: largest |tan(angle / 2)| to the horizontal; 1 allows the vertical.
    """
    tangent = between(rng, -steepest, steepest)  # of half the angle: needs no sine
    scale = 1 + tangent * tangent
    side = 1 if rng.random() < 0.5 else -1
    return side * (1 - tangent * tangent) / scale, 2 * tangent / scale


def _lattice_axis(rng: np.random.Generator, length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel, the lattice line before it and the weight of the one after."""
    position = np.arange(length, dtype=np.float32) / np.float32(cell) + np.float32(rng.random())
    index = position.astype(np.intp)
    fraction = position - index
    return index, fraction * fraction * (3 - 2 * fraction)  # smoothstep: no crease at a lattice line


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]) -> np.ndarray:
    """Value noise: random numbers on a lattice, smoothly interpolated.

    Args:
        cell: height and width of a lattice cell in pixels.

    Returns:
        (height, width) float32 in [0, 1].
    """
    row, row_weight = _lattice_axis(rng, height, cell[0])
    column, column_weight = _lattice_axis(rng, width, cell[1])
    lattice = rng.random((int(row[-1]) + 2, int(column[-1]) + 2)).astype(np.float32)
    rows = lattice[row] + (lattice[row + 1] - lattice[row]) * row_weight[:, None]
    return rows[:, column] + (rows[:, column + 1] - rows[:, column]) * column_weight


def shade(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """The colour, each channel moved by up to _SHADE: (3,) float32."""
    return colour + np.float32(_SHADE) * (2 * rng.random(3).astype(np.float32) - 1)


def unlike(rng: np.random.Generator, colour: np.ndarray, nearest: float, farthest: float) -> np.ndarray:
    """A shade from the shared set whose RGB distance to `colour` is in [nearest, farthest]: (3,) float32."""
    offsets = _TABLE - colour
    squared = offsets[:, 0] ** 2 + offsets[:, 1] ** 2 + offsets[:, 2] ** 2
    candidates = list(_TABLE[(squared >= nearest**2) & (squared <= farthest**2)])
    return shade(rng, pick(rng, candidates or list(_TABLE)))


def background(rng: np.random.Generator, kind: str, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint one kind of ground.

    Args:
        kind: one of GROUNDS.

    Returns:
        (height, width, 3) float32 pixels and (2, 3) float32, the colours they are mixed from, in 0..255.
    """
    first = shade(rng, pick(rng, list(_TABLE)))
    second = unlike(rng, first, 60, 150)
    total = np.zeros((height, width), dtype=np.float32)
    for cell_height, cell_width, weight in _OCTAVES[kind]:
        total += np.float32(weight) * (smooth_noise(rng, height, width, (cell_height, cell_width)) - 0.5)
    mix = np.clip(0.5 + np.float32(1.1) * total, 0, 1)[..., None]  # (H, W, 1)
    return first + (second - first) * mix, np.stack([first, second])


def _stripes(rng, along, across, period):
    shift = rng.random()
    return ((along / period + shift) % 1 > 0.5).astype(np.intp)


def _checks(rng, along, across, period):
    rows, columns = np.floor(along / period + rng.random()), np.floor(across / period + rng.random())
    return ((rows + columns) % 2).astype(np.intp)


def _dots(rng, along, across, period):
    row = along / period + rng.random()
    column = across / period + rng.random() + 0.5 * (np.floor(row) % 2)  # alternate rows are shifted
    squared = (row % 1 - 0.5) ** 2 + (column % 1 - 0.5) ** 2
    return (squared < 0.12).astype(np.intp)


def _patches(rng, along, across, period):
    height, width = along.shape
    noise = smooth_noise(rng, height, width, (period, period))
    return (noise > 0.4).astype(np.intp) + (noise > 0.62)


_PAINTERS = {"stripes": _stripes, "checks": _checks, "dots": _dots, "patches": _patches}


def pattern(
    rng: np.random.Generator, kind: str, size: tuple[int, int], period: float, colours: np.ndarray
) -> np.ndarray:
    """Paint a hard-edged pattern, slightly bent so that it looks drawn on a body.

    Args:
        kind: one of PATTERNS.
        size: height and width.
        period: pixels from one repetition to the next.
        colours: (3, 3) float32; the third colour appears in patches only.

    Returns:
        (height, width, 3) float32.
    """
    height, width = size
    x_part, y_part = direction(rng, steepest=1)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = np.float32(0.9 * period) * (smooth_noise(rng, height, width, (24, 24)) - 0.5)
    along = x * np.float32(x_part) + y * np.float32(y_part) + bend
    across = y * np.float32(x_part) - x * np.float32(y_part) + bend
    return colours[_PAINTERS[kind](rng, along, across, np.float32(period))]
