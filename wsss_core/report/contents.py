"""What the page of each graph shows: its rows, curves, strips, and the artifacts that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        train: what is shown of each training image, where that is neither the pipeline's nor snapshots.
        val: what is shown of each validation image beside the networks' predictions.
        saliency: metrics file of the saliency maps that the page is about; empty without.
        subject: what the page's title names; empty on the pipeline's.
        goals: a row -> the row that it should score above; the page says where it does not.
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
    subject: str = ""
    goals: Mapping[str, str] = field(default_factory=dict)

    @property
    def moments(self) -> Path | None:
        """The CSV of how good the snapshots are."""
        return layout.PLOTS / f"{self.page}_labels.csv" if self.snapshots else None


def of_pipeline(*methods: str) -> Contents:
    """The default graph's page, or that of further networks beside it."""
    further = {name: tables.title(name) for name in methods}
    return Contents(
        saliency="saliency",
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
    )


def of_method(name: str, *, num_rounds: int) -> Contents:
    """The page of a method; `num_rounds` is AuxSegNet's."""
    if name == "ssnet":
        return of_ssnet()
    return of_auxsegnet(num_rounds) if name == "auxsegnet" else of_two_branch(name)


def of_two_branch(name: str) -> Contents:
    """The page of RRM or AA&LR: one network that makes its own labels, and RRM's second step."""
    pseudo, second = layout.METHOD_LABELS / name, f"{name}_two_step"
    graph = layout.graph_of(name)
    networks = [name, second] if name in TWO_STEPS else [name]
    titles = {network: tables.title(network) for network in networks}
    return Contents(
        page=name,
        subject=tables.title(name),
        rows=(name, f"{name}_pseudo_labels", second) if name in TWO_STEPS else (name,),
        trainings=titles,
        needed=dict.fromkeys([layout.SNAPSHOTS / name, *([pseudo] if name in TWO_STEPS else [])], graph),
        counted={"pseudo-labels": pseudo} if name in TWO_STEPS else {},
        networks=titles,
        snapshots=layout.SNAPSHOTS / name,
        goals={second: name} if name in TWO_STEPS else {},
    )


def of_ssnet() -> Contents:
    """The page of SSNet: two networks, the labels between them, and the last one's saliency maps."""
    pseudo, maps = layout.METHOD_LABELS / "ssnet", layout.PREDICTED_SALIENCY / "ssnet" / "val"
    titles = {network: tables.title(network) for network in ("ssnet_round_1", "ssnet")}
    return Contents(
        page="ssnet",
        rows=("ssnet_round_1", "ssnet_pseudo_labels", "ssnet"),
        trainings={"ssnet_round_1": titles["ssnet_round_1"], "ssnet_round_2": titles["ssnet"]},
        needed=dict.fromkeys([pseudo, maps], layout.graph_of("ssnet")),
        counted={"pseudo-labels": pseudo},
        networks=titles,
        train=[Column("Pseudo-labels", "labels", strips.labels_in(pseudo))],
        val=strips.saliency_columns(maps),
        saliency="ssnet_saliency",
        subject=titles["ssnet"],
        goals={"ssnet": "ssnet_round_1"},
    )


def of_auxsegnet(num_rounds: int) -> Contents:
    """The page of AuxSegNet: labels and saliency maps of each round, and the affinities of a pixel."""
    name, graph = "auxsegnet", layout.graph_of("auxsegnet")
    labels = [layout.round_folder(layout.METHOD_LABELS / name, number) for number in range(num_rounds + 1)]
    maps = [layout.SALIENCY]
    maps += [layout.round_folder(layout.PREDICTED_SALIENCY / name, number) for number in range(1, num_rounds + 1)]
    predicted = layout.PREDICTED_SALIENCY / name / "val"
    rounds = [layout.round_name(name, number) for number in range(1, num_rounds + 1)]
    columns = [Column("CAM", "heat", strips.scores_in(layout.CAMS))]
    for number, (of_round, salient) in enumerate(zip(labels, maps, strict=True)):
        columns.append(Column(f"Saliency {number}", "grey", strips.grey_in(salient)))
        columns.append(Column(f"Labels {number}", "labels", strips.labels_in(of_round)))
    return Contents(
        page=name,
        rows=(*(f"{name}_rounds/round_{number}" for number in range(num_rounds + 1)), name),
        trainings={each: tables.title(each) for each in rounds},
        needed={layout.CAMS: "infer_cam", layout.SALIENCY: "saliency",
                **dict.fromkeys([*labels, *maps[1:], predicted, layout.AFFINITY_MAPS / name], graph)},
        counted={f"labels {number}": folder for number, folder in enumerate(labels)},
        networks={name: tables.title(name)},
        train=[*columns, *strips.affinity_columns(layout.AFFINITY_MAPS / name)],
        val=strips.saliency_columns(predicted),
        saliency=f"{name}_saliency",
        subject=tables.title(name),
        goals={f"{name}_rounds/round_{num_rounds}": f"{name}_rounds/round_0"},
    )  # fmt: skip


def of_comparison(names: Sequence[str]) -> Contents:
    """The page of all methods that ran: their figures and what they predict for the same images."""
    titles = {name: tables.title(name) for name in names}
    return Contents(
        page="compare", rows=tuple(names), trainings={}, needed={}, counted={}, networks=titles, train=(),
        subject="all methods",
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
