"""A sub-folder of photographs for each class."""

from __future__ import annotations

import re

from wsss_core.data.names import composed
from wsss_core.intake.mask_folders import is_name_of_masks
from wsss_core.intake.records import Clue, Entry, Found, Options
from wsss_core.intake.splits import SPLIT_OF, split_in
from wsss_core.intake.survey import Survey
from wsss_core.problems import named

TITLE = "a sub-folder of photographs for each class"
_NO_CLASS = {
    "images", "image", "img", "imgs", "jpegimages", "photos", "pictures", "data", "all", "unlabeled", "unlabelled",
}  # fmt: skip
"""Names of folders that say nothing of what is in them."""
_PORTION = re.compile(r"[\W\d_]*(batch|part|set|session|day|camera|cam|dcim|canon|chunk|shard|week)?[\W\d_]*")
"""Of names that number portions of photographs, and are hardly those of classes."""
_FEWEST = 0.95
"""Share of the photographs that must lie in a folder of a class."""


def recognise(survey: Survey) -> list[Clue]:
    """All photographs lie one level down, below the folders of splits where there are such."""
    places = _places(survey)
    classes = sorted({of_class for _, of_class in places.values()})
    if all(map(split_in, classes)) or len(places) < _FEWEST * len(survey.photographs):
        return []
    is_sure = len(classes) > 1 and not all(_PORTION.fullmatch(name.lower()) for name in classes)
    count = "1 folder" if len(classes) == 1 else f"{len(classes)} folders"
    return [Clue(f"{count} of photographs: {named(classes)}", is_sure=is_sure)]


def _has_splits(survey: Survey) -> bool:
    """Whether the first folders are splits: all are named so, and classes lie below them."""
    tops = {name.partition("/")[0].lower() for name in survey.photographs}
    return tops <= SPLIT_OF.keys() and any(name.count("/") > 1 for name in survey.photographs)


def _places(survey: Survey) -> dict[str, tuple[str, str]]:
    """id -> (split, class) of the photographs that lie in a class's folder."""
    has_splits, places = _has_splits(survey), {}
    for name in survey.photographs:
        parts = name.split("/")
        split = SPLIT_OF[parts.pop(0).lower()] if has_splits else ""
        if len(parts) == 2 and parts[0].lower() not in _NO_CLASS and not is_name_of_masks(parts[0]):
            places[name] = split, parts[0]
    return places


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The name of its folder is the tag of a photograph."""
    places = _places(survey)
    found = Found({name: Entry((of_class,), split) for name, (split, of_class) in places.items()})
    classes = {of_class for _, of_class in places.values()}
    empty = sorted(
        composed(path.name)
        for path in survey.folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in classes
        and not any(name.startswith(f"{composed(path.name)}/") for name in survey.images.files)
    )  # fmt: skip
    if empty and not _has_splits(survey):
        found.left_out.append(f"{len(empty)} folders hold no photograph and are no classes: {named(empty)}.")
    found.notes.append(
        "A photograph shows what its folder says and nothing else: where photographs show several classes, a table of"
        " tags says more, and the masks get better."
    )
    return found
