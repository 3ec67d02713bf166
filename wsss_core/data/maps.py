"""The maps that a stage wrote for photographs, each held against the index when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.artifacts import Scores
from wsss_core.data.index import Index


@dataclass(frozen=True)
class Maps:
    """A folder of label maps, score maps or grey maps.

    Every reader raises ArtifactError where a map is missing, damaged, of another size than its photograph, or of
    classes that the index does not have.

    Attributes:
        folder: that a stage finished.
        index: of the photographs.
    """

    folder: Path
    index: Index

    def labels(self, image_id: str) -> np.ndarray:
        """(H, W) uint8: 0..C and IGNORE_INDEX."""
        return artifacts.read_labels(self.folder, image_id, size=self.index.size(image_id), num_classes=self._classes)

    def scores(self, image_id: str) -> Scores:
        """Score maps in [0, 1] of classes of the index, and of the background where it has one."""
        return artifacts.read_scores(self.folder, image_id, size=self.index.size(image_id), num_classes=self._classes)

    def grey(self, image_id: str) -> np.ndarray:
        """(H, W) float32 in [0, 1]."""
        return artifacts.read_grey(self.folder, image_id, size=self.index.size(image_id))

    @property
    def _classes(self) -> int:
        return len(self.index.classes)
