"""Which split each photograph is in: as the folder says, or one that is made and written down."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wsss_core.intake import texts
from wsss_core.intake.records import Entry
from wsss_core.intake.splits import SPLIT_OF, make_split, split_of_folder
from wsss_core.intake.survey import Survey
from wsss_core.problems import DatasetError, named

USED = ("train", "val")


def with_splits(
    survey: Survey, entries: Mapping[str, Entry], table: Path | None, *, held_out: float
) -> tuple[dict[str, Entry], list[str], bool]:
    """The entries with a split each, sentences on how they came by it, and whether some of it was made here.

    Splits are those of the layout, else of the folders, else of lists such as `train.txt`. Where they name no
    validation, `test` takes its place, or some of the training is held out: what the table has written down stays.

    Args:
        survey: the folder.
        entries: all photographs; those that nobody has looked at keep their split.
        table: that of an earlier time; None without.
        held_out: share of the photographs of each rarest tag that are held out.
    """
    given, told = _given(survey, entries)
    looked_at = {name: split for name, split in given.items() if entries[name].tags is not None}
    counts = Counter(looked_at.values())
    is_made = False
    if counts["train"] and not counts["val"] and counts["test"]:
        told.append("There is no validation split: the photographs of `test` take its place.")
        given = {name: "val" if split == "test" else split for name, split in given.items()}
    elif not (counts["train"] and counts["val"]):
        others = sorted(counts.keys() - {"", *USED, "test"})
        if others:
            told.append(f"Splits called {named(others)} are neither training nor validation and are not used as such.")
        apart = {name for name, split in looked_at.items() if split == "test"}
        free = {name: entry for name, entry in entries.items() if name not in apart}
        known = known_splits(table, survey)
        made, is_made = make_split(free, known=known, held_out=held_out), True
        given = {name: made.get(name, given[name]) for name in entries}
        told.append(_how_made(made, known, held_out))
    elif counts[""]:
        used = {name: split for name, split in looked_at.items() if split in USED}
        free = {name: entry for name, entry in entries.items() if looked_at.get(name) in ("", *USED)}
        is_made = True
        given |= make_split(free, known=known_splits(table, survey) | used, held_out=held_out)
        told.append(f"{counts['']} photographs without a split are put into train or val by a digest of their names.")
    return {name: replace(entry, split=given[name]) for name, entry in entries.items()}, told, is_made


def _how_made(made: Mapping[str, str], known: Mapping[str, str], held_out: float) -> str:
    held = sum(split == "val" for split in made.values())
    kept = sum(name in known for name in made)
    before = f"; {kept} keep the split that the table has written down" if kept else ""
    return (
        f"No split is given: {held} of {len(made)} photographs are held out as val ({100 * held_out:.0f} % of those of"
        f" each rarest tag, by a digest of their names){before}."
    )


def _given(survey: Survey, entries: Mapping[str, Entry]) -> tuple[dict[str, str], list[str]]:
    """The split of each photograph by its layout, else by folders, else by lists; and what was looked at."""
    given = {name: entry.split for name, entry in entries.items()}
    if any(given.values()):
        return given, []
    by_folder = {name: split_of_folder(name) for name in entries}
    if all(by_folder.values()):
        return by_folder, ["The folders say which split a photograph is in."]
    lists = [path for path in survey.documents(".txt") if path.stem.lower() in SPLIT_OF]
    for path in lists:
        for name in survey.find(texts.first_words(path), near=path).values():
            if name in given:
                given[name] = SPLIT_OF[path.stem.lower()]
    listed = named([survey.below(path) for path in lists])
    return given, [f"{listed} say which split a photograph is in."] if any(given.values()) else []


def known_splits(table: Path | None, survey: Survey) -> dict[str, str]:
    """id -> train or val, as the table of an earlier time has it; empty where there is none that can be read."""
    rows = {} if table is None else read_table(table)
    found = survey.find(rows)
    return {found[name]: rows[name][1] for name in found if rows[name][1] in USED}


def read_table(table: Path) -> dict[str, tuple[str, str]]:
    """Name of an image -> the cells of its labels and split, of a table of ours; empty where there is none."""
    try:
        text, _ = texts.read_text(table)
    except DatasetError:
        return {}
    rows = csv.DictReader(text.splitlines())
    return {row["image"]: (row.get("labels") or "", row.get("split") or "") for row in rows if row.get("image")}
