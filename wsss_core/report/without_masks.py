"""What a report can show where no mask measures anything: the classifier's scores, and how far stages agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wsss_core.report import tables

Rows = list[tuple[str, ...]]
_CLASSIFIER = {"map": "mean average precision", "macro_f1": "mean F1 of the classes", "f1": "F1 of all decisions"}


def classifier_rows(metrics: Path) -> Rows:
    """Header and lines of the classifier's figures, in per cent; empty where there are none."""
    content = _content(metrics / "classifier.json")
    figures = {title: tables.figure(content, key) for key, title in _CLASSIFIER.items()}
    rows = [(title, tables.percent(value)) for title, value in figures.items() if value is not None]
    return [("classifier's tags", content["split"]), *rows] if rows else []


def agreement_rows(metrics: Path) -> Rows:
    """Header and a line for each two successive stages, in per cent; empty where there is none."""
    content = _content(metrics / "agreement.json")
    groups = [content.get(key) for key in ("agreement", "mutual_miou", "labelled")]
    same, mutual, labelled = (group if isinstance(group, Mapping) else {} for group in groups)
    rows = []
    for pair in same:
        earlier, _, later = pair.partition(" to ")
        title = f"{tables.title(earlier).partition(',')[0]} to {tables.title(later).partition(',')[0]}"
        cells = (tables.figure(same, pair), tables.figure(mutual, pair), tables.figure(labelled, later))
        rows.append((title, *map(tables.percent, cells)))
    return [("stages that follow each other", "equal labels", "mutual mIoU", "labelled after"), *rows] if rows else []


def _content(path: Path) -> dict:
    return tables.read_metrics(path) if path.exists() else {}
