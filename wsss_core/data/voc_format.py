"""Reader of VOCdevkit's layout, which the generated `scenes` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from wsss_core import voc
from wsss_core.data.contents import Contents
from wsss_core.data.images import find_images, normalise
from wsss_core.data.masks import find_masks, read_labels
from wsss_core.data.problems import DatasetError, Problem, layout_error
from wsss_core.data.source import Source
from wsss_core.data.tables import read_id_list, read_tag_table, read_text, repeated_rows

ANNOTATIONS = "Annotations"
TAG_TABLE = "image_labels.csv"
CLASS_NAMES = "classes.txt"


def read_voc(source: Source) -> Contents:
    """What a folder in VOC's layout says: JPEGImages, ImageSets/Segmentation, Annotations.

    Classes are `classes`, else the lines of classes.txt, else VOC's twenty. Tags are those of the CSV
    `labels` where one is named; else of each image's XML, and of image_labels.csv for images without; of
    the masks only where the set has neither.

    Raises: see `listing.read_listing`.
    """
    root = source.root
    folder = root / (source.images or "JPEGImages")
    if not folder.is_dir():
        raise layout_error(folder, "there is no such folder; set dataset.images or dataset.format")
    files = find_images(folder)
    splits = {"train": _read_split(root, source.train, files, folder)}
    splits["val"] = _read_split(root, source.val, files, folder) if source.val else []
    contents = Contents(_read_classes(root, source.classes), splits, folder, files, tags={}, tag_files={})
    table = root / (source.labels or TAG_TABLE)
    annotations = root / ANNOTATIONS
    if source.labels is None and annotations.is_dir():
        _tags_from_xml(contents, annotations)
    if source.labels is not None or table.is_file():
        _tags_from_table(contents, table)
    elif not annotations.is_dir():
        _tags_from_masks(contents, source)
    return contents


def _read_classes(root: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is None and (root / CLASS_NAMES).is_file():
        classes = [line.strip() for line in read_text(root / CLASS_NAMES).splitlines() if line.strip()]
    return voc.CLASSES if classes is None else tuple(normalise(name) for name in classes)


def _read_split(root: Path, name: str, files: dict[str, list[Path]], folder: Path) -> list[str]:
    lists = root / "ImageSets" / "Segmentation"
    path = lists / f"{name}.txt"
    if not path.is_file():
        there = ", ".join(sorted(other.stem for other in lists.glob("*.txt"))) or "none"
        raise layout_error(
            path, f"there is no such list; set dataset.train and dataset.val to any of: {there}"
        )
    return read_id_list(path, known=files, images=folder)


def _tags_from_xml(contents: Contents, annotations: Path) -> None:
    """Tags = the names of the objects, difficult ones included; names of their parts (head, hand) are not."""
    paths = {normalise(path.relative_to(annotations).as_posix()): path for path in annotations.rglob("*.xml")}
    for name in contents.used():
        path = paths.get(f"{name}.xml")
        if path is None:
            continue
        try:
            objects = ElementTree.parse(path).getroot().findall("object")
        except ElementTree.ParseError as error:
            message = f"{path} is no valid XML ({error}); replace the file"
            contents.problems.append(Problem("unreadable annotation", str(path), message))
            objects = []
        names = (normalise((item.findtext("name") or "").strip()) for item in objects)
        contents.tags[name] = tuple(dict.fromkeys(names))
        contents.tag_files[name] = path


def _tags_from_table(contents: Contents, path: Path) -> None:
    """Tags of the images that have none yet."""
    known = contents.files.keys() | set(contents.used())
    table = read_tag_table(path, known=known, images=contents.images, classes=contents.classes)
    for name in table.tags.keys() - contents.tags.keys():
        contents.tags[name] = table.tags[name]
        contents.tag_files[name] = path
    contents.problems += repeated_rows(table, path)


def _tags_from_masks(contents: Contents, source: Source) -> None:
    found = find_masks(source)
    contents.supervision = "pixels"
    for name in contents.used():
        if name not in found:
            continue
        contents.tag_files[name] = found[name]
        try:
            present = np.unique(read_labels(found[name], num_classes=len(contents.classes)))
        except DatasetError as error:
            contents.problems += error.problems
            present = np.array([], dtype=np.uint8)
        ids = [label for label in present.tolist() if label not in (voc.BACKGROUND, voc.IGNORE_INDEX)]
        contents.tags[name] = tuple(contents.classes[label - 1] for label in ids)
    missing = f"{source.root} has neither {ANNOTATIONS} nor {TAG_TABLE}"
    message = f"{missing}: tags come from the masks, so results are pixel supervised; add a CSV of tags"
    contents.problems.append(Problem("pixel supervision", str(source.root), message, "warning"))
