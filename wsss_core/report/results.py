"""What the pages of a report show, apart from the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsss_core.evaluation.label_shares import LabelShares
from wsss_core.report import tables
from wsss_core.report.contents import Chapter
from wsss_core.report.strips import Strip


@dataclass(frozen=True)
class Results:
    """What the page shows, apart from the data set.

    Attributes:
        metrics, history, plots, confusions, classes: folders of JSON figures, training TSVs, CSV curves, CSV confusion
            counts, CSV tables of classes.
        strips: heading -> the strips below it.
        label_shares: what label maps are counted -> their shares.
        settings: name -> value of what the page's head states (seed, backbone).
        links: other report pages beside this one.
        notes: sentences on what is absent and why.
        rows: names of the metrics files, in the table's order. A page shows what its graph made sure is up to date,
            not what happens to lie in the folders.
        trainings: name of a history -> its title.
        moments: a CSV of how good the labels were that a network made for itself, by step.
        saliency: name of the metrics file of saliency maps; empty without.
        without_masks: whether the classifier's scores and the agreement of stages are shown.
        comparison: header and lines of a table of methods; empty on other pages.
        over_seeds: header and lines of the table over seeds; empty where none ran.
        subject: the method that the page is about; empty on the pipeline's.
        unfolded: rows whose confusion matrix is open; the others' are folded away.
        chapters: the stages that have pages of their own.
        folder: of these pages and the image browser, relative to the index; empty without.
    """

    metrics: Path
    history: Path
    plots: Path
    confusions: Path
    classes: Path
    strips: Mapping[str, Sequence[Strip]]
    label_shares: Mapping[str, LabelShares]
    settings: Mapping[str, str]
    links: Sequence[Path] = ()
    notes: Sequence[str] = ()
    rows: Sequence[str] = tuple(tables.PIPELINE)
    trainings: Mapping[str, str] = field(default_factory=dict)
    snapshot_scores: Path | None = None
    saliency: str = ""
    without_masks: bool = False
    comparison: Sequence[Sequence[str]] = ()
    over_seeds: Sequence[Sequence[str]] = ()
    subject: str = ""
    unfolded: Sequence[str] = ()
    chapters: Sequence[Chapter] = ()
    folder: str = ""
