"""What the page of each graph shows: its rows, curves, strips, and the artifacts that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss_core import layout
from wsss_core.report import strips, tables
from wsss_core.report.strips import Column

TWO_STEPS = ("rrm",)
"""Methods whose graph trains a second network on the first one's labels."""


@dataclass(frozen=True)
class Contents:
    """Of one page.

    Attributes:
        page: name of its file, without the suffix.
        rows: of the table, names of metrics files.
        trainings: name of a history -> its title.
        needed: folder -> the stage or the graph that makes it, all of which must be there.
        counted: title -> folder of label maps of the training split, whose pixels are counted.
        networks: method -> title of the predictions on the validation split.
        snapshots: the folder of labels of several moments; None without.
    """

    page: str
    rows: Sequence[str]
    trainings: Mapping[str, str]
    needed: Mapping[Path, str | Path]
    counted: Mapping[str, Path]
    networks: Mapping[str, str]
    snapshots: Path | None = None

    @property
    def moments(self) -> Path | None:
        """The CSV of how good the snapshots are."""
        return layout.PLOTS / f"{self.page}_labels.csv" if self.snapshots else None


def of_pipeline(*methods: str) -> Contents:
    """The default graph's page, or that of further networks beside it."""
    further = {name: tables.title(name) for name in methods}
    return Contents(
        page=methods[0] if methods else "report",
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
    )


def of_method(name: str) -> Contents:
    """The page of a method that trains one network from tags to segmentation."""
    pseudo, second = layout.METHOD_LABELS / name, f"{name}_two_step"
    graph = layout.graph_of(name)
    networks = [name, second] if name in TWO_STEPS else [name]
    titles = {network: tables.title(network) for network in networks}
    return Contents(
        page=name,
        rows=(name, f"{name}_pseudo_labels", second) if name in TWO_STEPS else (name,),
        trainings=titles,
        needed=dict.fromkeys([layout.SNAPSHOTS / name, *([pseudo] if name in TWO_STEPS else [])], graph),
        counted={"pseudo-labels": pseudo} if name in TWO_STEPS else {},
        networks=titles,
        snapshots=layout.SNAPSHOTS / name,
    )


def training_columns(contents: Contents, *, oracle_threshold: float | None) -> list[Column]:
    """What the page shows of each training image."""
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
