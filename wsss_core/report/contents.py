"""What the page of each graph shows: its rows, curves, strips, and the artifacts that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsss_core import layout
from wsss_core.report import chapters, strips, tables
from wsss_core.report.chapters import Chapter
from wsss_core.report.strips import Column


@dataclass(frozen=True)
class Contents:
    """What one page holds and needs.

    Attributes:
        page: name of its file, without the suffix.
        rows: of the table, names of metrics files.
        trainings: name of a history -> its title.
        needed: folder -> the stage or the graph that makes it, all of which must be there.
        counted: title -> folder of label maps of the training split, whose pixels are counted.
        networks: method -> title of the predictions on the validation split.
        snapshots: the folder of labels of several moments; None without.
        train: what is shown of each training image, where that is neither the pipeline's nor snapshots.
        val: what is shown of each validation image beside the networks' predictions.
        saliency: metrics file of the saliency maps that the page is about; empty without.
        without_masks: whether the page shows what is known without masks: the classifier's scores, agreement of stages.
        subject: what the page's title names; empty on the pipeline's.
        goals: a row -> the row that it should score above; the page says where it does not.
        unfolded: rows whose confusion matrix is open; the others' are folded away.
        notes: sentences that the reader must know.
        chapters: the stages that have pages of their own, in their order; with any, the report has a folder of pages.
    """

    page: str
    rows: Sequence[str]
    trainings: Mapping[str, str]
    needed: Mapping[Path, str | Path]
    counted: Mapping[str, Path]
    networks: Mapping[str, str]
    snapshots: Path | None = None
    train: Sequence[Column] | None = None
    val: Sequence[Column] = ()
    saliency: str = ""
    without_masks: bool = False
    subject: str = ""
    goals: Mapping[str, str] = field(default_factory=dict)
    unfolded: Sequence[str] = ()
    notes: Sequence[str] = ()
    chapters: Sequence[Chapter] = ()

    @property
    def folder(self) -> Path | None:
        """Where the pages of stages and the image browser lie; None where all stands on one page."""
        return layout.REPORTS / self.page if self.chapters else None

    @property
    def snapshot_scores(self) -> Path | None:
        """The CSV of how good the snapshots are."""
        return layout.PLOTS / f"{self.page}_labels.csv" if self.snapshots else None


@dataclass(frozen=True)
class Compared:
    """Where the figures of one line of the table of all methods lie.

    Attributes:
        name: of its model, predictions and metrics.
        labels: metrics file of the pseudo-labels of the training split that its network learns; None where it keeps
            none.
        saliency: metrics file of saliency maps that it makes; None without.
        trainings: histories of all trainings from photographs to network.
        title: what the table calls it, where not as everywhere.
        note: what a reader of its line must know.
    """

    name: str
    labels: str | None
    saliency: str | None
    trainings: tuple[str, ...]
    title: str = ""
    note: str = ""


def with_cam(used: bool, *trainings: str) -> tuple[str, ...]:
    """The trainings, behind that of the CAM network where they begin with it."""
    return (*(["train_cam"] if used else []), *trainings)


def of_pipeline(*methods: str) -> Contents:
    """The default graph's page, or that of further networks beside it."""
    further = {name: tables.title(name) for name in methods}
    return Contents(
        saliency="saliency",
        without_masks=not methods,
        page=methods[0] if methods else "report",
        subject=tables.title(methods[0]) if methods else "",
        rows=(*tables.PIPELINE, *methods),
        trainings={"train_cam": "CAM network", "train_affinity": "AffinityNet", "deeplab": "DeepLab", **further},
        needed={
            layout.CAMS: "infer_cam",
            layout.CAM_CRF: "cam_crf",
            layout.AFFINITY_LABELS: "affinity_labels",
            layout.RANDOM_WALK: "random_walk",
            layout.FUSED: "fuse",
            layout.PSEUDO_LABELS: "refine_crf",
        },
        counted={
            "affinity labels": layout.AFFINITY_LABELS,
            "fused": layout.FUSED,
            "pseudo-labels": layout.PSEUDO_LABELS,
        },
        networks={"deeplab": tables.title("deeplab"), **further},
        goals={"pseudo_labels": tables.ROW_TO_BEAT},
        unfolded=("pseudo_labels", "deeplab"),
        chapters=() if methods else chapters.PIPELINE,
    )


def of_comparison(names: Sequence[str], *, notes: Sequence[str]) -> Contents:
    """The page of all methods that ran: their figures and what they predict for the same images."""
    titles = {name: tables.title(name) for name in names}
    return Contents(
        page="compare", rows=tuple(names), trainings={}, needed={}, counted={}, networks=titles, train=(),
        subject="all methods", notes=notes,
        unfolded=tuple(name for name in names if name != tables.UPPER_BOUND),
    )


def training_columns(contents: Contents, *, oracle_threshold: float | None) -> list[Column]:
    """What the page shows of each training image."""
    if contents.train is not None:
        return list(contents.train)
    if contents.snapshots is None:
        return strips.training_columns(oracle_threshold=oracle_threshold)
    made = contents.counted.items()
    labels = [Column(title.capitalize(), "labels", strips.labels_in(folder)) for title, folder in made]
    return [*strips.snapshot_columns(contents.snapshots), *labels]


def training_ids(contents: Contents, ids: Sequence[str]) -> list[str]:
    """The training images that the page can show: all, or those of which snapshots were kept."""
    if contents.snapshots is None:
        return list(ids)
    return [image_id for image_id in ids if strips.has_snapshots(contents.snapshots, image_id)]
