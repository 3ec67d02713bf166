"""The quality-after-each-stage table, from the metrics files that exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wsss_core import artifacts

ROWS = {
    "cam": "CAM (oracle threshold)",
    "cam_crf": "CAM + CRF, the row to beat",
    "random_walk": "random walk",
    "fused": "fused with saliency",
    "pseudo_labels": "pseudo-labels (CRF)",
    "deeplab": "DeepLab",
    "full_supervision": "full supervision (true masks)",
}


@dataclass(frozen=True)
class Row:
    """One line of the table; figures in [0, 1], None where they are absent."""

    name: str
    title: str
    split: str
    miou: float | None
    miou_labelled: float | None
    coverage: float | None
    iou: dict[str, float]


def quality_rows(metrics: Path) -> list[Row]:
    """The rows of all known metrics files of a folder, in the order of the pipeline."""
    rows = []
    for name, title in ROWS.items():
        path = metrics / f"{name}.json"
        if path.exists():
            content = artifacts.read_json(path)
            figures = (content.get(key) for key in ("miou", "miou_labelled", "coverage"))
            rows.append(Row(name, title, content["split"], *figures, content.get("iou", {})))
    return rows


def quality_table(metrics: Path) -> str:
    """The rows as text for a terminal, in per cent."""
    lines = [f"{'after':<30} {'split':<6} {'mIoU':>6} {'labelled':>9} {'coverage':>9}"]
    for row in quality_rows(metrics):
        cells = [_percent(value) for value in (row.miou, row.miou_labelled, row.coverage)]
        lines.append(f"{row.title:<30} {row.split:<6} {cells[0]:>6} {cells[1]:>9} {cells[2]:>9}")
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
