"""One photograph of any size through a network that segments: its label map, and the probabilities behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from wsss_core.artifacts import Scores
from wsss_core.inference.segmentation import marginals, most_probable, segment
from wsss_core.inference.tiles import strips
from wsss_core.ops import grids
from wsss_core.ops.network_cells import network_stride
from wsss_core.ops.refinement import ids_of

STORE_STRIDE = 4
"""Pixels to a side of a cell of stored probabilities."""


def labels_of(
    model: torch.nn.Module, image: np.ndarray, *, tile: int | None, tags: Sequence[int] | None, **options
) -> np.ndarray:
    """(H, W) uint8: the most probable label of each pixel.

    Args:
        model: in eval mode on `device`.
        image: (H, W, 3) uint8 RGB.
        tile: an image with a longer side is segmented in windows of this side, of which `tiles` tells; None does not.
        tags: class ids that it may have beside the background; None allows all.
        options: further arguments of `segment`. A CRF, which looks at the whole, goes with no tiles.
    """
    if _is_whole(image, tile):
        (labels,) = segment(model, [image], tags=None if tags is None else [tags], **options)
        return labels
    labels = np.empty(image.shape[:2], dtype=np.uint8)
    for top, ids, maps in _strips(model, image, tile=tile, tags=tags, **options):
        labels[top : top + maps.shape[1]] = most_probable(ids, maps)
    return labels


def labels_and_scores(
    model: torch.nn.Module, image: np.ndarray, *, tile: int | None, tags: Sequence[int] | None, **options
) -> tuple[np.ndarray, Scores]:
    """`labels_of`, and what they were chosen by: the mean probability of each label in cells of STORE_STRIDE pixels.

    They are those of the labels that the image may have, the background first, and sum to 1 in each cell.
    """
    labels, cells = np.empty(image.shape[:2], dtype=np.uint8), []
    for top, ids, maps in _strips(model, image, tile=tile, tags=tags, **options):
        labels[top : top + maps.shape[1]] = most_probable(ids, maps)
        positive = maps.clamp(min=1e-5)
        cells.append(grids.store((positive / positive.sum(dim=0)).cpu().numpy(), stride=STORE_STRIDE))
    return labels, Scores(ids, np.concatenate(cells, axis=1), (image.shape[0], image.shape[1]))


def _is_whole(image: np.ndarray, tile: int | None) -> bool:
    return tile is None or max(image.shape[:2]) <= tile


def _strips(
    model: torch.nn.Module, image: np.ndarray, *, tile: int | None, tags: Sequence[int] | None, **options
) -> Iterator[tuple[int, np.ndarray, torch.Tensor]]:
    """(first row, labels (L,), marginals (L, rows, W) from there) of the parts that make the whole image."""
    own = None if tags is None else [tags]

    def maps_of(window: np.ndarray) -> torch.Tensor:
        ((_, maps),) = marginals(model, [window], tags=own, **options)
        return maps

    if tile is None or _is_whole(image, tile):
        parts: Iterable[tuple[int, torch.Tensor]] = [(0, maps_of(image))]
    else:
        parts = strips(image, maps_of, tile=tile, unit=math.lcm(network_stride(model), STORE_STRIDE))
    for top, maps in parts:
        yield top, np.arange(len(maps), dtype=np.uint8) if tags is None else ids_of(np.asarray(tags)), maps
