"""`wsss check`: everything that can be known of a data set before hours are spent on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from wsss_core.data.agreement import Seen, disagreements, seen
from wsss_core.data.contents import SPLITS, Supervision
from wsss_core.data.index import Index, Record
from wsss_core.data.indexing import examine_images, make_index
from wsss_core.data.listing import scan_listing
from wsss_core.data.masks import Masks, open_masks
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem, printable
from wsss_core.runtime.pool import map_in_order

_SHOWN = 20  # problems of one kind that the text spells out


@dataclass(frozen=True)
class SplitReport:
    """One split.

    Attributes:
        images: usable images.
        without_tags: ids of those whose list of tags is empty; legal, background only.
        masks: images that have a mask.
        differing: those of them whose mask shows other classes than the tags name.
        frequencies: class name -> images that bear it as tag.
    """

    images: int
    without_tags: tuple[str, ...]
    masks: int
    differing: int
    frequencies: dict[str, int]


@dataclass(frozen=True)
class Report:
    """What a data set holds and what is wrong with it; empty but for `problems` where it cannot be opened.

    Attributes:
        format, root: of the data set.
        classes: name of class id i + 1 at place i.
        splits: split -> its counts.
        supervision: "pixels" where the tags are taken from masks.
        problems: errors first.
    """

    format: str
    root: str
    problems: tuple[Problem, ...]
    classes: tuple[str, ...] = ()
    splits: dict[str, SplitReport] = field(default_factory=dict)
    supervision: Supervision = "tags"

    @property
    def ok(self) -> bool:
        """Whether all stages would accept the data set; warnings do not count."""
        return all(problem.severity != "error" for problem in self.problems)

    def text(self) -> str:
        """The report for a terminal, some lines."""
        heading = f"{self.format} data set {self.root}: {len(self.classes)} classes"
        lines = [f"{heading}, supervised by {self.supervision}"]
        for split, counts in self.splits.items():
            without = f"{len(counts.without_tags)} without tags"
            others = f", {counts.differing} of other classes than the tags" if counts.differing else ""
            lines.append(f"  {split:<6} {counts.images:>7} images, {without}, {counts.masks} with a mask{others}")
        if self.splits:
            lines += ["", *self._frequency_table()]
        return "\n".join([*lines, "", *self._problem_lines()])

    def _frequency_table(self) -> list[str]:
        shown = {name: printable(name) for name in self.classes}
        width = max(map(len, ("images with", *shown.values())))
        lines = [f"  {'images with':<{width}}" + "".join(f"{split:>8}" for split in self.splits)]
        for name in self.classes:
            counts = "".join(f"{split.frequencies[name]:>8}" for split in self.splits.values())
            lines.append(f"  {shown[name]:<{width}}{counts}")
        return lines

    def _problem_lines(self) -> list[str]:
        if not self.problems:
            return ["no problems"]
        kinds = defaultdict(list)
        for problem in self.problems:
            kinds[problem.severity, problem.kind].append(problem)
        lines = []
        for (severity, kind), problems in kinds.items():
            lines.append(f"{severity}: {kind} ({len(problems)})")
            lines += [f"  {problem.message}" for problem in problems[:_SHOWN]]
            if len(problems) > _SHOWN:
                lines.append(f"  ... and {len(problems) - _SHOWN} more")
        return lines


def check_dataset(source: Source, *, prepared: Path | None = None, workers: int = 0) -> Report:
    """Read lists, tags, all images and all masks, and report instead of stopping.

    Masks are looked at for their size and values, and held against the tags. Images are decoded by the code that
    `prepare` uses, and lists and tags are read by it, so what is an error here stops `prepare` or the stage that needs
    the mask.

    Args:
        source: the data set.
        prepared: the index that `prepare` wrote; warned of where it is outdated.
        workers: processes; 0 or 1 works in this one.

    Raises:
        ValueError: no such format.
    """
    try:
        listing, problems = scan_listing(source)
    except DatasetError as error:
        return Report(source.format, str(source.root), error.problems)
    records, unreadable = examine_images(listing, source.root, workers=workers)
    index = make_index(listing, records, source)
    problems += unreadable
    problems += _same_content(records)
    problems += _outdated(prepared, index) if prepared else []
    masks: dict[str, Seen | None] = {}
    try:
        masks, unusable = _examine_masks(open_masks(source, index), index, workers=workers)
        problems += unusable
    except DatasetError as error:
        problems += error.problems
    problems += disagreements({split: _seen(index, split, masks) for split in SPLITS}, index.classes)
    return Report(
        format=source.format,
        root=str(source.root),
        problems=tuple(sorted(set(problems), key=lambda found: (found.severity, found.kind, found.message))),
        classes=listing.classes,
        splits={split: _report_split(index, split, masks) for split in SPLITS},
        supervision=listing.supervision,
    )


def _seen(index: Index, split: str, masks: Mapping[str, Seen | None]) -> dict[str, Seen]:
    """What is seen of the images of a split that have a usable mask."""
    return {name: image for name in index.ids(split) if (image := masks.get(name)) is not None}


def _report_split(index: Index, split: str, masks: Mapping[str, Seen | None]) -> SplitReport:
    ids = index.ids(split)
    counts = Counter(tag for name in ids for tag in index[name].tags)
    return SplitReport(
        images=len(ids),
        without_tags=tuple(name for name in ids if not index[name].tags),
        masks=sum(name in masks for name in ids),
        differing=sum(image.classes != image.tags for image in _seen(index, split, masks).values()),
        frequencies={name: counts[label] for label, name in enumerate(index.classes, start=1)},
    )


def _same_content(records: dict[str, Record]) -> list[Problem]:
    by_digest = defaultdict(list)
    for record in records.values():
        by_digest[record.digest].append(record.path)
    return [
        Problem("same image", paths[0], f"{' and '.join(paths)} hold the same image; keep one", "warning")
        for paths in by_digest.values()
        if len(paths) > 1
    ]


def _outdated(prepared: Path, index: Index) -> list[Problem]:
    """A warning where the index written by `prepare` is not that of the data now.

    DVC does not watch a data set outside the repository, so `dvc repro` alone would go on with the old one.
    """
    if not prepared.is_file():
        return []
    try:
        written = Index.open(prepared)
    except DatasetError as error:
        return [replace(problem, severity="warning") for problem in error.problems]
    if (written.format, written.root) != (index.format, index.root):
        return []
    before, now = _entries(written), _entries(index)
    images = before | now
    changed = sum(before.get(name) != now.get(name) for name in images)
    message = (
        f"{prepared} is older than the data: {changed} of {len(images)} images differ in tags, split or file;"
        " run `dvc repro -f prepare`, then `dvc repro`"
    )
    return [Problem("outdated index", str(prepared), message, "warning")] if changed else []


def _entries(index: Index) -> dict[str, tuple]:
    """All that the index says of each image; its tags are ids, which mean nothing without the classes."""
    splits = {split: set(ids) for split, ids in index.splits.items()}
    return {
        name: (record, index.classes, [split for split, ids in splits.items() if name in ids])
        for name, record in index.records.items()
    }


def _examine_masks(truth: Masks, index: Index, *, workers: int) -> tuple[dict[str, Seen | None], list[Problem]]:
    """What each image's mask shows, None for one that is no use, and why it is none."""
    ids = [name for name in sorted(index.records) if truth.available(name)]
    results = map_in_order(partial(_examine_mask, truth, index), ids, workers=workers, chunk=32)
    masks: dict[str, Seen | None] = {}
    problems: list[Problem] = []
    for name, found in zip(ids, tqdm(results, "read masks", len(ids), unit="image"), strict=True):
        masks[name] = found if isinstance(found, Seen) else None
        problems += () if isinstance(found, Seen) else found
    return masks, problems


def _examine_mask(truth: Masks, index: Index, image_id: str) -> Seen | tuple[Problem, ...]:
    try:
        return seen(truth.read(image_id), index[image_id].tags)
    except DatasetError as error:
        return error.problems
