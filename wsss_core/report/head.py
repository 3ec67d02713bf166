"""What stands at the head of a report: the data set, the software, and what the reader must know of the figures."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from wsss_core import supervision
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.report import tables

PACKAGES = ("numpy", "pillow", "scikit-image", "scipy", "timm", "torch", "torchvision")


def facts(index: Index, truth: Masks, rows: Sequence[tables.Row]) -> dict[str, str]:
    """Name -> value: of what data the figures of these rows are, and by what they were supervised."""
    counts = {split: len(index.ids(split)) for split in ("train", "val")}
    masks = {split: sum(truth.available(name) for name in index.ids(split)) for split in counts}
    shown = {split: f"{counts[split]} images, {masks[split]} with a mask" for split in counts}
    source = "image tags" if index.supervision == "tags" else "image tags taken from masks (pixels)"
    letters = {supervision.without_number(row.kind) for row in rows}
    if letters & {supervision.SALIENCY, supervision.SALIENCY_AND_SOME}:
        source += f", and saliency learnt from masks of other pictures ({supervision.SALIENCY})"
    if corrected := _corrected(rows):
        source += f", and masks corrected by hand ({', '.join(corrected)})"
    return {
        "Data set": f"{index.format}, {index.root}",
        "Train": shown["train"],
        "Val": shown["val"] if counts["val"] else "empty",
        "Supervision": source,
    }


def notes_on_supervision(rows: Sequence[tables.Row]) -> list[str]:
    """Which of the rows do not compare."""
    kinds, notes = {row.kind for row in rows}, []
    if {supervision.TAGS, supervision.SALIENCY} <= kinds:
        notes.append(
            f"Rows marked {supervision.SALIENCY} learnt saliency from masks of other pictures, rows marked"
            f" {supervision.TAGS} know image tags alone: figures of both kinds do not compare."
        )
    notes += [
        f"Rows marked {kind} learnt masks that somebody corrected by hand: their figures do not compare with those of"
        " rows without." for kind in _corrected(rows)
    ]  # fmt: skip
    return notes


def _corrected(rows: Sequence[tables.Row]) -> list[str]:
    """The kinds of supervision among the rows that hold masks corrected by hand, the weakest first."""
    return sorted({row.kind for row in rows} - supervision.MEANING.keys(), key=supervision.strength)


def software() -> str:
    """The versions of what computes."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} (not installed)")
    return ", ".join([f"Python {platform.python_version()}", *versions])


def notes(index: Index, truth: Masks, metrics: Path) -> list[str]:
    """What is absent, and why."""
    notes = _notes_on_few_masks(index, truth)
    if index.supervision != "tags":
        notes.append("Only the masks name the classes of these images: the tags come from pixel labels.")
    if not any(truth.available(name) for name in index.ids("train")):
        notes.append(
            "No training image has a mask, so the quality of CAM, walk and labels cannot be measured, and the"
            " CAM is shown as heat only: its oracle threshold is chosen on masks. What can be known without: how far"
            " stages agree, the classifier's scores, and `wsss sheet`, a page of random images to judge by eye."
        )
    if not index.ids("val"):
        notes.append("The validation split is empty, so there is no prediction to look at or to measure.")
    elif not any(truth.available(name) for name in index.ids("val")):
        notes.append("No validation image has a mask, so the quality of predictions cannot be measured.")
    elif not (metrics / f"{tables.UPPER_BOUND}.json").exists():
        notes.append(
            "The upper bound, the same DeepLab on true masks, has a page of its own:"
            " `dvc repro pipelines/full_supervision/dvc.yaml` makes it."
        )
    return notes


def _notes_on_few_masks(index: Index, truth: Masks) -> list[str]:
    """A sentence for each split of which some images have a mask and others none."""
    notes = []
    for split in ("train", "val"):
        ids = index.ids(split)
        masks = sum(truth.available(name) for name in ids)
        if 0 < masks < len(ids):
            notes.append(f"Figures on {split} rest on the {masks} of its {len(ids)} images that have a mask.")
    return notes


def classes(index: Index) -> list[dict]:
    """Each class with its colour and how many images of either split are tagged with it."""
    counts = {
        split: Counter(tag for name in index.ids(split) for tag in index[name].tags)
        for split in ("train", "val")
    }
    return [
        {"name": name, "label": label, "train": counts["train"][label], "val": counts["val"][label]}
        for label, name in enumerate(index.classes, start=1)
    ]
