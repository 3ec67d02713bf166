"""Large images through a network window by window: memory grows with the window and the image's width, not its area.

Windows overlap by a quarter. At the borders between two of them, what they say fades from the one to the other over the
middle half of their overlap; the outer quarters, where a window sees an end that the image does not have, do not count.
So a network that looks no further than that far gives what it gives of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

Windows = list[tuple[int, int]]
"""(start, stop) along one side, ascending."""

SMALLEST = 64
"""Pixels of a side: below, networks see next to nothing."""


def strips(
    image: np.ndarray, maps_of: Callable[[np.ndarray], torch.Tensor], *, tile: int, unit: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """The maps of an image in strips from top to bottom, which together make the whole.

    Args:
        image: (H, W, 3) uint8.
        maps_of: maps_of((h, w, 3) window) -> (L, h, w).
        tile: the largest side of a window.
        unit: windows and strips begin at multiples of it: the network's stride, that their cells lie on one grid.

    Yields:
        the first row, and the maps (L, rows, W) from there.
    """
    height, width = image.shape[:2]
    rows, columns = (windows(side, tile=tile, unit=unit) for side in (height, width))
    kept = None
    for (top, bottom), down, following in zip(
        rows, weights(rows, tile=tile), [start for start, _ in rows[1:]] + [height], strict=True
    ):
        band = None
        for (left, right), across in zip(columns, weights(columns, tile=tile), strict=True):
            maps = maps_of(image[top:bottom, left:right])
            if band is None:
                band = maps.new_zeros(len(maps), bottom - top, width)
                if kept is not None:
                    band[:, : kept.shape[1]] = kept
            share = torch.from_numpy(down[:, None] * across).to(maps)
            band[..., left:right] += maps * share
        yield top, band[:, : following - top]  # type: ignore[index]
        kept = band[:, following - top :].clone()  # type: ignore[index]


def windows(length: int, *, tile: int, unit: int) -> Windows:
    """Windows that cover a side; all but the last are `tile` long, and the last one ends with the side.

    >>> windows(20, tile=8, unit=2)
    [(0, 8), (6, 14), (12, 20)]
    """
    if length <= tile:
        return [(0, length)]
    step = max(unit, (tile - _overlap(tile)) // unit * unit)
    last = -(-(length - tile) // unit) * unit
    return [(start, start + tile) for start in range(0, last, step)] + [(last, length)]


def weights(found: Windows, *, tile: int) -> list[np.ndarray]:
    """(length,) float32 of each window: its share in each of its pixels; at each pixel they sum to 1."""
    length = found[-1][1]
    total = np.zeros(length)
    own = []
    for start, stop in found:
        from_start = np.arange(stop - start) if start else np.full(stop, np.inf)
        to_stop = np.arange(stop - start)[::-1] if stop < length else np.full(stop - start, np.inf)
        own.append(_fading(np.minimum(from_start, to_stop), overlap=_overlap(tile)))
        total[start:stop] += own[-1]
    return [(share / total[start:stop]).astype(np.float32) for share, (start, stop) in zip(own, found, strict=True)]


def _overlap(tile: int) -> int:
    return tile // 4


def _fading(distance: np.ndarray, *, overlap: int) -> np.ndarray:
    """0 in the first quarter of the overlap, 1 from the third on, by the distance of pixels from a window's end."""
    return np.clip((distance + 0.5 - overlap / 4) / (overlap / 2), 0, 1)
