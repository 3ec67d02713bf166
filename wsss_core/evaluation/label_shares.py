"""How many pixels of a folder of label maps are background, object or ignored; needs no masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from wsss_core.data.maps import Maps
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


@dataclass(frozen=True)
class LabelShares:
    """Shares of all pixels of a set, in [0, 1]; together 1."""

    background: float
    object: float
    ignored: float


def label_shares(maps: Maps, ids: Sequence[str]) -> LabelShares:
    """The shares over the label maps of these images, each pixel counted once; `ids` is not empty.

    Raises:
        ArtifactError: a label map is missing or unreadable.
    """
    counts = np.zeros(256, dtype=np.int64)
    for image_id in tqdm(ids, desc=f"count {maps.folder.name}", unit="image"):
        counts += np.bincount(maps.labels(image_id).ravel(), minlength=256)
    total = counts.sum()
    background, ignored = counts[BACKGROUND] / total, counts[IGNORE_INDEX] / total
    return LabelShares(float(background), float(1 - background - ignored), float(ignored))
