"""Objects of the generated `scenes` set: bodies shared between classes, ornaments that tell the class."""

import math
from dataclasses import dataclass

import numpy as np

from wsss_core.scenes import textures
from wsss_core.scenes.textures import between, pick

_VIVID = {
    "white": (246, 244, 238),
    "scarlet": (206, 26, 38),
    "azure": (20, 88, 208),
    "midnight": (24, 24, 66),
    "lemon": (252, 216, 44),
    "emerald": (8, 142, 84),
    "violet": (134, 40, 168),
    "orange": (246, 132, 24),
}  # only ornaments wear these; white, midnight and lemon are worn by several classes


@dataclass(frozen=True)
class Kind:
    """What objects of one class have in common.

    Attributes:
        name: the class, named after its ornament.
        ornament: vivid colours of the ornament's ground and of its figure.
        shapes: bodies it may have; each is shared with other classes.
        patterns: textures its body may have; each is shared with other classes.
        ground: the ground it is usually seen on, None for any.
    """

    name: str
    ornament: tuple[str, str]
    shapes: tuple[str, str]
    patterns: tuple[str, str]
    ground: str | None = None


KINDS = (
    Kind("target", ("scarlet", "white"), ("oval", "pear"), ("stripes", "dots"), "water"),
    Kind("cross", ("white", "azure"), ("block", "bean"), ("checks", "patches"), "road"),
    Kind("moon", ("midnight", "lemon"), ("oval", "bean"), ("stripes", "patches"), "grass"),
    Kind("quarters", ("midnight", "white"), ("pear", "waist"), ("dots", "checks")),
    Kind("star", ("emerald", "lemon"), ("block", "waist"), ("stripes", "checks")),
    Kind("wedge", ("violet", "orange"), ("oval", "waist"), ("dots", "patches")),
)
SALIENCY_KINDS = (
    Kind("ring", ("azure", "midnight"), ("oval", "bean"), ("stripes", "checks")),
    Kind("bars", ("orange", "white"), ("pear", "waist"), ("dots", "patches")),
    Kind("lozenge", ("lemon", "scarlet"), ("block", "oval"), ("stripes", "patches")),
    Kind("halves", ("emerald", "violet"), ("waist", "bean"), ("checks", "dots")),
)

# Each takes u along the body and v across it and gives a radius that is 1 on the outline.
_SHAPES = {
    "oval": lambda u, v: np.sqrt(u * u + v * v),
    "block": lambda u, v: np.sqrt(np.sqrt(u * u * u * u + v * v * v * v)),
    "pear": lambda u, v: np.sqrt(u * u + np.square(v / (0.85 - 0.4 * np.clip(u, -1.2, 1.2)))),
    "bean": lambda u, v: np.sqrt(u * u + np.square(v + 0.6 * u * u - 0.25)),
    "waist": lambda u, v: np.sqrt(u * u + np.square(v / (0.62 + 0.5 * u * u))),
}

# Each takes coordinates p, q in which the ornament is the unit disc and says where its figure is.
_FIGURES = {
    "target": lambda p, q: (p * p + q * q < 0.1) | ((p * p + q * q > 0.35) & (p * p + q * q < 0.7)),
    "cross": lambda p, q: (np.minimum(abs(p), abs(q)) < 0.26) & (np.maximum(abs(p), abs(q)) < 0.85),
    "moon": lambda p, q: (p * p + q * q < 0.75) & (np.square(p - 0.45) + q * q > 0.42),
    "quarters": lambda p, q: (p > 0) ^ (q > 0),
    "star": lambda p, q: np.sqrt(abs(p)) + np.sqrt(abs(q)) < 0.98,
    "wedge": lambda p, q: (q < 0.5) & (q > 2.2 * abs(p) - 0.8),
    "ring": lambda p, q: (p * p + q * q > 0.2) & (p * p + q * q < 0.6),
    "bars": lambda p, q: (3 * p + 9.5) % 2 < 1,
    "lozenge": lambda p, q: abs(p) + abs(q) < 0.75,
    "halves": lambda p, q: p > 0,
}


