"""A folder of saliency maps that some other program made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.data.index import Index
from wsss_core.data.problems import named
from wsss_core.ops.fusion import MISSING_ABOVE, MISSING_BELOW

logger = logging.getLogger(__name__)

INVERTED_MARGIN = 0.1
"""How much brighter, of 1, a border is in a map that looks inverted."""


@dataclass(frozen=True)
class SaliencyMaps:
    """`<id>.png`, 8 bit grey, 255 = salient, of the photographs' sizes."""

    folder: Path
    index: Index

    @classmethod
    def open(cls, folder: Path, index: Index, ids: Sequence[str]) -> SaliencyMaps:
        """The maps of a folder.

        Raises:
            ValueError: some of `ids` have no map; names them, with the count.
        """
        missing = [image_id for image_id in ids if not artifacts.png_path(folder, image_id).exists()]
        if missing:
            raise ValueError(
                f"{folder} lacks the saliency maps of {len(missing)} of {len(ids)} images ({named(missing)});"
                " add <id>.png for each, or choose saliency.method: rbd"
            )
        return cls(folder, index)

    def read(self, image_id: str) -> np.ndarray:
        """(H, W) float32 in [0, 1]. Raises ValueError if the map's size is not the photograph's."""
        saliency = artifacts.read_grey(self.folder, image_id)
        record = self.index[image_id]
        if saliency.shape != (record.height, record.width):
            raise ValueError(
                f"{artifacts.png_path(self.folder, image_id)} is {saliency.shape[0]}x{saliency.shape[1]}, the"
                f" photograph {record.height}x{record.width} (height x width); resize the map"
            )
        return saliency


def log_failed(ids: Sequence[str], read: Callable[[str], np.ndarray], *, threshold: float) -> None:
    """Look at all maps that a stage is about to use and log, with their count, those that say nothing.

    A map of which less than 1 % or more than 90 % exceeds the threshold counts as missing where labels are fused; maps
    that are brighter along the border than inside look inverted. Both are used as they are.
    """
    failed, inverted = [], 0
    for image_id in ids:
        saliency = read(image_id)
        share = float((saliency > threshold).mean())
        if not MISSING_BELOW <= share <= MISSING_ABOVE:
            failed.append(image_id)
        border = np.concatenate([saliency[0], saliency[-1], saliency[:, 0], saliency[:, -1]])
        inverted += bool(border.mean() > saliency.mean() + INVERTED_MARGIN)
    if failed:
        logger.warning(
            "%d of %d saliency maps are constant, empty or full (%s); they count as missing",
            len(failed), len(ids), named(failed),
        )  # fmt: skip
    if inverted > len(ids) / 2:
        logger.warning(
            "%d of %d saliency maps are brighter along their border than inside; they look inverted: 255 means salient",
            inverted, len(ids),
        )  # fmt: skip
