"""What a data set holds before any image is opened: classes, splits, image files, image-level tags.

Each format's reader returns `Contents`, what its files say; `scan_listing` holds that against itself and
returns a `Listing` with every `Problem` found. `prepare` stops at the errors, `wsss check` prints all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wsss_core import layout
from wsss_core.data.artifact_names import name_problems
from wsss_core.data.class_names import class_problems
from wsss_core.data.contents import Contents, Supervision, check_classes, contradictions
from wsss_core.data.formats import coco as coco_format
from wsss_core.data.formats import folder as folder_format
from wsss_core.data.formats import voc as voc_format
from wsss_core.data.masks import mask_folder
from wsss_core.data.source import Source
from wsss_core.data.stray_masks import stray_masks
from wsss_core.problems import Problem, layout_error, require_usable

_READERS = {
    "scenes": voc_format.read_voc,
    "voc": voc_format.read_voc,
    "folder": folder_format.read_folder,
    "coco": coco_format.read_coco,
}


@dataclass(frozen=True)
class Listing:
    """A data set that agrees with itself.

    Attributes:
        classes: name of class id i + 1 at place i; the background is not among them.
        splits: "train" and "val", each with its image ids ascending.
        images: the file of each id.
        tags: the class names of each id, in the order of `classes`; may be empty (background only).
        supervision: "pixels" where the tags had to be taken from the masks.
    """

    classes: tuple[str, ...]
    splits: dict[str, tuple[str, ...]]
    images: dict[str, Path]
    tags: dict[str, tuple[str, ...]]
    supervision: Supervision


def read_listing(source: Source) -> Listing:
    """What the data set holds.

    Raises:
        DatasetError: all that makes the data set unusable, each with its file and the remedy. What does
            not, such as splits that overlap, is logged as a warning.
        ValueError: no such format.
    """
    listing, problems = scan_listing(source)
    require_usable(problems, source.root)
    return listing


def scan_listing(source: Source) -> tuple[Listing, list[Problem]]:
    """As `read_listing`, with the problems beside what is left without them.

    Raises:
        DatasetError: a file without which there is no data set (a list, a table, the folder itself).
    """
    root, format = source.root, source.format
    if not root.is_dir():
        remedy = "run prepare, which makes it" if format == "scenes" else "set dataset.root to the data set"
        raise layout_error(root, f"there is no such folder; {remedy}")
    if not source.train:
        raise layout_error(root, "no train split is named; set dataset.train")
    if format not in _READERS:
        raise ValueError(f"dataset.format is {format!r}; choose scenes, voc, folder or coco")
    contents = _READERS[format](source)
    if source.untagged == "drop":
        _drop_untagged(contents, root)
    check_classes(contents.classes, root)
    may_lack_val = format in ("folder", "scenes") or not source.val
    found = contradictions(contents, root=root, may_lack_val=may_lack_val, skip=[mask_folder(source)])
    problems = [*contents.problems, *found]
    problems += stray_masks(source, contents.images, contents.used())
    if format != "scenes":  # whose classes nobody has written
        problems += class_problems(contents, source)
    listing = _usable(contents)
    problems += name_problems(listing.images, layout.CAMS.parent)
    return listing, problems


def _usable(contents: Contents) -> Listing:
    """The images that have one file and a row of tags, without the tags that are no class."""
    rank = {name: place for place, name in enumerate(contents.classes)}
    single = {name for name, paths in contents.files.items() if len(paths) == 1}
    usable = single & contents.tags.keys() & set(contents.used())
    return Listing(
        classes=contents.classes,
        splits={split: tuple(sorted(usable & set(ids))) for split, ids in contents.splits.items()},
        images={name: contents.files[name][0] for name in sorted(usable)},
        tags={
            name: tuple(sorted(rank.keys() & set(contents.tags[name]), key=rank.__getitem__))
            for name in sorted(usable)
        },
        supervision=contents.supervision,
    )


def _drop_untagged(contents: Contents, root: Path) -> None:
    """Take the images of which the data set says that they show no class out of the splits, and say how many."""
    classes = set(contents.classes)
    for split, ids in contents.splits.items():
        kept = [name for name in ids if not classes.isdisjoint(contents.tags.get(name, classes))]
        dropped = len(ids) - len(kept)
        if dropped:
            dropping = f"{dropped} of {len(ids)} images show no class and are left out (dataset.untagged: drop)"
            contents.problems.append(Problem("untagged", str(root), f"{root}: split {split}: {dropping}", "warning"))
        contents.splits[split] = kept
