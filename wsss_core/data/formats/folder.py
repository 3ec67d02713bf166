"""Reader of a folder of photographs with a CSV of their tags: the practitioner's own data."""

from __future__ import annotations

from pathlib import Path

from wsss_core.data.contents import Contents, row_missing
from wsss_core.data.image_folder import list_images
from wsss_core.data.lists import read_lists
from wsss_core.data.masks import mask_folder
from wsss_core.data.names import composed
from wsss_core.data.source import Source
from wsss_core.data.tables import read_tag_table
from wsss_core.problems import Problem, layout_error

TAG_TABLES = ("labels.csv", "image_labels.csv")


def read_folder(source: Source) -> Contents:
    """What a folder of images and a CSV `image,labels` say.

    An image's id is its path below the images' folder without the suffix. Images are searched in
    `images`, else in root/images, else in root. Classes are `classes`, else the tags of the CSV, sorted.
    Splits come from the CSV's column `split`, else from root/<train>.txt and root/<val>.txt; without
    those every image is in train.

    Raises: see `listing.read_listing`.
    """
    root, classes = source.root, source.classes
    images = list_images(images_folder(root, source.images), skip=[mask_folder(source)])
    path = _table_path(root, source.labels)
    names = None if classes is None else tuple(composed(name) for name in classes)
    table = read_tag_table(path, images=images, classes=names)
    if names is None:
        names = tuple(sorted({tag for tags in table.tags.values() for tag in tags}))
    contents = Contents(
        classes=names,
        splits={"train": [], "val": []},
        images=images,
        files=images.files,
        tags=table.tags,
        tag_files=dict.fromkeys(table.tags, path),
        problems=[*images.problems(), *table.problems],
    )
    lists = {"train": source.train, "val": source.val}
    if table.splits is None:
        _split_by_lists(contents, root, lists)
    else:
        _split_by_column(contents, table.splits, lists)
    return contents


def images_folder(root: Path, images: str | None) -> Path:
    """Where the images lie: `images` below the root, else root/images, else the root.

    Raises:
        DatasetError: there is no such folder.
    """
    if images is None:
        return root / "images" if (root / "images").is_dir() else root
    if not (root / images).is_dir():
        raise layout_error(root / images, "there is no such folder; correct dataset.images")
    return root / images


def _table_path(root: Path, labels: str | None) -> Path:
    if labels is not None:
        return root / labels
    for name in TAG_TABLES:
        if (root / name).is_file():
            return root / name
    raise layout_error(root / TAG_TABLES[0], "there is no table of tags; add it or set dataset.labels")


def _split_by_column(contents: Contents, cells: dict[str, str], names: dict[str, str]) -> None:
    for split, name in names.items():
        contents.splits[split] = [image for image, cell in cells.items() if name and cell == name]
    contents.split_names = tuple(sorted({cell for cell in cells.values() if cell}))
    others = [image for image, cell in cells.items() if not cell or cell not in names.values()]
    if others:
        first, path = others[0], contents.tag_files[others[0]]
        message = f"{path}: {len(others)} images are in no split in use (first {first}: {cells[first]!r})"
        contents.problems.append(Problem("image in no split", str(path), message, "warning"))
    contents.problems += [row_missing(name) for name in sorted(contents.files.keys() - cells.keys())]


def _split_by_lists(contents: Contents, root: Path, names: dict[str, str]) -> None:
    paths = {split: root / f"{name}.txt" for split, name in names.items() if name}
    there = {split: path for split, path in paths.items() if path.is_file()}
    ids, problems = read_lists(there, contents.images)
    contents.splits |= ids
    contents.problems += problems
    if "train" not in there:
        known = contents.files.keys() | contents.tags.keys()
        contents.splits["train"] = sorted(known - set(contents.splits["val"]))
