"""A folder of saliency maps that some other program made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core.data.image_folder import list_images
from wsss_core.data.images import read_grey, why_exchanged
from wsss_core.data.index import Index
from wsss_core.data.names import guesses
from wsss_core.ops.fusion import MISSING_ABOVE, MISSING_BELOW
from wsss_core.problems import named

logger = logging.getLogger(__name__)

SAYS_SOMETHING = 0.06
"""The threshold of the fusion rules, from which a map that says nothing is told where no rule's own counts."""

INVERTED_MARGIN = 0.1
"""How much brighter than the whole, of 1, a border is in a map that looks inverted, if it is not bright by itself."""


@dataclass(frozen=True)
class SaliencyMaps:
    """One picture for each photograph, by its name, grey of 8 or 16 bits, white = salient, of the photograph's size.

    Attributes:
        paths: id -> its map.
        index: of the photographs.
    """

    paths: Mapping[str, Path]
    index: Index

    @classmethod
    def open(cls, folder: Path, index: Index, ids: Sequence[str], *, otherwise: str) -> SaliencyMaps:
        """The maps of a folder.

        Args:
            otherwise: what a user can do instead of adding maps that are missing; ends the error's text.

        Raises:
            ValueError: some of `ids` have no map, or several; names them, with the count.

        >>> from wsss_core.artifacts import write_grey
        >>> from wsss_core.data.index import Record
        >>> cat = Record("cat", "cat.jpg", tags=(1,), height=1, width=3, digest="")
        >>> index = Index("folder", ".", ("cat",), {"train": ("cat",)}, {"cat": cat}, "tags")
        >>> write_grey(Path("maps"), "cat", np.array([[0.0, 0.2, 1.0]]))
        >>> SaliencyMaps.open(Path("maps"), index, ["cat"], otherwise="take rbd").read("cat")
        array([[0. , 0.2, 1. ]], dtype=float32)
        """
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder; put the saliency maps there, or {otherwise}")
        found = list_images(folder)
        matches = found.names.all_matches(ids)
        missing = [image_id for image_id in ids if image_id not in matches]
        if missing:
            raise ValueError(
                f"{folder} lacks the saliency maps of {len(missing)} of {len(ids)} images ({named(missing)})"
                f"{found.instead_of(missing[0])}; add <id>.png for each, or {otherwise}"
            )
        for problem in guesses(matches.values(), folder):
            logger.warning("%s", problem.message)
        files = {image_id: _pngs(found.files[match.id]) for image_id, match in matches.items()}
        twice = [image_id for image_id, paths in files.items() if len(paths) > 1]
        if twice:
            raise ValueError(f"{folder} has several maps for {len(twice)} images ({named(twice)}); leave one of each")
        return cls({image_id: paths[0] for image_id, paths in files.items()}, index)

    def read(self, image_id: str) -> np.ndarray:
        """(H, W) float32 in [0, 1].

        Raises:
            ImageError: the map cannot be read, or has colours.
            ValueError: its size is not the photograph's.
        """
        path, record = self.paths[image_id], self.index[image_id]
        saliency = read_grey(path)
        if saliency.shape != (record.height, record.width):
            photograph = self.index.path(image_id)
            remedy = why_exchanged(photograph, size=saliency.shape, shown=self.index.size(image_id)) or "resize the map"
            raise ValueError(
                f"{path} is {saliency.shape[0]}x{saliency.shape[1]}, the photograph {record.height}x{record.width}"
                f" (height x width); {remedy}"
            )
        return saliency.astype(np.float32) / 255


def _pngs(paths: list[Path]) -> list[Path]:
    """The PNG where there is one: a photograph may lie beside its map."""
    return [path for path in paths if path.suffix.lower() == ".png"] or paths


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
        border, whole = border_mean(saliency), saliency.mean()
        inverted += bool(border > whole + INVERTED_MARGIN or border > max(whole, 0.5))
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


def border_mean(values: np.ndarray) -> float:
    """Mean of the outermost pixels of an (H, W) map; corners count twice."""
    return float(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).mean())
