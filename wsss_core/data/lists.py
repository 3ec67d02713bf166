"""Lists of a split's images, as VOC, PSA, DeepLab and people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from wsss_core.data.image_folder import ImageFolder
from wsss_core.data.images import SUFFIXES
from wsss_core.data.names import composed, guesses
from wsss_core.data.tables import read_text
from wsss_core.problems import Problem

_SUFFIX = "|".join(suffix[1:] for suffix in SUFFIXES)
# A line of the lists of PSA and DeepLab: image path, blanks, mask path.
_PAIR = re.compile(rf"(.+?\.(?:{_SUFFIX}))\s+\S.*\.(?:{_SUFFIX})", re.IGNORECASE)
# A line of VOC's lists of one class, in ImageSets/Main: id, blanks, whether the image shows the class.
_LABELLED = re.compile(r"(\S.*?)\s+(?:-1|0|1)")


def read_lists(paths: Mapping[str, Path], images: ImageFolder) -> tuple[dict[str, list[str]], list[Problem]]:
    """The ids of the lists of a data set, in their order, and what is to be said of the lists.

    Args:
        paths: split -> its file: one name a line, or PSA's lines of an image path and a mask path, or VOC's of an id
            and -1, 0 or 1; blank lines are passed over. A line that is an id is taken as it stands, blanks and dots
            included.
        images: among which the names are looked up.
    """
    problems = []
    names: dict[str, list[str]] = {}
    for split, path in paths.items():
        names[split], found = _read_names(path, images)
        problems += found
    matches = images.names.all_matches(name for listed in names.values() for name in listed)
    for split, path in paths.items():
        problems += guesses((matches[name] for name in names[split] if name in matches), path)
    ids = {name: match.id for name, match in matches.items()}
    missing = images.names.id_of_missing
    return {split: [ids.get(name) or missing(name) for name in listed] for split, listed in names.items()}, problems


def _read_names(path: Path, images: ImageFolder) -> tuple[list[str], list[Problem]]:
    lines = [line for line in map(composed, map(str.strip, read_text(path).splitlines())) if line]
    labelled = [_LABELLED.fullmatch(line) for line in lines]
    if lines and all(labelled) and not all(map(images.names.knows, lines)):
        message = (
            f"{path} gives each image a -1, 0 or 1, as VOC's lists of one class do; all its images are used, whatever"
            " the number, and tags come from where the others come from"
        )
        return [match[1] for match in labelled if match], [Problem("labelled list", str(path), message, "warning")]
    names = []
    for line in lines:
        pair = None if images.names.knows(line) else _PAIR.fullmatch(line)
        names.append(pair[1] if pair else line)
    return names, []
