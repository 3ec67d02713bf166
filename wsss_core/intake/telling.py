"""What `wsss init` says of a folder, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from wsss_core.data.images import ImageError, image_size
from wsss_core.data.index import spread
from wsss_core.intake.proposal import Proposal
from wsss_core.intake.recognition import Recognised
from wsss_core.intake.survey import Survey
from wsss_core.problems import named, printable

_EXAMPLES, _SAMPLE = 5, 40
_LARGE = 1000
"""Pixels of a long side from which it is told what photographs of that size cost."""


def text_of(survey: Survey, recognised: Recognised, proposal: Proposal) -> str:
    """The report: format, counts, classes, five examples, what was left out and why."""
    lines = [f"{survey.folder}: {recognised.candidate.shown}"]
    lines += [f"  It also looks like {other.shown}; --format takes that." for other in recognised.others]
    lines += _counts(survey, proposal)
    lines += _classes(proposal)
    lines += ["", "Examples"]
    lines += [f"  {_example(survey, proposal, name)}" for name in spread(sorted(proposal.entries), _EXAMPLES)]
    sections = {"How it was read": proposal.notes, "Left out": proposal.left_out, "To look at": proposal.doubts}
    for heading, sentences in sections.items():
        if sentences:
            lines += ["", heading, *(f"  {printable(sentence)}" for sentence in sentences)]
    return "\n".join(lines)


def _counts(survey: Survey, proposal: Proposal) -> Iterator[str]:
    entries = proposal.entries.values()
    bare = sum(not entry.tags for entry in entries)
    num = {split: len(proposal.ids(split)) for split in ("train", "val")}
    yield f"  {len(proposal.entries)} photographs: {num['train']} train, {num['val']} val; {bare} of them show no class"
    if proposal.unlabelled:
        count = len(proposal.unlabelled)
        yield f"  {count} more are not labelled and not used: {named(sorted(proposal.unlabelled))}"
    yield f"  {_size(survey, proposal)}"
    yield f"  {proposal.masks or 'No true masks: nothing can be measured against them, and nothing needs them.'}"


def _size(survey: Survey, proposal: Proposal) -> str:
    sides = []
    for name in spread(sorted(proposal.entries), _SAMPLE):
        try:
            sides.append(max(image_size(survey.photographs[name])))
        except ImageError:
            continue  # told by `wsss check`, which opens all of them
    if not sides:
        return "None of a sample of photographs can be opened; `wsss check` says why."
    middle = sorted(sides)[len(sides) // 2]
    cost = "" if middle <= _LARGE else (
        f": masks are made at that size, and time grows with the pixels; copies of at most {_LARGE} are usually enough"
    )  # fmt: skip
    return f"Long side: {middle} pixels ({min(sides)} to {max(sides)}, of a sample of {len(sides)}){cost}"


def _classes(proposal: Proposal) -> list[str]:
    counts = {
        split: Counter(tag for name in proposal.ids(split) for tag in proposal.entries[name].tags or ())
        for split in ("train", "val")
    }
    names = sorted({tag for of_split in counts.values() for tag in of_split})
    shown = {name: printable(name) for name in names}
    width = max(map(len, ("images with", *shown.values())))
    heading = f"  {'images with':<{width}}   train     val"
    return ["", heading, *(f"  {shown[n]:<{width}}{counts['train'][n]:>8}{counts['val'][n]:>8}" for n in names)]


def _example(survey: Survey, proposal: Proposal, name: str) -> str:
    entry = proposal.entries[name]
    return printable(f"{survey.below(survey.photographs[name])}: {_tags(entry.tags or ())} ({entry.split})")


def _tags(tags: Sequence[str]) -> str:
    return ", ".join(tags) or "none of the classes"
