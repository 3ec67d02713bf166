"""The network of `wsss predict`: one photograph after the other on a GPU, on a CPU several beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from wsss_core.artifacts import Scores
from wsss_core.inference.pictures import labels_and_scores, labels_of
from wsss_core.prediction.reading import Picture
from wsss_core.runtime.room import Room


class Segmenting:
    """Makes the labels of pictures, and their scores where these are wanted.

    On a CPU each picture has one core, which wastes nothing on waiting for others, and the cores work on pictures of
    their own, as long as these together have no more pixels than one picture may have. A larger one has all cores.

    Attributes:
        threads: that call this at once; 0 for the main thread alone.
    """

    def __init__(self, network: Any, *, fabric: Any, with_scores: bool, **options) -> None:
        """`options` are those of `labels_of`."""
        self._network, self._fabric, self._with_scores, self._options = network, fabric, with_scores, options
        self._cores = torch.get_num_threads()
        self._pixels = options["max_pixels"]
        self._room = Room(self._pixels)
        self.threads = self._cores if fabric.device.type == "cpu" and self._cores > 1 else 0

    def __call__(self, picture: Picture) -> tuple[np.ndarray, Scores | None]:
        own = {"tags": picture.tags, "device": self._fabric.device, **self._options}
        with self._share(picture), torch.inference_mode(), self._fabric.autocast():
            if self._with_scores:
                return labels_and_scores(self._network, picture.image, **own)
            return labels_of(self._network, picture.image, **own), None

    @contextmanager
    def _share(self, picture: Picture) -> Iterator[None]:
        """The memory and the cores for one picture."""
        if not self.threads:
            yield
            return
        seen = picture.image[..., 0].size * max(self._options["scales"]) ** 2 * (1 + self._options["flip"])
        with self._room.taken(seen):
            torch.set_num_threads(self._cores if 2 * seen > self._pixels else 1)  # of this thread alone
            yield
