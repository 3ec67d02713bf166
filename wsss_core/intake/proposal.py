"""A folder as a data set of the project: everything that `wsss init` tells and writes, before it writes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wsss_core.data.names import Names
from wsss_core.intake import copies, mask_folders, table, tags
from wsss_core.intake.placing import USED, with_splits
from wsss_core.intake.recognition import Recognised
from wsss_core.intake.records import Entry
from wsss_core.intake.survey import Survey
from wsss_core.problems import layout_error, named


@dataclass(frozen=True)
class Proposal:
    """What would be written, and what is to be told.

    Attributes:
        dataset: the keys of that section that are to be set.
        entries: what is used: id below the folder -> tags and split.
        unlabelled: photographs that nobody has looked at.
        table: the text of the table of tags; "" where the folder's own files are read.
        notes: how the folder was read and split.
        left_out: what is not used, and why.
        doubts: what may be meant otherwise.
        masks: what is known of true masks; "" without any.
    """

    dataset: dict[str, object]
    entries: dict[str, Entry]
    unlabelled: tuple[str, ...]
    table: str
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    doubts: tuple[str, ...]
    masks: str

    def ids(self, split: str) -> list[str]:
        """The ids of "train" or "val"."""
        return [name for name, entry in self.entries.items() if entry.split == split]


def propose(
    survey: Survey, recognised: Recognised, *, names: Mapping[str, str], target: Path, before: Path | None,
    held_out: float,
) -> Proposal:
    """What the project would make of a folder; nothing is written.

    Args:
        survey, recognised: the folder, and what its layout holds.
        names: other names for classes, old -> new.
        target: where a table of tags would be written.
        before: the table of an earlier time for this folder, whose splits stay; None without.
        held_out: share of the photographs that are held out where the folder names no split.

    Raises:
        DatasetError: there is nothing in the folder that can be learnt, or the project cannot read it.
    """
    found = recognised.found
    entries = tags.renamed(found.entries, names, folder=survey.folder)
    entries, nothing = tags.without_no_class(entries, kept=frozenset(names.values()))
    entries, copy_of, of_copies = copies.without_copies(entries, survey.photographs)
    left_out = (*found.left_out, *of_copies, *survey.left_out())
    tags.require_something_to_learn(entries, survey.folder, left_out)
    entries, of_splits, is_made = with_splits(survey, entries, before, held_out=held_out)
    used = {name: entry for name, entry in entries.items() if entry.tags is not None and entry.split in USED}
    classes = _classes(used, found.classes, names)
    masks, of_masks = _masks(survey, recognised, used, classes)
    keys = table.dataset_keys(survey, used, classes=classes, table=target, masks=masks)
    unlabelled = tuple(name for name in survey.photographs if name not in copy_of and _is_open(entries.get(name)))
    proposal = Proposal(
        keys, used, unlabelled, "",
        notes=(*found.notes, *survey.guesses(recognised.candidate.clue.documents), *nothing, *of_splits),
        left_out=(*left_out, *_apart(entries)),
        doubts=tuple(tags.doubts(used)),
        masks=of_masks,
    )  # fmt: skip
    alike = keys if found.own.get("format") == keys["format"] else {"root": keys["root"]}
    own = {**alike, **found.own}
    if found.own and not (names or nothing or copy_of or is_made) and not table.disagreement(survey, used, own):
        return replace(proposal, dataset=own)
    return _with_table(proposal, survey, entries, copy_of)


def _with_table(
    proposal: Proposal, survey: Survey, entries: Mapping[str, Entry], copy_of: Mapping[str, str]
) -> Proposal:
    text = table.text_of(survey, entries, copy_of, proposal.dataset)
    differs = table.disagreement(survey, proposal.entries, proposal.dataset, text)
    if differs:
        raise layout_error(survey.folder, f"the table that was made of it cannot be used: {differs}")
    return replace(proposal, table=text)


def _is_open(entry: Entry | None) -> bool:
    return entry is None or entry.tags is None


def _apart(entries: Mapping[str, Entry]) -> list[str]:
    others = sorted(name for name, entry in entries.items() if entry.tags is not None and entry.split not in USED)
    splits = sorted({entries[name].split for name in others})
    return [f"{len(others)} photographs of the split {named(splits)} are used for nothing."] if others else []


def _classes(
    used: Mapping[str, Entry], numbered: tuple[str, ...] | None, names: Mapping[str, str]
) -> tuple[str, ...]:
    """The names in the order of the layout's own numbers, or sorted; without those that no photograph bears."""
    there = {tag for entry in used.values() for tag in entry.tags or ()}
    ordered = dict.fromkeys(names.get(name, name) for name in numbered or ())
    return (*(name for name in ordered if name in there), *sorted(there - ordered.keys()))


def _masks(
    survey: Survey, recognised: Recognised, used: Mapping[str, Entry], classes: tuple[str, ...]
) -> tuple[Path | None, str]:
    """Where true masks lie, and a sentence on them; None where there are none that fit the classes.

    Raises:
        DatasetError: they lie where the project looks for masks, and do not fit the classes.
    """
    if recognised.found.masks is not None:
        return recognised.found.masks, f"The outlines of {survey.below(recognised.found.masks)} are the true masks."
    folders = mask_folders.chosen(survey.mask_folders)
    if len(folders) != 1:
        several = f"{len(folders)} folders hold masks ({named(folders)}) and are not used: put them into one."
        return None, several if folders else ""
    folder = survey.folder / folders[0]
    files = {name: paths[0] for name, paths in survey.images.files.items() if name.startswith(f"{folders[0]}/")}
    below = {name.removeprefix(f"{folders[0]}/"): path for name, path in files.items()}
    matches = Names(below, folder).all_matches(used)
    of_split = {split: sum(used[name].split == split for name in matches) for split in USED}
    counts = f"{len(matches)} of {len(used)} photographs have a true mask in {folders[0]} ({of_split['train']} train,"
    counts += f" {of_split['val']} val)"
    misfit = mask_folders.misfit([below[match.id] for match in matches.values()], num_classes=len(classes))
    if not misfit:
        order = ", ".join(f"{number} = {name}" for number, name in enumerate(classes, start=1))
        return folder, f"{counts}: 0 is background, {order}; `wsss check` holds them against the tags."
    told = f"{counts}, but they do not fit the classes: {misfit}"
    if folder == survey.folder / "masks":
        raise layout_error(folder, f"{told}; correct them, or rename the folder, for the project looks for masks there")
    return None, f"{told}. They are not used."
