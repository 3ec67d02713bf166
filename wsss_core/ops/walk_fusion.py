"""From a walk and a saliency map to a fused label: the steps around the rules of `fusion`."""

from __future__ import annotations

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import fusion, grids


def foreground(walk: Scores, *, norm: str) -> np.ndarray:
    """(K, H, W) float32 in [0, 1]: the walk's classes at full size, without its background, normalised.

    A walk averages, so its peaks lie below 1; the rules expect each class to peak near 1.
    """
    return fusion.on_one_scale(grids.read(walk.scores[1:], walk.size), kind=norm)


def fused_label(walk: Scores, saliency: np.ndarray, *, norm: str, rule: str, **parameters) -> np.ndarray:
    """(H, W) uint8 label of a hard or soft rule; `parameters` are those of the rule."""
    maps = foreground(walk, norm=norm)
    return fusion.fuse(maps, walk.classes[1:], saliency, rule=rule, **parameters).label


def soft_fusion(walk: Scores, saliency: np.ndarray, *, norm: str, store_stride: int, **parameters) -> Scores:
    """The probabilities behind rule `soft`, background first, on a grid of `store_stride`."""
    full = fusion.soft_scores(foreground(walk, norm=norm), saliency, **parameters)
    return Scores(walk.classes, grids.store(full, stride=store_stride), walk.size)
