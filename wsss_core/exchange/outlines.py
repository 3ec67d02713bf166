"""The outline of a region as one closed polygon that gives back every pixel, holes included.

Two kinds, for two ways in which readers fill polygons. Along the *edges* of pixels, on the lattice of their corners: a
pixel is inside if its centre is (COCO). Through the *centres* of the border's pixels: whatever the line touches is
inside too (OpenCV's fillPoly, which YOLO's trainers use).

Lists of polygons are unions there, so that a hole cannot be a polygon of its own. It becomes a keyhole: the outline
walks to the hole, around it in the other sense, and back the same way, which no reader sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Point = tuple[int, int]
"""x, y."""

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up: turning right each time, as y points down."""
_OWNERS = ((0, 0), (-1, 0), (-1, -1), (0, -1))
"""From the corner where an edge begins to the pixel on its right, which it borders."""


@dataclass(frozen=True)
class _Ring:
    """The border of a region on one side: outside, or in a hole. Pixels of the region lie on the right.

    Attributes:
        corners: where each of its edges, which are one pixel long, begins. The first is the top of the leftmost ones.
        owners: the pixel of the region that each edge borders.
        is_hole: whether it runs around a hole.
    """

    corners: list[Point]
    owners: list[Point]
    is_hole: bool


def edge_outline(mask: np.ndarray) -> np.ndarray:
    """(N, 2) int corners x, y of the polygon along the pixel edges of a region.

    Args:
        mask: (h, w) bool, the pixels of one region, which hang together by their sides. x and y count its columns and
            rows, from the outer edge of the first: a mask of one pixel has the corners 0,0 1,0 1,1 0,1.
    """
    return _joined([(ring.corners, ring.is_hole) for ring in _rings(mask)])


def centre_outline(mask: np.ndarray) -> np.ndarray:
    """(N, 2) int pixels x, y of the polygon through the centres of a region's border pixels; see `edge_outline`.

    It has as few points as the region: one for a pixel, two for a row of pixels.
    """
    return _joined([(_without_repetition(ring.owners), ring.is_hole) for ring in _rings(mask)])


def _rings(mask: np.ndarray) -> list[_Ring]:
    """All borders of a region, the outer one first, holes from left to right."""
    edges = _edges(mask)
    left = {(corner, direction): None for corner, directions in edges.items() for direction in directions}
    rings = []
    while left:
        edge = first = next(iter(left))
        border: list[tuple[Point, int]] = []
        while edge != first or not border:
            border.append(edge)
            del left[edge]
            edge = _following(edge, edges)
        rings.append(_ring(border))
    return sorted(rings, key=lambda ring: (ring.is_hole, ring.corners[0]))


def _edges(mask: np.ndarray) -> dict[Point, list[int]]:
    """Corner -> directions of the edges that begin there; two where pixels touch by that corner alone."""
    inside = np.pad(mask.astype(bool), 1)
    # At [y, x], of the four pixels around that corner: below right, below left, above right, above left.
    here, left, above, across = inside[1:, 1:], inside[1:, :-1], inside[:-1, 1:], inside[:-1, :-1]
    edges: dict[Point, list[int]] = {}
    for direction, begins in enumerate((here & ~above, left & ~here, across & ~left, above & ~across)):
        for y, x in np.argwhere(begins).tolist():
            edges.setdefault((x, y), []).append(direction)
    return edges


def _following(edge: tuple[Point, int], edges: dict[Point, list[int]]) -> tuple[Point, int]:
    """The next edge of a border. It turns right if it can: it stays at its pixel where another touches by a corner."""
    (x, y), direction = edge
    corner = (x + _STEPS[direction][0], y + _STEPS[direction][1])
    return corner, min(edges[corner], key=lambda turned: (direction + 1 - turned) % 4)


def _ring(border: list[tuple[Point, int]]) -> _Ring:
    """A border that begins at the top of its leftmost edges. There a hole has the region on its left."""
    leftmost = min(x for (x, _), _ in border)
    first = min((place for place, ((x, _), direction) in enumerate(border) if x == leftmost and direction % 2),
                key=lambda place: border[place][0][1])  # fmt: skip
    border = border[first:] + border[:first]
    owners = [(x + _OWNERS[direction][0], y + _OWNERS[direction][1]) for (x, y), direction in border]
    return _Ring([corner for corner, _ in border], owners, is_hole=_STEPS[border[0][1]] == (0, 1))


def _without_repetition(points: list[Point]) -> list[Point]:
    return [point for place, point in enumerate(points) if not place or point != points[place - 1]]


def _joined(rings: list[tuple[list[Point], bool]]) -> np.ndarray:
    """One closed polygon of an outer ring and the holes in it, from left to right.

    The way to a hole leads left from its first point, over the region, to the first point of what is there already.
    """
    (outer, _), *holes = rings
    points, follows = list(outer), [*range(1, len(outer)), 0]  # place of each point's successor
    place_of = {point: place for place, point in enumerate(points)}
    for hole, _ in holes:
        x, y = hole[0]
        while (x, y) not in place_of:
            x -= 1
        gate, first = place_of[x, y], len(points)
        points += [*hole, hole[0], (x, y)]
        follows += [*range(first + 1, first + len(hole) + 2), follows[gate]]
        follows[gate] = first
        place_of.update({point: first + place for place, point in enumerate(hole)})
    place, ordered = 0, []
    for _ in points:
        ordered.append(points[place])
        place = follows[place]
    return _corners(ordered)


def _corners(points: list[Point]) -> np.ndarray:
    """(N, 2) without points that lie on the way straight from the one before to the next."""
    path = np.array(_without_repetition(points), dtype=np.int64)
    if len(path) > 1 and (path[0] == path[-1]).all():
        path = path[:-1]
    if len(path) < 3:
        return path
    come, go = path - np.roll(path, 1, axis=0), np.roll(path, -1, axis=0) - path
    is_straight = (come[:, 0] * go[:, 1] == come[:, 1] * go[:, 0]) & ((come * go).sum(axis=1) > 0)
    return path[~is_straight]
