"""Masks that serve no image, files or entries of a JSON: one of a wrong name is no mask, and nobody would notice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from wsss_core.data.formats.coco import read_instances
from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.masks import label_image_folder
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem, named

_KINDS = "label images are grey or palette PNG"


def stray_masks(source: Source, images: ImageFolder, used: Collection[str]) -> list[Problem]:
    """One warning for each way in which files are passed over, with their number, the first names and what helps.

    A mask of a photograph that is in no split is none of them: VOC has more masks than a list of it names.

    Args:
        source: where the masks lie. Of outlines only a file of their own is looked at, `source.masks`: the entries of
            a coco set's instances files are its images.
        images: all photographs of the data set.
        used: the ids of the splits.
    """
    folder = label_image_folder(source)
    if folder is None:
        return [] if source.masks is None else _entries_without_image(source.root / source.masks, images)
    if not folder.is_dir():
        return []
    try:
        found = list_images(folder)
    except DatasetError:  # said by whoever opens the masks; lists and tags do not need them
        return []
    if found.others and not found.files:
        names = named([path.name for path in found.others])
        message = f"{folder}: none of its {len(found.others)} files is a mask ({names}); {_KINDS}"
        return [Problem("passed over", str(folder), message, "warning"), *_passed_over(found)]
    return [*_without_image(found, images, used), *_passed_over(found)]


def _passed_over(found: ImageFolder) -> list[Problem]:
    return [replace(problem, message=f"{problem.message}; {_KINDS}") for problem in found.problems()]


def _without_image(found: ImageFolder, images: ImageFolder, used: Collection[str]) -> list[Problem]:
    strays = found.files.keys() - images.files.keys()
    for ids in (used, images.files) if strays else ():
        strays -= {match.id for match in found.names.all_matches(ids).values()}
    by_reason = defaultdict(list)
    remedies: dict[str, str] = {}
    for name in sorted(strays):
        reason, remedy = _reason(found.files[name][0], name, images)
        by_reason[reason].append(name)
        remedies.setdefault(reason, remedy)
    return [
        Problem(
            "mask without image",
            str(found.path),
            f"{found.path}: {len(names)} masks belong to no image, {reason} ({named(names)}); {remedies[reason]}",
            "warning",
        )
        for reason, names in by_reason.items()
    ]


def _entries_without_image(file: Path, images: ImageFolder) -> list[Problem]:
    try:
        instances = read_instances(file)
    except DatasetError:  # as above
        return []
    strays = sorted(instances.files.keys() - images.names.all_matches(instances.files).keys())
    if not strays:
        return []
    message = (
        f"{file}: {len(strays)} of its {len(instances.files)} images have no photograph in {images.path}"
        f" ({named(strays)}); add the photographs, or correct the names"
    )
    return [Problem("mask without image", str(file), message, "warning")]


def _reason(file: Path, name: str, images: ImageFolder) -> tuple[str, str]:
    """Why a mask is no image's, the same text for all of that kind, and what helps this one."""
    base = name.rpartition("/")[2]
    alike = images.names.alike(base) or images.names.within(base)
    if not alike:
        return f"for none in {images.path} bears their names", "correct the names, or take the masks out"
    known = alike[0].rpartition("/")[2]
    if known == base:
        return "for images or masks of that name lie in several folders", f"sort them as {images.path} is"
    reason = "whose names differ in case" if known.lower() == base.lower() else "whose names have more than the images'"
    return reason, f"if {file.name} is the mask of {alike[0]}, call it {known}{file.suffix}"
