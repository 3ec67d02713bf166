"""A trained network as a library uses it: a photograph in, labels or probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from wsss_core.data.images import read_image, to_rgb
from wsss_core.inference import pictures, segmentation
from wsss_core.inference.tiles import SMALLEST
from wsss_core.models.segmenter import Segmenter as Network

Photograph = np.ndarray | Image.Image | str | Path
"""(H, W, 3) uint8 RGB, a picture of Pillow's, or an image file."""

MAX_PIXELS = 4_000_000
"""Larger views are shrunk to this, as `wsss predict` does."""


class Segmenter:
    """A network and what its labels mean.

    Attributes:
        classes: names of the labels: `classes[0]` is the background, `classes[k]` is what label k stands for.
        network: in eval mode on the device; called as network(images) it gives a dict, see `models.segmenter`.

    >>> import numpy as np
    >>> from wsss_core.inference.segmenter import Segmenter, _example
    >>> segmenter = Segmenter(_example(), ["cat"], device="cpu")
    >>> segmenter.classes
    ('background', 'cat')
    >>> grey = np.full((40, 60, 3), 128, dtype=np.uint8)
    >>> segmenter.segment(grey).shape, segmenter.segment(grey).dtype
    ((40, 60), dtype('uint8'))
    >>> probabilities = segmenter.probabilities(grey)
    >>> probabilities.shape, bool(np.allclose(probabilities.sum(axis=0), 1, atol=1e-5))
    ((2, 40, 60), True)
    """

    def __init__(self, network: Network, classes: Sequence[str], *, device: str = "cpu") -> None:
        try:
            self._device = torch.device(device)
            self.network = network.to(self._device).eval()
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device {device!r} cannot be used here: {error}") from error
        self.classes = ("background", *classes)

    @torch.inference_mode()
    def segment(
        self,
        photograph: Photograph,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = True,
        crf: dict | None = None,
        tags: Sequence[str] | None = None,
        tile: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> np.ndarray:
        """(H, W) uint8: the most probable label of each pixel, 0 = background.

        Args:
            photograph: (H, W, 3) uint8 RGB, a picture of Pillow's of up to 8 bits a channel, or an image file; of one
                with several pictures the first.
            scales, flip: the views that are averaged; `flip` adds the mirror of each.
            crf: keyword arguments of `ops.crf.dense_crf`; None = none.
            tags: names of the classes that it may hold beside the background; None allows all.
            tile: a larger image is segmented in windows of this side, which bounds memory; goes with no CRF.
            max_pixels: larger views are shrunk to this.

        Raises:
            ImageError: the file cannot be read.
            ValueError: it is no photograph, a tag is no class of this network, or tiles are to go with a CRF.
        """
        if tile is not None and (crf is not None or tile < SMALLEST):
            raise ValueError(f"tiles have {SMALLEST} pixels a side or more and go with no CRF, which sees the whole")
        allowed = None if tags is None else sorted(map(self._label, tags))
        return pictures.labels_of(
            self.network, _pixels(photograph), crf=crf, tags=allowed, tile=tile, scales=scales, flip=flip,
            max_pixels=max_pixels, device=self._device,
        )  # fmt: skip

    @torch.inference_mode()
    def probabilities(
        self,
        photograph: Photograph,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = True,
        max_pixels: int = MAX_PIXELS,
    ) -> np.ndarray:
        """(C+1, H, W) float32 in [0, 1]: how probable each label is at each pixel; arguments as for `segment`."""
        options = {"scales": scales, "flip": flip, "max_pixels": max_pixels, "device": self._device}
        return segmentation.segmentation_probabilities(self.network, [_pixels(photograph)], **options)[0]

    def _label(self, tag: str) -> int:
        if tag not in self.classes[1:]:
            raise ValueError(f"{tag!r} is no class of this network; it knows {', '.join(self.classes[1:])}")
        return self.classes.index(tag)


def _pixels(photograph: Photograph) -> np.ndarray:
    if isinstance(photograph, Image.Image):
        if photograph.mode.startswith(("I", "F")):
            raise ValueError(f"a picture of mode {photograph.mode} has no range that is known; give its file instead")
        return np.array(to_rgb(ImageOps.exif_transpose(photograph)))
    if not isinstance(photograph, np.ndarray):
        return read_image(Path(photograph))
    if photograph.ndim != 3 or photograph.shape[2] != 3 or photograph.dtype != np.uint8 or not photograph.size:
        raise ValueError(f"a photograph is (H, W, 3) uint8 RGB, not {photograph.shape} {photograph.dtype}")
    return photograph


def _example() -> Network:
    """A network without training, for the example above: grey is as probable a cat as not."""

    class Even(Network):
        stride = 8

        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"seg": torch.zeros(len(images), 2, *(-(-side // 8) for side in images.shape[-2:]))}

    return Even()
