"""What the files of a data set say, and where they contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wsss_core import voc
from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.names import bare
from wsss_core.problems import Problem, layout_error, named, suggestion

SPLITS = ("train", "val")

Supervision = Literal["tags", "pixels"]


@dataclass
class Contents:
    """What one format's files say, unchecked.

    Attributes:
        classes: as in `Listing`.
        splits: "train" and "val" -> ids as listed, repetitions kept.
        images: the folder of the images and all that lies there.
        files: id -> its image files in that folder (an id that is used should have one).
        tags: id -> names as written.
        tag_files: id -> the file that names its tags.
        split_names: what the files call their splits, where `dataset.train` and `dataset.val` choose among such names.
        problems: what the reader met on the way.
        supervision: as in `Listing`.
        parents: names that the files call the heading of other classes (COCO's `supercategory`).
    """

    classes: tuple[str, ...]
    splits: dict[str, list[str]]
    images: ImageFolder
    files: dict[str, list[Path]]
    tags: dict[str, tuple[str, ...]]
    tag_files: dict[str, Path]
    split_names: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    supervision: Supervision = "tags"
    parents: frozenset[str] = frozenset()

    def used(self) -> list[str]:
        """The ids of all splits, ascending, each once."""
        return sorted(set().union(*self.splits.values()))


def check_classes(classes: tuple[str, ...], root: Path) -> None:
    """Raise DatasetError unless the names are distinct, none is the background, and ids fit in 8 bits."""
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated:
        raise layout_error(root, f"the class name {repeated[0]!r} stands twice; class names must differ")
    if not all(name.strip() for name in classes) or "background" in classes:
        raise layout_error(root, "class names must not be empty or 'background' (label 0); leave it out")
    if not classes:
        raise layout_error(root, "no image has a tag, so there are no classes; add the tags or set dataset.classes")
    if len(classes) >= voc.IGNORE_INDEX:
        raise layout_error(
            root, f"{len(classes)} classes, where 1 to {voc.IGNORE_INDEX - 1} fit; merge some or set dataset.classes"
        )


def contradictions(
    contents: Contents, *, root: Path, may_lack_val: bool, skip: Sequence[Path] = ()
) -> Iterator[Problem]:
    """Every way in which splits, files and tags of a data set do not fit together.

    Args:
        root: of the data set; where images that are missing may lie instead, but not in the folders `skip`.
        may_lack_val: whether the val split may be empty.
    """
    yield from _split_problems(contents, root=root, may_lack_val=may_lack_val)
    yield from _file_problems(contents, root=root, skip=skip)
    yield from _tag_problems(contents)


def row_missing(name: str) -> Problem:
    """The problem of an image that no table names."""
    if bare(name) != name:
        fault = f"image {name!r} is missing from the tags, which keep no blanks around a name"
        message = f"{fault}; rename the file and add it"
        return Problem("image without row", name, message)
    message = f"image {name} is missing from the tags; add it (an empty list of tags means background only)"
    return Problem("image without row", name, message)


def _split_problems(contents: Contents, *, root: Path, may_lack_val: bool) -> Iterator[Problem]:
    splits = contents.splits
    for split in SPLITS:
        ids = splits.get(split, [])
        for name, count in Counter(ids).items():
            if count > 1:
                message = f"image {name} stands {count} times in {split} of {root}; it is used once"
                yield Problem("repeated image", name, message, "warning")
        if not ids:
            legal = split == "val" and may_lack_val
            choice = f"any of: {named(contents.split_names)}" if contents.split_names else "a list of images"
            remedy = f"set dataset.{split} to {choice}"
            if legal:
                remedy = "there will be no val scores" + (f", unless you {remedy}" if contents.split_names else "")
            message = f"split {split} of {root} is empty; {remedy}"
            yield Problem("empty split", split, message, "warning" if legal else "error")
    for name in sorted(set(splits.get("train", ())) & set(splits.get("val", ()))):
        message = f"image {name} is in train and in val; take it out of one, or val scores mean little"
        yield Problem("splits overlap", name, message, "warning")


def _file_problems(contents: Contents, *, root: Path, skip: Sequence[Path]) -> Iterator[Problem]:
    places = [contents.images]
    if any(name not in contents.files for name in contents.used()):
        places.append(list_images(root, skip=[contents.images.path, *skip]))
    for name in contents.used():
        paths = contents.files.get(name, [])
        if not paths:
            found = next((found for place in places if (found := place.instead_of(name))), "")
            message = f"image {name} has no file in {contents.images.path}{found}; add it or take it out of the list"
            yield Problem("missing image", name, message)
        if len(paths) > 1:
            both = " and ".join(str(path) for path in paths)
            yield Problem("ambiguous image", name, f"{both} are both image {name}; rename or remove one")
    yield from _shared_files(contents)


def _shared_files(contents: Contents) -> Iterator[Problem]:
    """Each file that several names mean, as `a.jpg` and `images/a.jpg` may: it would be used twice, as two images."""
    names_of = defaultdict(list)
    for name in contents.used():
        for path in contents.files.get(name, []):
            names_of[path].append(name)
    for path, names in names_of.items():
        if len(names) > 1:
            message = f"{path} is called by {len(names)} names ({named(names)}); write one of them everywhere"
            yield Problem("ambiguous image", str(path), message)


def _tag_problems(contents: Contents) -> Iterator[Problem]:
    used = contents.used()
    for name in used:
        if name not in contents.tags:
            yield row_missing(name)
        for tag in contents.tags.get(name, ()):
            if tag not in contents.classes:
                hint = suggestion(tag, contents.classes) or "; correct the tag or add it to dataset.classes"
                file = str(contents.tag_files[name])
                yield Problem("unknown tag", file, f"{file}: tag {tag!r} of image {name} is no class{hint}")
    for name in sorted(contents.tags.keys() - contents.files.keys() - set(used)):
        message = f"{contents.tag_files[name]}: row {name} has no image and is in no split; it is not used"
        yield Problem("row without image", name, message, "warning")
