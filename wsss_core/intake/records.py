"""What every layout is read to: photographs, their tags, their splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """What a layout says of one photograph.

    Attributes:
        tags: class names, each once; empty = it was looked at and shows none of them; None = nobody has looked.
        split: "train", "val", "test", or "" where the layout names none.
    """

    tags: tuple[str, ...] | None
    split: str = ""


@dataclass
class Found:
    """What a layout holds.

    Attributes:
        entries: id of a photograph, its path below the folder without suffix -> what is said of it.
        classes: names in the order of the layout's own numbers; None where it numbers none.
        notes: sentences on how it was read.
        left_out: sentences on what was not used, and why.
        masks: an instances JSON with outlines; None without.
        own: `dataset` keys with which the project reads the folder as it lies; empty where it can't.
    """

    entries: dict[str, Entry]
    classes: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    masks: Path | None = None
    own: dict[str, str | list[str] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Clue:
    """That a folder may have a layout.

    Attributes:
        why: what was seen, in a clause.
        documents: the files that hold it; empty where the folders themselves do.
        is_sure: whether nothing but this layout looks so; what is not sure counts only where nothing else is found.
    """

    why: str
    documents: tuple[Path, ...] = ()
    is_sure: bool = True


@dataclass(frozen=True)
class Options:
    """What the user has decided where a folder does not tell.

    Attributes:
        column: heading of the column, or name of the field, that holds the tags; None = what looks like it.
        separator: between the tags of a cell; "space", "none"; None = what the cells look like.
        unknown_is_absent: whether cells that say "not known" count as "is not there".
    """

    column: str | None = None
    separator: str | None = None
    unknown_is_absent: bool = False


def joined(tags: list[str]) -> tuple[str, ...]:
    """The tags without blanks around them, each once, in their order; empty ones are none."""
    return tuple(dict.fromkeys(bare for tag in tags if (bare := tag.strip())))
