"""Reader of VOCdevkit's layout, which the generated `scenes` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss_core import voc
from wsss_core.data.contents import Contents
from wsss_core.data.formats.voc_xml import read_objects
from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.label_images import read_labels
from wsss_core.data.lists import read_lists
from wsss_core.data.masks import find_masks, mask_folder
from wsss_core.data.names import Names, composed
from wsss_core.data.source import Source
from wsss_core.data.tables import read_tag_table, read_text
from wsss_core.problems import DatasetError, Problem, layout_error, named

LISTS = ("ImageSets/Segmentation", "ImageSets/Main")
"""Where the lists of splits lie, relative to the root; the first that has one of the name counts."""
ANNOTATIONS = "Annotations"
TAG_TABLE = "image_labels.csv"
CLASS_NAMES = "classes.txt"


def read_voc(source: Source) -> Contents:
    """What a folder in VOC's layout says: JPEGImages, ImageSets, Annotations, or Roboflow's: train, valid, XML inside.

    Classes are `classes`, else the lines of classes.txt, else VOC's twenty. Tags are those of the CSV
    `labels` where one is named; else of each image's XML, and of image_labels.csv for images without; of
    the masks only where the set has neither.

    Raises: see `listing.read_listing`.
    """
    root = source.root
    images = _images(source)
    contents = Contents(
        _read_classes(root, source.classes), {}, images, images.files, tags={}, tag_files={}, problems=images.problems()
    )
    _read_splits(contents, source)
    table = root / (source.labels or TAG_TABLE)
    annotations = _annotations(root / ANNOTATIONS, contents)
    if source.labels is None:
        _tags_from_xml(contents, annotations)
    if source.labels is not None or table.is_file():
        _tags_from_table(contents, table)
    elif not annotations and not (root / ANNOTATIONS).is_dir():
        _tags_from_masks(contents, source)
    return contents


def _images(source: Source) -> ImageFolder:
    """The photographs, in the folder of the parameters, in JPEGImages, or anywhere below the root."""
    folder = source.root / (source.images or "JPEGImages")
    if not folder.is_dir():
        images = list_images(source.root, skip=[mask_folder(source)])
        if source.images or not images.files:
            raise layout_error(folder, "there is no such folder; set dataset.images or dataset.format")
        return images
    return list_images(folder)


def _read_classes(root: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is None and (root / CLASS_NAMES).is_file():
        classes = [line.strip() for line in read_text(root / CLASS_NAMES).splitlines() if line.strip()]
    return voc.CLASSES if classes is None else tuple(composed(name) for name in classes)


def _read_splits(contents: Contents, source: Source) -> None:
    """The ids of train and val: a list in ImageSets, or else all images in a folder of the split's name."""
    names = {split: name for split, name in (("train", source.train), ("val", source.val)) if name}
    paths = {split: _list_path(source.root, name) for split, name in names.items()}
    lists = {split: path for split, path in paths.items() if path.is_file()}
    contents.splits = {"train": [], "val": []}
    ids, problems = read_lists(lists, contents.images)
    contents.splits |= ids
    contents.problems += problems
    for split in names.keys() - lists.keys():
        contents.splits[split] = [name for name in contents.files if name.startswith(f"{names[split]}/")]
        if not contents.splits[split]:
            raise layout_error(paths[split], _no_list(source.root, contents.images))


def _list_path(root: Path, name: str) -> Path:
    paths = [root / folder / f"{name}.txt" for folder in LISTS]
    return next((path for path in paths if path.is_file()), paths[0])


def _no_list(root: Path, images: ImageFolder) -> str:
    lists = {path.stem for folder in LISTS for path in (root / folder).glob("*.txt")}
    folders = {name.partition("/")[0] for name in images.files if "/" in name}
    there = named(sorted(lists | folders))
    if there:
        return f"there is no such list; set dataset.train and dataset.val to any of: {there}"
    return f"there is no such list, and none of another name; write one, an image's name a line, in {root / LISTS[0]}"


def _annotations(folder: Path, contents: Contents) -> dict[str, Path]:
    """id -> its XML, in the folder of annotations or beside the image."""
    found = list_images(folder).with_suffix(".xml") if folder.is_dir() else {}
    matches = Names(found, folder).all_matches(contents.used())
    exact = {name: found[match.id] for name, match in matches.items() if match.is_exact}
    return {name: found[match.id] for name, match in matches.items()} | contents.images.with_suffix(".xml") | exact


def _tags_from_xml(contents: Contents, annotations: dict[str, Path]) -> None:
    """Tags = the names of the objects."""
    for name in contents.used():
        if name not in annotations:
            continue
        try:
            contents.tags[name] = read_objects(annotations[name])
        except DatasetError as error:
            contents.problems += error.problems
            contents.tags[name] = ()
        contents.tag_files[name] = annotations[name]


def _tags_from_table(contents: Contents, path: Path) -> None:
    """Tags of the images that have none yet."""
    table = read_tag_table(path, images=contents.images, classes=contents.classes)
    for name in table.tags.keys() - contents.tags.keys():
        contents.tags[name] = table.tags[name]
        contents.tag_files[name] = path
    contents.problems += table.problems


def _tags_from_masks(contents: Contents, source: Source) -> None:
    found = find_masks(source, contents.used())
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
