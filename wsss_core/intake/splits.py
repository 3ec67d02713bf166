"""Splits: what folders, documents and cells call them, and one made where there is none."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from wsss_core import manifests
from wsss_core.intake.records import Entry

HELD_OUT = 0.1
"""Share of the photographs that a split holds out for validation."""
_FEWEST = 5
"""Photographs whose rarest tag is one, of which at least one is held out."""
_NAMES = {
    "train": ("train", "training", "trainset"),
    "val": ("val", "valid", "validation", "dev", "eval"),
    "test": ("test", "testing", "testset"),
}
SPLIT_OF = {name: split for split, names in _NAMES.items() for name in names}
"""What people call a split, in small letters -> train, val or test."""
_WORDS = re.compile(r"[a-z]+")
_COPY = re.compile(r"\.rf\.[^/]*$")
"""What Roboflow puts behind the name of a photograph for each of its augmented copies."""


def split_in(path: PurePath | str) -> str:
    """The split that a path names, by a folder of it or a word of its name; "" where it names none, or two."""
    words = {word for part in PurePath(path).parts for word in _WORDS.findall(part.lower())}
    named = {SPLIT_OF[word] for word in words if word in SPLIT_OF}
    return named.pop() if len(named) == 1 else ""


def split_of_folder(image_id: str) -> str:
    """The split of whose name a folder of a photograph is; "" where none is."""
    return next((SPLIT_OF[part] for part in image_id.lower().split("/")[:-1] if part in SPLIT_OF), "")


def source_of(image_id: str) -> str:
    """The photograph of which this is an augmented copy, or it itself: copies are never kept apart."""
    return _COPY.sub("", image_id)


def make_split(
    entries: Mapping[str, Entry], *, known: Mapping[str, str], held_out: float = HELD_OUT
) -> dict[str, str]:
    """A split of the photographs that were looked at: "train" or "val" for each.

    Photographs of one rarest tag form a group; of each group the share `held_out` is val, those whose names have the
    smallest digests. So the split depends on names and tags alone, each class is in both parts, and what `known` gives
    a split keeps it when photographs are added. Augmented copies of a photograph stay together.

    Args:
        entries: id -> what is said of it; those that nobody has looked at get no split.
        known: id -> the split that it has already.
        held_out: in [0, 1).
    """
    copies: dict[str, list[str]] = defaultdict(list)
    for name, entry in entries.items():
        if entry.tags is not None:
            copies[source_of(name)].append(name)
    counts = Counter(tag for source in copies for tag in _tags(copies[source], entries))
    groups: dict[str, list[str]] = defaultdict(list)
    for source in copies:
        rarest = min(_tags(copies[source], entries), key=lambda tag: (counts[tag], tag), default="")
        groups[rarest].append(source)
    given = {source: split for source, names in copies.items() if (split := _known(names, known))}
    made: dict[str, str] = {}
    for group in groups.values():
        wanted = max(round(held_out * len(group)), 1 if held_out and len(group) >= _FEWEST else 0)
        wanted -= sum(given.get(source) == "val" for source in group)
        free = sorted((source for source in group if source not in given), key=_digest)
        held = set(free[: max(wanted, 0)])
        for source in group:
            split = given.get(source, "val" if source in held else "train")
            made |= dict.fromkeys(copies[source], split)
    return made


def _tags(names: Iterable[str], entries: Mapping[str, Entry]) -> set[str]:
    return {tag for name in names for tag in entries[name].tags or ()}


def _known(names: Iterable[str], known: Mapping[str, str]) -> str:
    splits = Counter(split for name in names if (split := known.get(name, "")))
    return splits.most_common(1)[0][0] if splits else ""


def _digest(name: str) -> str:
    return manifests.bytes_digest(name.encode())
