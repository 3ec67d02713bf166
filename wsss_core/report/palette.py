"""The colours of labels on pages: eight that colour-blind people tell apart, and a pattern as the second sign.

Files keep VOC's palette (`voc.palette`), many of whose colours are one to a colour-blind eye. Pages draw label k in the
colour (k - 1) mod 8 of Okabe and Ito (Color Universal Design, 2008), and from the ninth class on with a pattern, one
for each further eight; after 64 classes both come back. Borders between labels are drawn whatever their colours.
"""

from __future__ import annotations

import numpy as np

from wsss_core.voc import BACKGROUND, IGNORE_INDEX

COLOURS = np.array([
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    (0, 0, 0),
], dtype=np.float32)  # fmt: skip
"""(8, 3) RGB: orange, sky blue, bluish green, yellow, blue, vermilion, reddish purple, black."""

_ROWS, _COLUMNS = np.indices((8, 8))
PATTERNS = np.stack([
    np.zeros((8, 8), dtype=bool),  # plain
    (_ROWS + _COLUMNS) % 8 < 2,  # rising stripes
    _ROWS % 8 < 2,  # level stripes
    (_ROWS % 8 < 3) & (_COLUMNS % 8 < 3),  # dots
    _COLUMNS % 8 < 2,  # upright stripes
    (_ROWS - _COLUMNS) % 8 < 2,  # falling stripes
    (_ROWS % 8 < 1) | (_COLUMNS % 8 < 1),  # a net
    (_ROWS // 4 + _COLUMNS // 4) % 2 == 0,  # a chessboard
])  # fmt: skip
"""(8, 8, 8) bool: tiles of 8 x 8 pixels, True where a pattern's own colour stands."""

_INK, _LIGHT = np.array((20, 20, 20), dtype=np.float32), np.array((255, 255, 255), dtype=np.float32)
_LUMINANCE = np.array((0.2126, 0.7152, 0.0722), dtype=np.float32)
_BRIGHT = 110  # of 255: patterns are dark on colours brighter than this


def colour_of(label: int) -> np.ndarray:
    """(3,) RGB of a class's label."""
    return COLOURS[(label - 1) % len(COLOURS)]


def pattern_of(label: int) -> int:
    """Which of PATTERNS a class's label bears."""
    return (label - 1) // len(COLOURS) % len(PATTERNS)


def second_colour(label: int) -> np.ndarray:
    """(3,) RGB of a label's pattern: dark on bright colours, light on dark ones."""
    return _INK if colour_of(label) @ _LUMINANCE > _BRIGHT else _LIGHT


def painted(labels: np.ndarray) -> np.ndarray:
    """(h, w) labels as (h, w, 3) float32 RGB: each class in its colour and pattern, all others grey."""
    height, width = labels.shape
    drawn = np.full((height, width, 3), 217, dtype=np.float32)
    rows, columns = np.indices((height, width))
    for label in np.unique(labels).tolist():
        if label not in (BACKGROUND, IGNORE_INDEX):
            at = labels == label
            drawn[at] = colour_of(label)
            drawn[at & PATTERNS[pattern_of(label)][rows % 8, columns % 8]] = second_colour(label)
    return drawn


def css(label: int) -> str:
    """A class's colour and pattern as the `background` of a swatch."""
    colour, second = _hex(colour_of(label)), _hex(second_colour(label))
    stripes = f"{second} 0 2px, {colour} 2px 5px"
    dots = f"radial-gradient({second} 30%, {colour} 35%)"
    lines = f"linear-gradient({second} 0 1px, transparent 1px)"
    upright = f"linear-gradient(90deg, {second} 0 1px, transparent 1px)"
    quarters = f"conic-gradient({second} 25%, {colour} 0 50%, {second} 0 75%, {colour} 0)"
    return (
        colour,
        f"repeating-linear-gradient(135deg, {stripes})",
        f"repeating-linear-gradient({stripes})",
        f"{dots} 0 0 / 5px 5px",
        f"repeating-linear-gradient(90deg, {stripes})",
        f"repeating-linear-gradient(45deg, {stripes})",
        f"{lines} 0 0 / 4px 4px, {upright} 0 0 / 4px 4px, {colour}",
        f"{quarters} 0 0 / 6px 6px",
    )[pattern_of(label)]


def _hex(colour: np.ndarray) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in colour)
