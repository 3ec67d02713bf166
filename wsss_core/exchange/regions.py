"""The regions of a label map: what formats of objects call objects, though touching ones of a class are one here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wsss_core.voc import BACKGROUND, IGNORE_INDEX


@dataclass(frozen=True)
class Region:
    """Pixels of one label that hang together, or all of a label.

    Attributes:
        label: theirs, from 1.
        x, y: the first column and row of their box.
        mask: (h, w) bool, the box.
        confidence: mean over them of how probable their label is, in [0, 1]; None where nothing tells.
    """

    label: int
    x: int
    y: int
    mask: np.ndarray
    confidence: float | None = None

    @property
    def pixels(self) -> int:
        """How many they are."""
        return int(np.count_nonzero(self.mask))

    @property
    def box(self) -> list[int]:
        """x, y, width, height."""
        return [self.x, self.y, self.mask.shape[1], self.mask.shape[0]]

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """(H, W) bool: the pixels in a map of this size."""
        whole = np.zeros(size, dtype=bool)
        self.of(whole)[:] = self.mask
        return whole

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """The box, cut out of an (H, W) map."""
        height, width = self.mask.shape
        return pixels[self.y : self.y + height, self.x : self.x + width]


def regions_of(
    labels: np.ndarray, *, whole: bool, diagonal: bool, probability: np.ndarray | None = None
) -> Iterator[Region]:
    """The regions of an (H, W) uint8 label map, by label; background and IGNORE_INDEX are none.

    Args:
        labels: the map.
        whole: all pixels of a label are one region.
        diagonal: pixels that touch by a corner hang together too. Polygons along pixel edges want them apart.
        probability: (H, W) float, how probable the label of each pixel is.
    """
    from scipy import ndimage  # a slow import, which no other command needs

    touching = ndimage.generate_binary_structure(2, 2 if diagonal else 1)
    for label in np.unique(labels).tolist():
        if label in (BACKGROUND, IGNORE_INDEX):
            continue
        own = labels == label
        parts, _ = (own.astype(int), 1) if whole else ndimage.label(own, touching)
        for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
            mask = parts[rows, columns] == number
            confidence = None if probability is None else float(probability[rows, columns][mask].mean())
            yield Region(label, columns.start, rows.start, mask, confidence)
