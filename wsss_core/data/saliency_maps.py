"""A folder of saliency maps that some other program made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.data.index import Index

MAX_NAMED = 10


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
            named = ", ".join(missing[:MAX_NAMED]) + (", ..." if len(missing) > MAX_NAMED else "")
            raise ValueError(
                f"{folder} lacks the saliency maps of {len(missing)} of {len(ids)} images ({named});"
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
