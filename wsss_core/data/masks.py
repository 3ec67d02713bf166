"""True label maps, for evaluation and full supervision only: no weakly supervised stage opens one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from wsss_core.data.formats import coco_masks
from wsss_core.data.formats.coco import Instances, read_instances
from wsss_core.data.image_folder import list_images
from wsss_core.data.images import why_exchanged
from wsss_core.data.label_images import read_labels
from wsss_core.data.names import Match, Names, guesses
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem, layout_error

if TYPE_CHECKING:  # the readers of tags, on which the index builds, import this module
    from wsss_core.data.index import Index

_log = logging.getLogger(__name__)

_FOLDERS = {"voc": "SegmentationClass", "scenes": "SegmentationClass", "folder": "masks", "coco": "masks"}


class Masks(Protocol):
    """The masks of a data set, as far as there are any."""

    @property
    def files(self) -> list[Path]:
        """All files that hold them."""

    def available(self, image_id: str) -> bool:
        """Whether the image has a mask."""

    def read(self, image_id: str) -> np.ndarray:
        """The (H, W) uint8 labels: 0, 1..C, 255 = ignore; as large as the image.

        Raises:
            DatasetError: there is no mask, it cannot be read, has another size than the image, or holds a
                value that is neither a class nor 255.
        """


def open_masks(source: Source, index: Index) -> Masks:
    """The masks of a data set; nothing is decoded yet.

    Args:
        source: where they lie.
        index: names the classes and the sizes that masks must have.

    Raises:
        DatasetError: a folder or file named by `source.masks` is not there.
        ValueError: neither `masks` nor `train` is given for coco.
    """
    if label_image_folder(source) is not None:
        return LabelFiles(find_masks(source, index.records), index)
    if source.masks is None and not source.train:
        raise ValueError("masks of a coco set lie in its instances files; pass train and val, or masks")
    names = (source.train, source.val) if source.masks is None else (source.masks,)
    return OutlineMasks([read_instances(source.root / name) for name in names if name], index)


def mask_folder(source: Source) -> Path:
    """The folder in which label images are searched; it need not exist."""
    return source.root / (source.masks or _FOLDERS[source.format])


def mask_files(source: Source) -> list[Path]:
    """Every file that may hold a mask, of whatever image, ascending; none where there are none."""
    folder = label_image_folder(source)
    if folder is not None:
        return sorted(path for paths in list_images(folder).files.values() for path in paths) if folder.is_dir() else []
    names = (source.train, source.val) if source.masks is None else (source.masks,)
    return [path for name in names if name and (path := source.root / name).is_file()]


def label_image_folder(source: Source) -> Path | None:
    """As `mask_folder`; None where the masks are outlines in JSON files."""
    in_json = source.format == "coco" if source.masks is None else source.masks.lower().endswith(".json")
    return None if in_json else mask_folder(source)


def find_masks(source: Source, ids: Iterable[str]) -> dict[str, Path]:
    """id -> its label image, for the ids that have one; none where the format's own folder is missing.

    Raises:
        DatasetError: the folder named by `source.masks` is missing, or an id has two files.
    """
    folder = mask_folder(source)
    if source.masks is not None and not folder.is_dir():
        raise layout_error(folder, "there is no such folder; correct dataset.masks, or set it to null")
    if not folder.is_dir():
        return {}
    found = list_images(folder)
    for name, paths in found.files.items():
        if len(paths) > 1:
            raise layout_error(folder, f"{paths[0]} and {paths[1]} are both the mask of {name}; remove one")
    matches = found.names.all_matches(ids)
    for problem in guesses(matches.values(), folder):
        _log.warning("%s", problem.message)
    return {name: found.files[match.id][0] for name, match in matches.items()}


class LabelFiles:
    """Masks as one label image each: grey, palette, or in the colours of VOC's palette."""

    def __init__(self, paths: dict[str, Path], index: Index) -> None:
        self._paths = paths
        self._index = index

    @property
    def files(self) -> list[Path]:
        """One for each image that has a mask."""
        return sorted(self._paths.values())

    def available(self, image_id: str) -> bool:
        """Whether the image has a mask."""
        return image_id in self._paths

    def read(self, image_id: str) -> np.ndarray:
        """(H, W) uint8 ids, IGNORE_INDEX where void. Raises DatasetError for a missing or unusable mask."""
        if image_id not in self._paths:
            raise _error("missing mask", image_id, f"image {image_id} has no mask; add one or leave it out")
        path = self._paths[image_id]
        labels = read_labels(path, num_classes=len(self._index.classes))
        otherwise = "scale the mask without interpolation or replace it"
        _check_size(str(path), labels.shape, self._index, image_id, otherwise=otherwise)
        return labels


class OutlineMasks:
    """Masks drawn from COCO's polygons and run lengths."""

    def __init__(self, files: list[Instances], index: Index) -> None:
        labels = {name: place for place, name in enumerate(index.classes, start=1)}
        names = Names(index.records, Path(index.root))
        self._index = index
        self._source: dict[str, tuple[Instances, str]] = {}
        for instances in files:
            matches = names.all_matches(instances.files)
            _check_distinct(instances, matches)
            self._source |= {match.id: (instances, name) for name, match in matches.items()}
        self._labels = {
            instances.path: {
                number: labels[name] for number, name in instances.categories.items() if name in labels
            }
            for instances in files
        }
        self.files = [instances.path for instances in files]

    def available(self, image_id: str) -> bool:
        """Whether the image has a mask."""
        return image_id in self._source and coco_masks.is_drawable(*self._source[image_id])

    def read(self, image_id: str) -> np.ndarray:
        """(H, W) uint8 ids, IGNORE_INDEX where void. Raises DatasetError for a missing or unusable mask."""
        if not self.available(image_id):
            raise _error("missing mask", image_id, f"image {image_id} has no mask; add one or leave it out")
        instances, name = self._source[image_id]
        height, width = instances.sizes[name]
        otherwise = "draw it on the image as it is, or put back the image on which it was drawn"
        of_image = f"{instances.path}: mask of {image_id}"
        _check_size(of_image, (height, width), self._index, image_id, otherwise=otherwise)
        try:
            return coco_masks.label_map(
                instances.annotations[name],
                labels=self._labels[instances.path],
                height=height,
                width=width,
            )
        except coco_masks.SegmentationError as error:
            message = f"{instances.path}: an annotation of image {image_id} is broken: {error}; repair it"
            raise _error("unreadable mask", str(instances.path), message) from None


def _check_distinct(instances: Instances, matches: Mapping[str, Match]) -> None:
    """Refuse two names of one document that mean one image, as `a.jpg` and `images/a.jpg` may: a mask would go."""
    first: dict[str, str] = {}
    for name, match in matches.items():
        before = first.setdefault(match.id, name)
        if before != name:
            names = f"{instances.files[before]!r} and {instances.files[name]!r}"
            raise layout_error(instances.path, f"{names} are both image {match.id}; keep one entry")


def _check_size(mask: str, size: tuple[int, ...], index: Index, image_id: str, *, otherwise: str) -> None:
    """`otherwise`: what helps where the sides are not merely exchanged."""
    record = index[image_id]
    if size != (record.height, record.width):
        remedy = why_exchanged(index.path(image_id), size=size, shown=index.size(image_id)) or otherwise
        message = (
            f"{mask} is {size[0]} x {size[1]} pixels (height x width), its image {record.path} is "
            f"{record.height} x {record.width}; {remedy}"
        )
        raise _error("mask size", mask, message)


def _error(kind: str, file: str, message: str) -> DatasetError:
    return DatasetError([Problem(kind, file, message)], file)
