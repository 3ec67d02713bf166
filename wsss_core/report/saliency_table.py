"""Saliency maps against the objects of all classes: a row of figures for each folder of maps or detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from tqdm import tqdm

from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.evaluation.counting import Read, of_saliency
from wsss_core.evaluation.saliency import SaliencyScores
from wsss_core.ops.saliency.detection import detect
from wsss_core.runtime.pool import map_in_order

COLUMNS = {"max_f": "max F", "adaptive_f": "adaptive F", "mae": "MAE", "mae_normalised": "MAE, stretched"}
"""Keys of a summary, and what the table calls them."""


def detector(index: Index, method: str) -> Read:
    """A reader that runs a weight-free detector."""
    return partial(_detected, index=index, method=method)


def summary(name: str, ids: Sequence[str], read: Read, truth: Masks, *, workers: int) -> dict[str, float]:
    """`SaliencyScores.summary` of the maps read(id) of some images, in several processes."""
    total, one = SaliencyScores(normalise=False), partial(of_saliency, read=read, truth=truth)
    for scores in tqdm(map_in_order(one, ids, workers=workers), total=len(ids), desc=name, unit="image"):
        total.merge(scores)
    return total.summary()


def as_text(caption: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """The table for a terminal."""
    width = max(map(len, (caption, *rows)))
    lines = [caption.ljust(width) + "".join(f"{title:>16}" for title in COLUMNS.values())]
    lines += [name.ljust(width) + "".join(f"{row[key]:>16.3f}" for key in COLUMNS) for name, row in rows.items()]
    return "\n".join(lines)


def _detected(image_id: str, *, index: Index, method: str) -> np.ndarray:
    return detect(index.image(image_id), method=method)
