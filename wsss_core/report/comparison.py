"""All methods in one table: what each is worth, what it costs, and by what it was supervised."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss_core import layout, registry, remedies
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.models import trained
from wsss_core.params import Params
from wsss_core.report import tables
from wsss_core.report.contents import Compared
from wsss_core.supervision import TAGS, is_known, strength

NONE = "-"
"""What a cell shows where the method has no such figure."""


def methods(params: Params) -> list[Compared]:
    """A line for each, in the order of their years, the upper bound last."""
    pages = [registry.part(name, "page") for name in registry.names("page")]
    return [line for page in sorted(pages, key=lambda page: page.YEAR) for line in page.compared(params)]


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
        supervision: a kind of `supervision`.
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


FIGURES = ("labels", "val", "share", "max_f", "mae", "seconds")
"""The fields of `Line` that may be absent."""

HEADER = (
    "method", "labels (train)", "val mIoU", "of full", "max F", "MAE", "training", "parameters", "supervision",
)  # fmt: skip


def compare(params: Params, measured_on: Mapping[str, str]) -> tuple[list[Line], list[Path]]:
    """A line for each method whose graph ran to its metrics, in blocks by supervision, and the graphs that did not run.

    Args:
        measured_on: of the data set as it is now. What was measured on another one does not count as run.

    Raises:
        ArtifactError: a metrics file or a model is broken.
    """
    known, figures = methods(params), Figures(measured_on)
    ran = [method for method in known if figures.of(method.name)]
    missing = [remedies.graph_of(method.name) for method in known if method not in ran]
    return in_blocks([_line(method, params, figures) for method in ran]), list(dict.fromkeys(missing))


@dataclass(frozen=True)
class Figures:
    """The metrics files of one data set: split -> what they were measured on, see `measured`."""

    measured_on: Mapping[str, str]

    def of(self, name: str | None) -> dict:
        """Of a metrics file; empty where there is none, or one of other data."""
        path = layout.METRICS / f"{name}.json"
        content = tables.read_metrics(path) if name and path.exists() else {}
        return content if content and content.get("measured_on") == self.measured_on.get(content["split"]) else {}

    def figure(self, name: str | None, key: str) -> float | None:
        """One of them; None where it is absent."""
        return tables.figure(self.of(name), key)


def in_blocks(lines: Sequence[Line]) -> list[Line]:
    """The same lines, those that know image tags alone first, then I+S, then full supervision."""
    return sorted(lines, key=lambda line: strength(line.supervision))


def _line(method: Compared, params: Params, figures: Figures) -> Line:
    val, bound = figures.figure(method.name, "miou"), figures.figure(tables.UPPER_BOUND, "miou")
    network, _ = trained.load(layout.round_folder(layout.MODELS / method.name, params.last_round(method.name)))
    return Line(
        title=_title(method),
        labels=figures.figure(method.labels, "miou"),
        val=val,
        share=val / bound if val is not None and bound else None,
        max_f=figures.figure(method.saliency, "max_f"),
        mae=figures.figure(method.saliency, "mae"),
        seconds=_seconds(method.trainings),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        supervision=figures.of(method.name).get("supervision", TAGS),
    )


def _title(method: Compared) -> str:
    return method.title or tables.title(method.name)


def notes(methods: Sequence[Compared]) -> list[str]:
    """A sentence for each line of which a reader must know more than `tables.COMPARISON_NOTE`."""
    return [f"{_title(method)}: {method.note}." for method in methods if method.note]


def _seconds(trainings: Sequence[str]) -> float | None:
    """How long all these trainings took; None where one's time was not kept."""
    paths = [layout.TIMES / f"{name}.json" for name in trainings]
    return sum(map(tables.read_seconds, paths)) if all(map(Path.exists, paths)) else None


def cells(line: Line) -> tuple[str, ...]:
    """The cells of a line for readers: per cent, fractions (F and MAE), minutes (below one seconds), millions."""
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
    text = tables.as_text([HEADER, *map(cells, lines)]).split("\n")
    for place in range(len(lines) - 1, 0, -1):
        if lines[place].supervision != lines[place - 1].supervision:
            text.insert(place + 1, "")  # behind the header and the lines of the block
    return "\n".join(text)


def read_csv(path: Path) -> list[Line]:
    """The lines of another run's `compare.csv`; the file's name stands behind each title.

    Raises:
        ValueError: the file is not one of `as_csv`.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        lines = [
            Line(
                title=f"{row['title']}, {path.stem}",
                parameters=int(row["parameters"]),
                supervision=row["supervision"],
                **{name: float(row[name]) if row[name] else None for name in FIGURES},
            )
            for row in rows
        ]
    except (KeyError, TypeError, ValueError, csv.Error):
        lines = []
    if not lines or any(not is_known(line.supervision) for line in lines):
        raise ValueError(f"{path} is no table of `wsss compare`; give the reports/compare.csv of another run")
    return lines


def as_csv(lines: Sequence[Line]) -> str:
    """The table for other programs: the fields of `Line`, unrounded, empty where there is no figure."""
    rows = (["" if value is None else value for value in vars(line).values()] for line in lines)
    return csv_text(tuple(Line.__dataclass_fields__), rows)
