"""Photographs with masks of their salient objects, of any classes: what another data set teaches about saliency."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torchvision.transforms import v2

from wsss_core.data.image_folder import list_images
from wsss_core.data.images import read_grey, read_image
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.names import Names, guesses
from wsss_core.data.saliency_maps import border_mean
from wsss_core.data.training_set import Shuffled, augmented
from wsss_core.ops.saliency.binary import centred
from wsss_core.problems import named

logger = logging.getLogger(__name__)

SALIENT = 128
"""Masks are salient from this grey level on; DUTS's have a few grey pixels along their contours."""


class SaliencySetError(ValueError):
    """A saliency set is incomplete or of another kind; the text names the files and the remedy."""


@dataclass(frozen=True)
class SaliencyFolders:
    """A folder of photographs and one of masks, paired by name, as DUTS has them (`DUTS-TR-Image`, `DUTS-TR-Mask`).

    Attributes:
        images, masks: id -> file.
    """

    images: Mapping[str, Path]
    masks: Mapping[str, Path]

    @classmethod
    def open(cls, images: Path, masks: Path) -> SaliencyFolders:
        """The pairs of two folders.

        Raises:
            SaliencySetError: a folder is missing or empty, has several files of one name, or photographs lack their
                masks: names them, with the count.
        """
        photographs, found = _files(images), _files(masks)
        matches = Names(found, masks).all_matches(photographs)
        missing = sorted(photographs.keys() - matches.keys())
        if missing:
            raise SaliencySetError(
                f"{masks} lacks the masks of {len(missing)} of {len(photographs)} photographs ({named(missing)});"
                f" add them, or move the photographs out of {images}"
            )
        for problem in guesses(matches.values(), masks):
            logger.warning("%s", problem.message)
        return cls(photographs, {name: found[match.id] for name, match in matches.items()})

    @property
    def ids(self) -> Sequence[str]:
        """Ascending."""
        return sorted(self.images)

    def image(self, image_id: str) -> np.ndarray:
        """(H, W, 3) uint8."""
        return read_image(self.images[image_id])

    def mask(self, image_id: str) -> np.ndarray:
        """(H, W) uint8, 255 on salient pixels, else 0. A mask of zeros and ones is one of ones."""
        return _binary(self._grey(image_id))

    def check(self) -> None:
        """Look at every pair once; log how many masks are grey, empty, or all salient, and what is made of them.

        Raises:
            SaliencySetError: a mask is not of its photograph's size, or cannot be read; no mask has a salient pixel, or
                most pixels on the borders of all masks are salient: names the reason.
        """
        grey, empty, bright, border = [], [], [], 0.0
        for image_id in self.images:
            raw = self._grey(image_id)
            mask = _binary(raw)
            size = read_image(self.images[image_id]).shape[:2]
            if size != mask.shape:
                raise SaliencySetError(
                    f"{self.masks[image_id]} is {mask.shape[0]}x{mask.shape[1]}, the photograph {size[0]}x{size[1]}"
                    " (height x width); scale the mask by the nearest pixel"
                )
            if not np.isin(raw, (0, raw.max())).all():
                grey.append(image_id)
            if not mask.any():
                empty.append(image_id)
            own = border_mean(mask) / 255
            border += own / len(self.images)
            if own > 0.5:
                bright.append(image_id)
        self._tell(grey, empty, bright, border)

    def _tell(self, grey: list[str], empty: list[str], bright: list[str], border: float) -> None:
        total = len(self.images)
        if len(empty) == total:
            raise SaliencySetError(f"no mask in {self._folder()} has a salient pixel; check that they are the masks")
        if border > 0.5:
            raise SaliencySetError(
                f"the masks in {self._folder()} call {100 * border:.0f} % of their border salient: they look inverted;"
                " white means salient"
            )
        if grey:
            logger.warning(
                "%d of %d saliency masks are not binary (%s); pixels from %d on count as salient",
                len(grey), total, named(grey), SALIENT,
            )  # fmt: skip
        if empty:
            logger.warning("%d of %d saliency masks are empty (%s)", len(empty), total, named(empty))
        if bright:
            logger.warning(
                "%d of %d saliency masks are salient along most of their border (%s); check that they are not inverted",
                len(bright), total, named(bright),
            )  # fmt: skip

    def _folder(self) -> Path:
        return next(iter(self.masks.values())).parent

    def _grey(self, image_id: str) -> np.ndarray:
        return read_grey(self.masks[image_id])


def _files(folder: Path) -> dict[str, Path]:
    """Name -> the one image of that name."""
    found = list_images(folder).files if folder.is_dir() else {}
    if not found:
        raise SaliencySetError(f"{folder} holds no images; correct `saliency_set`, which names it")
    twice = [name for name, paths in found.items() if len(paths) > 1]
    if twice:
        raise SaliencySetError(f"{folder} has several files for {len(twice)} names ({named(twice)}); leave one of each")
    return {name: paths[0] for name, paths in found.items()}


def _binary(grey: np.ndarray) -> np.ndarray:
    return np.where(grey >= (SALIENT if grey.max() > 1 else 1), 255, 0).astype(np.uint8)


@dataclass(frozen=True)
class OwnMaps:
    """The photographs of an index with saliency maps made for them, where no other set is at hand.

    The maps are moved until Otsu's threshold is one half. Little in a weight-free detector's exceeds that as it is, and
    to the linear losses, which take the more likely of both everywhere, nothing at all would be salient.

    Attributes:
        index, ids: the photographs.
        folder: of the maps, 8 bit grey.
    """

    index: Index
    ids: Sequence[str]
    folder: Path

    def image(self, image_id: str) -> np.ndarray:
        """(H, W, 3) uint8."""
        return self.index.image(image_id)

    def mask(self, image_id: str) -> np.ndarray:
        """(H, W) uint8, grey, above 127 where the map reaches its threshold."""
        saliency = Maps(self.folder, self.index).grey(image_id)
        return np.round(centred(saliency, rule="otsu") * 255).astype(np.uint8)


class SaliencySet(Shuffled):
    """Photographs and their saliency as crops: `saliency_image` (3, crop, crop) float32, `saliency_mask` (crop, crop)
    float32 in [0, 1] and `saliency_roi` (crop, crop) bool, False on padding.

    A stream of its own: beside the same photographs with their tags it shows others, or other crops, at each step.
    """

    def __init__(self, source: SaliencyFolders | OwnMaps, augment: v2.Transform, *, seed: int) -> None:
        super().__init__(source.ids, seed=seed, stream=1)
        self.source, self.augment = source, augment

    def sample(self, image_id: str) -> dict:
        """The item of a pair, as the class says."""
        item = augmented(self.augment, self.source.image(image_id), {"mask": self.source.mask(image_id)})
        return {
            "saliency_image": item["image"],
            "saliency_mask": item["mask"] / 255 * item["roi"],
            "saliency_roi": item["roi"],
        }
