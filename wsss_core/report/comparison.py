"""All methods in one table: what each is worth, what it costs, and what it was told beside the tags."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss_core import layout
from wsss_core.params import Params
from wsss_core.report import tables
from wsss_core.training import checkpoint

NONE = "-"
"""What a cell shows where the method has no such figure."""


@dataclass(frozen=True)
class Method:
    """Where a method's figures lie.

    Attributes:
        name: of its model, predictions and metrics.
        labels: metrics file of the pseudo-labels of the training split that its network learns; None where it keeps
            none: RRM and AA&LR make theirs anew at every step.
        saliency: metrics file of saliency maps that it makes; None without.
        trainings: histories of all trainings from photographs to network.
    """

    name: str
    labels: str | None
    saliency: str | None
    trainings: tuple[str, ...]


def methods(params: Params) -> list[Method]:
    """All of them, the upper bound last."""
    rounds = len(params.auxsegnet.rounds)
    aux = tuple(layout.round_name("auxsegnet", number) for number in range(1, rounds + 1))
    rrm, aalr = params.rrm.schedule == "cls", params.aalr.schedule == "cls"
    deeplab = params.train_deeplab.init == "cam"
    return [
        Method("deeplab", "pseudo_labels", "saliency", ("train_cam", "train_affinity", "deeplab")),
        Method("rrm", None, None, (*_cam(rrm), "rrm")),
        Method("rrm_two_step", "rrm_pseudo_labels", None, (*_cam(rrm or deeplab), "rrm", "rrm_two_step")),
        Method("aalr", None, None, (*_cam(aalr), "aalr")),
        Method("ssnet", "ssnet_pseudo_labels", "ssnet_saliency", ("ssnet_round_1", "ssnet_round_2")),
        Method("auxsegnet", f"auxsegnet_rounds/round_{rounds - 1}", "auxsegnet_saliency", ("train_cam", *aux)),
        Method(tables.UPPER_BOUND, None, None, (*_cam(deeplab), tables.UPPER_BOUND)),
    ]


def _cam(used: bool) -> tuple[str, ...]:
    """The training that others begin with, where one of a method's does."""
    return ("train_cam",) if used else ()


@dataclass(frozen=True)
class Line:
    """A method's figures; shares and mIoU in [0, 1], None where there is none.

    Attributes:
        title: what tables call it.
        labels: train mIoU of the labels that its network learns.
        val: val mIoU of its predictions.
        share: `val` over that of full supervision.
        max_f, mae: of its saliency maps.
        seconds: of all its trainings.
        parameters: of the network that predicts.
        supervision: beside the image tags.
    """

    title: str
    labels: float | None
    val: float | None
    share: float | None
    max_f: float | None
    mae: float | None
    seconds: float | None
    parameters: int
    supervision: str


HEADER = (
    "method", "labels (train)", "val mIoU", "of full", "max F", "MAE", "training", "parameters", "beside the tags",
)  # fmt: skip


def compare(params: Params) -> tuple[list[Line], list[Path]]:
    """A line for each method whose graph ran to its metrics, and the graphs that did not.

    Raises:
        ArtifactError: a metrics file or a model is broken.
    """
    known = methods(params)
    ran = [method for method in known if (layout.METRICS / f"{method.name}.json").exists()]
    missing = [layout.graph_of(m.name) if m.name != "deeplab" else Path("dvc.yaml") for m in known if m not in ran]
    bound = _figure(tables.UPPER_BOUND, "miou")
    return [_line(method, params, bound) for method in ran], list(dict.fromkeys(missing))


def _line(method: Method, params: Params, bound: float | None) -> Line:
    val = _figure(method.name, "miou")
    network, _ = checkpoint.load(layout.round_folder(layout.MODELS / method.name, params.last_round(method.name)))
    return Line(
        title="AffinityNet + DeepLab" if method.name == "deeplab" else tables.title(method.name),
        labels=_figure(method.labels, "miou"),
        val=val,
        share=val / bound if val is not None and bound else None,
        max_f=_figure(method.saliency, "max_f"),
        mae=_figure(method.saliency, "mae"),
        seconds=_seconds(method.trainings),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        supervision=_supervision(method.name, params),
    )


def _figure(name: str | None, key: str) -> float | None:
    path = layout.METRICS / f"{name}.json"
    return tables.figure(tables.read_metrics(path), key) if name and path.exists() else None


def _seconds(trainings: Sequence[str]) -> float | None:
    """Of all trainings; None where one's time was not kept."""
    paths = [layout.TIMES / f"{name}.json" for name in trainings]
    return sum(map(tables.read_seconds, paths)) if all(map(Path.exists, paths)) else None


def _supervision(name: str, params: Params) -> str:
    maps = f"saliency maps of {params.saliency.folder}" if params.saliency.method == "folder" else ""
    weight_free = f"none (weight-free saliency: {params.saliency.method})"
    if name == tables.UPPER_BOUND:
        return "every pixel"
    if name == "ssnet" and params.ssnet.saliency_set.images:
        return f"saliency masks of {params.ssnet.saliency_set.images}"
    return maps or weight_free if name in ("deeplab", "auxsegnet", "ssnet") else "none"


def cells(line: Line) -> tuple[str, ...]:
    """As a reader wants them: per cent, F and MAE as fractions, minutes (below one seconds), millions."""
    return (
        line.title,
        *(_shown(value, lambda v: f"{100 * v:.1f}") for value in (line.labels, line.val, line.share)),
        *(_shown(value, lambda v: f"{v:.3f}") for value in (line.max_f, line.mae)),
        _shown(line.seconds, lambda v: f"{v / 60:.1f} min" if v >= 60 else f"{v:.0f} s"),
        f"{line.parameters / 1e6:.2f} M",
        line.supervision,
    )


def _shown(value: float | None, write) -> str:
    return NONE if value is None else write(value)


def as_text(lines: Sequence[Line]) -> str:
    """The table for a terminal."""
    rows = [HEADER, *map(cells, lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    aligned = [[cell.ljust(w) if k in (0, len(HEADER) - 1) else cell.rjust(w) for k, (cell, w) in
                enumerate(zip(row, widths, strict=True))] for row in rows]  # fmt: skip
    return "\n".join("  ".join(row).rstrip() for row in aligned)


def as_csv(lines: Sequence[Line]) -> str:
    """The table for other programs: the fields of `Line`, unrounded, empty where there is no figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Line.__dataclass_fields__)
    writer.writerows(["" if value is None else value for value in vars(line).values()] for line in lines)
    return text.getvalue()
