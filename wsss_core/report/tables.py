"""The figures that `evaluate` and the trainings wrote, as rows of tables: the quality after each stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from wsss_core import artifacts, registry, supervision
from wsss_core.report.text_tables import LARGEST, broken
from wsss_core.runtime import provenance

PIPELINE = {
    "cam": "CAM (oracle threshold)",
    "cam_crf": "CAM + CRF, the row to beat",
    "random_walk": "random walk",
    "fused": "fused with saliency",
    "pseudo_labels": "pseudo-labels (CRF)",
    "deeplab": "DeepLab",
}
"""The metrics files of the default graph, in its order, and what a table calls them; here, since others stand
beside them, to whose pages AffinityNet's own modules are nothing."""

BASELINE = "cam"
ROW_TO_BEAT = "cam_crf"
UPPER_BOUND = "full_supervision"
COMPARISON_NOTE = (
    "labels: what the network learns, on train. of full: share of the val mIoU that the same DeepLab reaches on true"
    " masks. max F, MAE: of the method's saliency maps, on val. training: of all its networks, that of the CAMs too"
    " where it is used. supervision: I, image tags; I+S, also saliency learnt from masks of other pictures; F, true"
    " masks, in I+F of as many images as it says. Rows of one kind stand together; those of different kinds do not"
    " compare."
)
"""What a reader of the table of all methods must know; `comparison.notes` says more of some methods."""


Kind = Annotated[str, Field(pattern=rf"^{supervision.KIND}$")]
"""Of supervision."""


