"""Class names as they come out of folders and tools: renamed where that is asked for, and looked at."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wsss_core.data.class_names import NEARLY_ALL, NO_OBJECT, NO_VALUE
from wsss_core.intake.records import Entry, joined
from wsss_core.problems import layout_error, named, suggestion
from wsss_core.voc import IGNORE_INDEX

FEW = 20
"""Photographs of a class below which little can be learnt of it."""
_NONE_OF_THEM = {*NO_OBJECT, *NO_VALUE, "negative", "negatives", "neg", "normal", "noobject", "noobjects", "noclass"}
"""What people call photographs that show none of the classes, in small letters without signs."""


def renamed(entries: Mapping[str, Entry], names: Mapping[str, str], *, folder: Path) -> dict[str, Entry]:
    """The entries with other class names: `names` holds old -> new; a class that is renamed to nothing is left out.

    Raises:
        DatasetError: no photograph has such a tag; names the nearest.
    """
    known = sorted({tag for entry in entries.values() for tag in entry.tags or ()})
    for old in names:
        if old not in known:
            hint = suggestion(old, known) or f"; there are {named(known)}"
            raise layout_error(folder, f"--rename {old!r}: no photograph has this tag{hint}")
    return {
        name: entry if entry.tags is None else replace(entry, tags=joined([names.get(tag, tag) for tag in entry.tags]))
        for name, entry in entries.items()
    }


def without_no_class(
    entries: Mapping[str, Entry], *, kept: frozenset[str] = frozenset()
) -> tuple[dict[str, Entry], list[str]]:
    """The entries without tags that stand for nothing, such as `background` and `negative`, and sentences on them."""
    counts = Counter(tag for entry in entries.values() for tag in entry.tags or ())
    nothing = {tag for tag in counts if re.sub(r"[\W_]+", "", tag.casefold()) in _NONE_OF_THEM and tag not in kept}
    told = [
        f"{tag!r} ({counts[tag]} photographs) is taken to mean that none of the classes is to be seen. If it is a thing"
        f" to be found, give it a name of its own: --rename {tag!r}=NAME."
        for tag in sorted(nothing)
    ]
    cleaned = {
        name: entry
        if entry.tags is None
        else replace(entry, tags=tuple(tag for tag in entry.tags if tag not in nothing))
        for name, entry in entries.items()
    }
    return cleaned, told


def require_something_to_learn(entries: Mapping[str, Entry], folder: Path, left_out: Sequence[str] = ()) -> None:
    """A class can be found only where some photographs show it and others do not.

    `left_out` are sentences on what is missing among the entries, which may be why.

    Raises:
        DatasetError: no photograph has a tag, all have all tags, there are more classes than a mask can hold, or a
            name cannot be written to a file.
    """
    labelled = [entry.tags for entry in entries.values() if entry.tags is not None]
    counts = Counter(tag for tags in labelled for tag in tags)
    if not counts:
        told = f"no photograph in it has a tag, so there is nothing to learn; add tags{_beside(left_out)}"
        raise layout_error(folder, told)
    broken = sorted(tag for tag in counts if any("\ud800" <= sign <= "\udfff" for sign in tag))
    if broken:  # half a surrogate pair, which JSON can hold and no file can
        raise layout_error(folder, f"the class name {broken[0]!a} holds half a character; correct it where it is named")
    if len(counts) >= IGNORE_INDEX:
        raise layout_error(
            folder, f"it has {len(counts)} classes, where 1 to {IGNORE_INDEX - 1} fit; merge some by --rename OLD=NEW"
        )
    if min(counts.values()) == len(labelled):
        what = f"the one class {next(iter(counts))!r}" if len(counts) == 1 else f"all {len(counts)} classes"
        raise layout_error(
            folder,
            f"all {len(labelled)} photographs bear {what}. Only photographs without a class teach a network where it"
            " is: add some, about as many, of the same kind of scene (in a sub-folder `background`, or with an empty"
            f" cell in the table){_beside(left_out)}",
        )


def _beside(left_out: Sequence[str]) -> str:
    return f". Left out: {' '.join(left_out)}" if left_out else ""


def doubts(entries: Mapping[str, Entry]) -> Iterator[str]:
    """Sentences on classes that may be meant otherwise or that little can be learnt of, each with the way out."""
    labelled = [entry.tags for entry in entries.values() if entry.tags is not None]
    counts = Counter(tag for tags in labelled for tag in tags)
    yield from _alike(counts)
    if all(tag.isdecimal() for tag in counts):
        yield f"The classes are but numbers ({named(sorted(counts))}): name them by --rename {min(counts)}=NAME."
    few = [f"{tag} {count}" for tag, count in sorted(counts.items()) if count < FEW]
    if few:
        have = "1 class has" if len(few) == 1 else f"{len(few)} classes have"
        yield f"{have} fewer than {FEW} photographs ({named(few)}), of which little can be learnt."
    for tag, count in counts.items():
        if count > NEARLY_ALL * len(labelled):
            yield (
                f"{tag!r} is a tag of {count} of {len(labelled)} photographs: only those without a class teach where it"
                " is, so its masks will be poor; add photographs that do not show it."
            )


def _alike(counts: Counter) -> Iterator[str]:
    groups = defaultdict(list)
    for tag in counts:
        groups[re.sub(r"[\W_]+", "", tag.casefold())].append(tag)
    for alike in groups.values():
        if len(alike) > 1:
            most = max(alike, key=lambda tag: (counts[tag], tag))
            ways = " ".join(f"--rename {tag + '=' + most!r}" for tag in sorted(alike) if tag != most)
            yield f"{' and '.join(map(repr, sorted(alike)))} look like one class. To merge them: {ways}."
