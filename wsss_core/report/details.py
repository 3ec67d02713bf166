"""What belongs to single stages: training curves, the threshold sweep, classes one by one, confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wsss_core import artifacts
from wsss_core.report import tables, text_tables
from wsss_core.report.results import Results


def of(results: Results) -> dict:
    """All of it of the rows and trainings of `results`.

    Raises:
        ArtifactError: a file of figures is missing or broken; names it and the remedy.
    """
    return {
        "curves": _curves(results),
        "trainings": results.trainings,
        "sweep": _sweep(results),
        "class_tables": _class_tables(results.classes, results.rows),
        "confusions": _confusions(results.confusions, results.rows),
        "unfolded": results.unfolded,
    }


def _curves(results: Results) -> dict[str, str]:
    """Title -> SVG of the trainings that ran, and of the labels on their way."""
    from wsss_core.report import figures  # and matplotlib, without which the processes of the image browser start

    paths = {title: results.history / f"{name}.tsv" for name, title in results.trainings.items()}
    drawn = {
        title: figures.history_curve(text_tables.read_columns(path, needed=("step",)))
        for title, path in paths.items()
        if path.exists()
    }
    if results.snapshot_scores and _has_rows(results.snapshot_scores):
        columns = text_tables.read_columns(results.snapshot_scores, needed=("step", *figures.SNAPSHOT_SCORES))
        drawn["Labels that the network made for itself"] = figures.snapshot_curve(columns)
    paths = _with_rows({tables.title(name): results.plots / f"{name}_calibration.csv" for name in results.rows})
    needed = ("confidence", "precision")
    if sure := {title: text_tables.read_columns(path, needed=needed) for title, path in paths.items()}:
        drawn["Calibration of the labels"] = figures.calibration_curve(sure)
    return drawn


def _sweep(results: Results) -> str | None:
    """The curve over thresholds; None where no mask allowed one, and on a page without the CAM."""
    from wsss_core.report import figures  # as in `_curves`

    if tables.BASELINE not in results.rows:
        return None
    oracle = tables.figure(tables.read_metrics(results.metrics / "cam.json"), "oracle_threshold")
    if oracle is None:
        return None
    columns = text_tables.read_columns(results.plots / "cam_thresholds.csv", needed=("threshold", "miou"))
    if not columns["threshold"]:
        return None
    return figures.threshold_curve(columns["threshold"], columns["miou"], oracle=oracle)


def _confusions(folder: Path, rows: Sequence[str]) -> dict[str, tuple[str, text_tables.NamedConfusion]]:
    """Name -> title and matrix of what was scored; none without masks."""
    paths = _with_rows({name: folder / f"{name}.csv" for name in rows})
    return {name: (tables.title(name), text_tables.read_confusion(path)) for name, path in paths.items()}


def _class_tables(folder: Path, rows: Sequence[str]) -> dict[str, list[dict]]:
    """Title -> the classes of what was scored; none without masks."""
    paths = _with_rows({tables.title(name): folder / f"{name}.csv" for name in rows})
    return {title: text_tables.read_classes(path) for title, path in paths.items()}


def _with_rows(paths: Mapping[str, Path]) -> dict[str, Path]:
    """The tables that are there and hold more than their header."""
    return {name: path for name, path in paths.items() if path.exists() and _has_rows(path)}


def _has_rows(path: Path) -> bool:
    with artifacts.reading(path):
        return path.read_text(encoding="utf-8").count("\n") > 1
