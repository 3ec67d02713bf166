"""Folders of true masks beside photographs: label images that bear the names of the photographs."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core.data.image_folder import ImageFolder
from wsss_core.data.images import ImageError, opened, read_bytes
from wsss_core.data.index import spread
from wsss_core.data.label_images import read_labels
from wsss_core.data.names import composed
from wsss_core.problems import DatasetError

NAMES = {
    "mask", "masks", "segmentationclass", "segmentationclassraw", "segmentationobject", "segmentation",
    "segmentations", "groundtruth", "gt", "gts", "annotation", "annotations", "anndir", "label", "labels", "labelmaps",
}  # fmt: skip
"""Of folders that hold masks, in small letters without signs, if what lies there looks like masks."""
_OF_OBJECTS = "segmentationobject"
"""Numbers of objects, not of classes."""
_SAMPLE, _VALUES = 5, 64


def find_mask_folders(images: ImageFolder) -> tuple[str, ...]:
    """The folders of label images below the folder of `images`, as paths; nothing that lies in them is a photograph.

    A folder is one if its name says so, most of its pictures bear the name of another picture, all of them are PNG, BMP
    or TIFF, and few grey values, palette numbers or colours occur in a sample of them.
    """
    by_folder: dict[str, list[Path]] = defaultdict(list)
    others: set[str] = set()
    for name, paths in images.files.items():
        parts = name.split("/")
        place = next((n for n, part in enumerate(parts[:-1]) if is_name_of_masks(part)), None)
        if place is None:
            others.add(parts[-1])
        else:
            by_folder["/".join(parts[: place + 1])] += paths
    return tuple(sorted(name for name, paths in by_folder.items() if _are_of(paths, others) and _are_masks(paths)))


def is_name_of_masks(folder: str) -> bool:
    """Whether a folder of this name may hold masks."""
    return (name := _folded(folder)) in NAMES or name.endswith("masks")


def _are_of(paths: list[Path], others: set[str]) -> bool:
    return 2 * sum(composed(path.stem) in others for path in paths) > len(paths)


def _folded(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _are_masks(paths: list[Path]) -> bool:
    if any(path.suffix.lower() not in (".png", ".bmp", ".tif", ".tiff") for path in paths):
        return False
    sample = [paths[int(place)] for place in np.linspace(0, len(paths) - 1, min(_SAMPLE, len(paths)))]
    return all(map(_looks_like_mask, sample))


def _looks_like_mask(path: Path) -> bool:
    try:
        with opened(read_bytes(path), path) as image:
            if image.mode in ("1", "L", "P", "I", "I;16"):
                return len(np.unique(np.asarray(image))) <= _VALUES
            return image.convert("RGB").getcolors(_VALUES) is not None and image.format != "JPEG"
    except (ImageError, Image.DecompressionBombError):
        return False


def chosen(folders: tuple[str, ...]) -> list[str]:
    """Those of the folders that hold numbers of classes."""
    return [name for name in folders if _folded(name.rpartition("/")[2]) != _OF_OBJECTS]


def misfit(paths: list[Path], *, num_classes: int, sample: int = 30) -> str:
    """Why masks do not fit so many classes, from some of them; empty where they do."""
    values: set[int] = set()
    for path in spread([str(path) for path in paths], sample):
        try:
            values |= set(np.unique(read_labels(Path(path), num_classes=num_classes)).tolist())
        except DatasetError as error:
            return str(error)
    if values and not values & set(range(1, num_classes + 1)):
        return f"a sample of {min(sample, len(paths))} masks holds no class, only {sorted(values)}"
    return ""