@dataclass(frozen=True)
class Body:
    """An object's place in the picture, cut to the window around it.

    Attributes:
        kind: its class.
        window: rows and columns of the picture.
        inside: (h, w) bool, the object, its ornament included.
        ornament: (h, w) bool.
        u, v: (h, w) float32, coordinates along and across the body, the outline at about 1.
        p, q: (h, w) float32, coordinates of the ornament, its rim at 1.
    """

    kind: Kind
    window: tuple[slice, slice]
    inside: np.ndarray
    ornament: np.ndarray
    u: np.ndarray
    v: np.ndarray
    p: np.ndarray
    q: np.ndarray


def place(
    rng: np.random.Generator, kind: Kind, area: float, centre: tuple[float, float], size: tuple[int, int]
) -> Body:
    """Draw the outline of an object.

    Args:
        area: wanted pixels of the whole object.
        centre: row and column.
        size: height and width of the picture.
    """
    aspect = between(rng, 0.55, 0.9)
    length = math.sqrt(0.92 * area / (math.pi * aspect))  # half axes; the ornament adds the rest
    along, across = textures.direction(rng, steepest=0.45)
    reach = 1.5 * length
    rows, columns = (
        slice(max(0, int(middle - reach)), min(limit, int(middle + reach) + 1))
        for middle, limit in zip(centre, size, strict=True)
    )
    y, x = (axis.astype(np.float32) for axis in np.mgrid[rows, columns])
    y, x = y - np.float32(centre[0]), x - np.float32(centre[1])
    bent_x, bent_y = (axis + _wobble(rng, length, x.shape) for axis in (x, y))
    u = (bent_x * np.float32(along) + bent_y * np.float32(across)) / np.float32(length)
    v = (bent_y * np.float32(along) - bent_x * np.float32(across)) / np.float32(length * aspect)
    radius = math.sqrt(between(rng, 0.10, 0.19) * area / math.pi)
    offset = length * (between(rng, 0.5, 0.75) if rng.random() < 0.6 else between(rng, -0.3, 0.4))
    p = (x - np.float32(along * offset)) / np.float32(radius)
    q = (y - np.float32(across * offset)) / np.float32(radius)
    ornament = p * p + q * q < 1
    inside = (_SHAPES[pick(rng, kind.shapes)](u, v) < 1) | ornament
    return Body(kind, (rows, columns), inside, ornament, u, v, p, q)


def _wobble(rng: np.random.Generator, length: float, size: tuple[int, ...]) -> np.ndarray:
    """(h, w) float32 displacement, in pixels, that makes each outline its own."""
    return np.float32(0.3 * length) * (textures.smooth_noise(rng, size[0], size[1], (length, length)) - 0.5)


def _body_colours(rng: np.random.Generator, behind: np.ndarray) -> np.ndarray:
    """Three colours in strong contrast; half of all bodies wear a colour of what is behind them."""
    source = pick(rng, list(behind)) if rng.random() < 0.5 else pick(rng, list(textures.COLOURS.values()))
    first = textures.shade(rng, np.asarray(source, dtype=np.float32))
    second = textures.unlike(rng, first, 110, 260)
    return np.stack([first, second, textures.unlike(rng, first, 70, 200)])


def paint(rng: np.random.Generator, picture: np.ndarray, body: Body, behind: np.ndarray) -> None:
    """Paint an object over the picture, in place.

    Args:
        picture: (H, W, 3) float32 in 0..255.
        behind: (N, 3) float32, the colours of the background.
    """
    height, width = body.inside.shape
    colours = _body_colours(rng, behind)
    period = between(rng, 7, 13)
    skin = textures.pattern(rng, pick(rng, body.kind.patterns), (height, width), period, colours)
    skin *= 0.85 + np.float32(0.3) * textures.smooth_noise(rng, height, width, (16, 16))[..., None]

    # One side of the body fades towards the background: there the outline has little contrast.
    along, across = textures.direction(rng, steepest=1)
    fade = np.clip(np.float32(along) * body.u + np.float32(across) * body.v, 0, 1)[..., None]
    view = picture[body.window]
    fade = fade * np.float32(between(rng, 0.2, 0.7))
    skin += (pick(rng, list(behind)) - skin) * fade

    ground, figure = (
        textures.shade(rng, np.array(_VIVID[name], dtype=np.float32)) for name in body.kind.ornament
    )
    drawn = np.where(_FIGURES[body.kind.name](body.p, body.q)[..., None], figure, ground)
    skin = np.where(body.ornament[..., None], drawn, skin)
    view[body.inside] = skin[body.inside]