class _Metrics(TypedDict):
    """What is read of a metrics file; `evaluate` writes more."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    split: str
    num_images: NotRequired[int]
    supervision: NotRequired[Kind]
    measured_on: NotRequired[str]
    iou: NotRequired[dict[str, float | None]]
    miou: NotRequired[float | None]
    miou_labelled: NotRequired[float | None]
    miou_rest: NotRequired[float | None]
    miou_low: NotRequired[float | None]
    miou_high: NotRequired[float | None]
    boundary_miou: NotRequired[float | None]
    ece: NotRequired[float | None]
    coverage: NotRequired[float | None]
    oracle_threshold: NotRequired[float | None]
    max_f: NotRequired[float | None]
    adaptive_f: NotRequired[float | None]
    mae: NotRequired[float | None]


class _Times(TypedDict):
    """What is read of the file that a training writes of how long it took."""

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


_METRICS, _TIMES = TypeAdapter(_Metrics), TypeAdapter(_Times)


@dataclass(frozen=True)
class Row:
    """One line of the table; figures in [0, 1], None where they are absent.

    They rest on `num_images` images, those of the split that have a mask.
    `miou_rest` is the mIoU on the images on which no parameter was chosen, `interval` that of its bootstrap; `ece` is
    the calibration error of the scores behind the labels; `kind` is the supervision: a kind of `supervision`;
    `measured_on` is of `measured`.
    """

    name: str
    title: str
    split: str
    miou: float | None
    miou_labelled: float | None
    coverage: float | None
    iou: dict[str, float]
    miou_rest: float | None = None
    kind: str = supervision.TAGS
    measured_on: str | None = None
    boundary_miou: float | None = None
    interval: tuple[float, float] | None = None
    ece: float | None = None
    num_images: int | None = None

    @property
    def measured(self) -> bool:
        """Whether there were masks to measure it on."""
        return any(value is not None for value in (self.miou, self.miou_labelled, self.coverage))


def quality_rows(metrics: Path, names: Iterable[str] = tuple(PIPELINE)) -> list[Row]:
    """The rows of the metrics files of these names that a folder holds."""
    rows = []
    for name in names:
        path = metrics / f"{name}.json"
        if path.exists():
            content = read_metrics(path)
            keys = ("miou", "miou_labelled", "coverage", "miou_rest", "boundary_miou", "ece")
            figures: dict[str, Any] = {key: figure(content, key) for key in keys}
            low, high = figure(content, "miou_low"), figure(content, "miou_high")
            figures["num_images"] = content.get("num_images")
            figures["interval"] = None if low is None or high is None else (low, high)
            kind, on = content.get("supervision", supervision.TAGS), content.get("measured_on")
            iou = content.get("iou", {})
            rows.append(Row(name, title(name), content["split"], iou=iou, kind=kind, measured_on=on, **figures))
    return rows


def read_metrics(path: Path) -> dict[str, Any]:
    """What a metrics file holds: its split, its figures by their keys, IoUs by class.

    Raises:
        ArtifactError: the file is missing or holds something else.
    """
    try:
        return {**_METRICS.validate_python(artifacts.read_json(provenance.check(path)), strict=True)}
    except ValidationError:
        raise broken(path, "a metrics file") from None


def read_seconds(path: Path) -> float:
    """How long a training took, from the file that it wrote beside its history. Raises ArtifactError."""
    try:
        return _TIMES.validate_python(artifacts.read_json(provenance.check(path)), strict=True)["seconds"]
    except ValidationError:
        raise broken(path, "a file of training times") from None


def title(name: str) -> str:
    """What a table, a curve and a strip call a metrics file or a method."""
    known = PIPELINE | registry.titles()
    of_labels, of_network = name.partition("_rounds/round_"), name.partition("_round_")
    if name in known or not (of_labels[1] or of_network[1]):
        return known.get(name, name)
    method, _, number = of_labels if of_labels[1] else of_network
    return f"{known.get(method, method)}, {'labels after ' if of_labels[1] else ''}round {number}"


def figure(content: Mapping[str, Any], key: str) -> float | None:
    """A figure of `read_metrics`; None where it is absent or undefined (NaN)."""
    value = content.get(key)
    return value if isinstance(value, int | float) and abs(value) <= LARGEST else None


def share_of_upper_bound(rows: list[Row], name: str = "deeplab") -> float | None:
    """mIoU of a row over that of full supervision on the same masks; None where either is absent."""
    found = {row.name: row for row in rows}
    row, bound = found.get(name), found.get(UPPER_BOUND)
    if row is None or bound is None or row.miou is None or not bound.miou:
        return None
    same = (row.split, row.measured_on) == (bound.split, bound.measured_on)
    return row.miou / bound.miou if same else None


def missed_goals(rows: list[Row], goals: Mapping[str, str]) -> list[str]:
    """A sentence for each row that does not score above the row that it should pass; none without figures."""
    found = {row.name: row for row in rows}
    sentences = []
    for name, passed in goals.items():
        row, other = found.get(name), found.get(passed)
        if row and other and row.miou is not None and other.miou is not None and row.miou <= other.miou:
            sentences.append(
                f"{row.title} scores {100 * row.miou:.1f} on {row.split}, no better than {other.title},"
                f" {100 * other.miou:.1f}: what lies between them brings nothing here."
            )
    return sentences


def quality_table(metrics: Path, names: Iterable[str] = tuple(PIPELINE)) -> str:
    """The rows as text for a terminal, in per cent."""
    lines: list[tuple[str, ...]] = [
        ("after", "split", "images", "mIoU", "95 %", "boundary", "labelled", "coverage", "supervision")
    ]
    rows = quality_rows(metrics, names)
    for row in (row for row in rows if row.measured):
        between = "-".join(map(percent, row.interval)) if row.interval else "-"
        rest = map(percent, (row.boundary_miou, row.miou_labelled, row.coverage))
        images = "-" if row.num_images is None else str(row.num_images)
        lines.append((row.title, row.split, images, percent(row.miou), between, *rest, row.kind))
    told = [unmeasured] if (unmeasured := why_unmeasured(rows)) else []
    return "\n".join([as_text(lines), *told] if len(lines) > 1 or not told else told)


def why_unmeasured(rows: Iterable[Row]) -> str:
    """A sentence on the rows that no mask measures; empty where there are none of these."""
    titles = [row.title for row in rows if not row.measured]
    return f"Without figures, since none of their images has a mask: {', '.join(titles)}." if titles else ""


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Header and lines for a terminal; the first and the last column aligned at their left, the others at the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    aligned = [[cell.ljust(w) if k in (0, len(widths) - 1) else cell.rjust(w) for k, (cell, w) in
                enumerate(zip(row, widths, strict=True))] for row in rows]  # fmt: skip
    return "\n".join("  ".join(row).rstrip() for row in aligned)


def percent(value: float | None) -> str:
    """A figure in [0, 1] as a terminal shows it; `-` without one."""
    return "-" if value is None else f"{100 * value:.1f}"
