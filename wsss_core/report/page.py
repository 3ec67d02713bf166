"""The report: one HTML file that opens without a network, from figures and strips."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from wsss_core import artifacts, supervision
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.evaluation.label_shares import LabelShares
from wsss_core.report import figures, html, seeds, tables, text_tables, without_masks
from wsss_core.report.strips import Strip

PACKAGES = ("numpy", "pillow", "scikit-image", "scipy", "timm", "torch", "torchvision")


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


def render(index: Index, truth: Masks, results: Results) -> str:
    """The page as HTML; the same results and software give the same text.

    Raises:
        ArtifactError: a file of figures is missing or broken; names it and the remedy.
    """
    rows = tables.quality_rows(results.metrics, results.rows)
    return html.template("report.html.jinja").render(
        subject=results.subject,
        comparison=results.comparison,
        comparison_note=tables.COMPARISON_NOTE,
        over_seeds=results.over_seeds,
        seeds_note=seeds.NOTE,
        facts={**_facts(index, truth, rows), **results.settings, "Software": _software()},
        notes=[*_notes(index, truth, results.metrics), *_notes_on_supervision(rows), *results.notes],
        classes=_classes(index),
        rows=rows,
        deltas=[None] * len(rows) if results.comparison else _deltas(rows),
        has_ece=any(row.ece is not None for row in rows),
        has_rest=any(row.miou_rest is not None for row in rows),
        share=tables.share_of_upper_bound(rows),
        row_to_beat=tables.ROW_TO_BEAT,
        label_names=("background", *index.classes),
        saliency=_saliency(results.metrics, results.saliency),
        label_shares=results.label_shares,
        known_without_masks=_known_without_masks(results),
        strips=results.strips,
        curves=_curves(results),
        trainings=results.trainings,
        sweep=_sweep(results),
        class_tables=_class_tables(results.classes, results.rows),
        confusions=_confusions(results.confusions, results.rows),
        shown_confusions=results.unfolded,
        links=[(path.stem, quote(path.name)) for path in results.links],
    )


def _facts(index: Index, truth: Masks, rows: Sequence[tables.Row]) -> dict[str, str]:
    counts = {split: len(index.ids(split)) for split in ("train", "val")}
    masks = {split: sum(truth.available(name) for name in index.ids(split)) for split in counts}
    shown = {split: f"{counts[split]} images, {masks[split]} with a mask" for split in counts}
    source = "image tags" if index.supervision == "tags" else "image tags taken from masks (pixels)"
    letters = {supervision.without_number(row.kind) for row in rows}
    if letters & {supervision.SALIENCY, supervision.SALIENCY_AND_SOME}:
        source += f", and saliency learnt from masks of other pictures ({supervision.SALIENCY})"
    if corrected := _corrected(rows):
        source += f", and masks corrected by hand ({', '.join(corrected)})"
    return {
        "Data set": f"{index.format}, {index.root}",
        "Train": shown["train"],
        "Val": shown["val"] if counts["val"] else "empty",
        "Supervision": source,
    }


def _notes_on_supervision(rows: Sequence[tables.Row]) -> list[str]:
    kinds, notes = {row.kind for row in rows}, []
    if {supervision.TAGS, supervision.SALIENCY} <= kinds:
        notes.append(
            f"Rows marked {supervision.SALIENCY} learnt saliency from masks of other pictures, rows marked"
            f" {supervision.TAGS} know image tags alone: figures of both kinds do not compare."
        )
    notes += [
        f"Rows marked {kind} learnt masks that somebody corrected by hand: their figures do not compare with those of"
        " rows without." for kind in _corrected(rows)
    ]  # fmt: skip
    return notes


def _corrected(rows: Sequence[tables.Row]) -> list[str]:
    """The kinds of supervision among the rows that hold masks corrected by hand, the weakest first."""
    return sorted({row.kind for row in rows} - supervision.MEANING.keys(), key=supervision.strength)


def _software() -> str:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} (not installed)")
    return ", ".join([f"Python {platform.python_version()}", *versions])


def _notes(index: Index, truth: Masks, metrics: Path) -> list[str]:
    notes = _notes_on_few_masks(index, truth)
    if index.supervision != "tags":
        notes.append("Only the masks name the classes of these images: the tags come from pixel labels.")
    if not any(truth.available(name) for name in index.ids("train")):
        notes.append(
            "No training image has a mask, so the quality of CAM, walk and labels cannot be measured, and the"
            " CAM is shown as heat only: its oracle threshold is chosen on masks. What can be known without: how far"
            " stages agree, the classifier's scores, and `wsss sheet`, a page of random images to judge by eye."
        )
    if not index.ids("val"):
        notes.append("The validation split is empty, so there is no prediction to look at or to measure.")
    elif not any(truth.available(name) for name in index.ids("val")):
        notes.append("No validation image has a mask, so the quality of predictions cannot be measured.")
    elif not (metrics / f"{tables.UPPER_BOUND}.json").exists():
        notes.append(
            "The upper bound, the same DeepLab on true masks, has a page of its own:"
            " `dvc repro pipelines/full_supervision/dvc.yaml` makes it."
        )
    return notes


def _notes_on_few_masks(index: Index, truth: Masks) -> list[str]:
    """A sentence for each split of which some images have a mask and others none."""
    notes = []
    for split in ("train", "val"):
        ids = index.ids(split)
        masks = sum(truth.available(name) for name in ids)
        if 0 < masks < len(ids):
            notes.append(f"Figures on {split} rest on the {masks} of its {len(ids)} images that have a mask.")
    return notes


def _classes(index: Index) -> list[dict]:
    """Each class with its colour and how many images of either split are tagged with it."""
    counts = {
        split: Counter(tag for name in index.ids(split) for tag in index[name].tags)
        for split in ("train", "val")
    }
    return [
        {"name": name, "label": label, "train": counts["train"][label], "val": counts["val"][label]}
        for label, name in enumerate(index.classes, start=1)
    ]


def _deltas(rows: Sequence[tables.Row]) -> list[float | None]:
    """What each stage gained over the stage before it; None across splits and supervisions, which do not compare.

    The row to beat is a branch of its own: it is compared with the CAM, and no later stage with it.
    """
    deltas: list[float | None] = []
    before: tables.Row | None = None
    for row in rows:
        comparable = before is not None and (before.split, before.kind) == (row.split, row.kind)
        known = comparable and None not in (row.miou, before.miou)  # type: ignore[union-attr]
        deltas.append(row.miou - before.miou if known else None)  # type: ignore[operator, union-attr]
        before = before if row.name == tables.ROW_TO_BEAT else row
    return deltas


def _saliency(metrics: Path, name: str) -> dict[str, float] | None:
    path = metrics / f"{name}.json"
    content = tables.read_metrics(path) if path.exists() else {}
    titles = {"max_f": "max F", "adaptive_f": "adaptive F", "mae": "MAE"}
    shown = {title: tables.figure(content, key) for key, title in titles.items()}
    known = {title: value for title, value in shown.items() if value is not None}
    return known or None


def _curves(results: Results) -> dict[str, str]:
    """Title -> SVG of the trainings that ran, and of the labels on their way."""
    paths = {title: results.history / f"{name}.tsv" for name, title in results.trainings.items()}
    curves = {
        title: figures.history_curve(text_tables.read_columns(path, needed=("step",)))
        for title, path in paths.items()
        if path.exists()
    }
    if results.snapshot_scores and _has_rows(results.snapshot_scores):
        columns = text_tables.read_columns(results.snapshot_scores, needed=("step", *figures.SNAPSHOT_SCORES))
        curves["Labels that the network made for itself"] = figures.snapshot_curve(columns)
    paths = _with_rows({tables.title(name): results.plots / f"{name}_calibration.csv" for name in results.rows})
    needed = ("confidence", "precision")
    if sure := {title: text_tables.read_columns(path, needed=needed) for title, path in paths.items()}:
        curves["Calibration of the labels"] = figures.calibration_curve(sure)
    return curves


def _sweep(results: Results) -> str | None:
    """The curve over thresholds; None where no mask allowed one, and on a page without the CAM."""
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


def _known_without_masks(results: Results) -> list[without_masks.Rows]:
    """Tables of what no mask is needed for, on a page that shows them."""
    makers = (without_masks.agreement_rows, without_masks.classifier_rows) if results.without_masks else ()
    return [rows for make in makers if (rows := make(results.metrics))]


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
