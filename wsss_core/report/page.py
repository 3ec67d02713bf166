"""The first page of a report: one HTML file that opens without a network, from figures and strips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.report import details, head, html, seeds, tables, without_masks
from wsss_core.report.results import Results


def render(index: Index, truth: Masks, results: Results) -> str:
    """The page as HTML; the same results and software give the same text.

    Raises:
        ArtifactError: a file of figures is missing or broken; names it and the remedy.
    """
    rows = tables.quality_rows(results.metrics, results.rows)
    of_stages = {row for chapter in results.chapters for row in chapter.rows}
    trained_there = {name for chapter in results.chapters for name in chapter.trainings}
    # What stands on the pages of stages does not stand here too.
    rest = dataclasses.replace(
        results,
        rows=[name for name in results.rows if name not in of_stages],
        trainings={name: title for name, title in results.trainings.items() if name not in trained_there},
    )
    return html.template("report.html.jinja").render(
        subject=results.subject,
        comparison=results.comparison,
        comparison_note=tables.COMPARISON_NOTE,
        over_seeds=results.over_seeds,
        seeds_note=seeds.NOTE,
        facts={**head.facts(index, truth, rows), **results.settings, "Software": head.software()},
        notes=[*head.notes(index, truth, results.metrics), *head.notes_on_supervision(rows), *results.notes],
        classes=head.classes(index),
        quality=quality(rows, compared=bool(results.comparison)),
        label_names=("background", *index.classes),
        saliency=saliency(results.metrics, results.saliency),
        label_shares=results.label_shares,
        known_without_masks=_known_without_masks(results),
        strips=results.strips,
        links=[(path.stem, quote(path.name)) for path in results.links],
        chapters=results.chapters,
        figures={row.name: row for row in rows},
        folder=quote(results.folder),
        details=details.of(rest),
    )


def quality(rows: Sequence[tables.Row], *, compared: bool = False) -> dict:
    """What the table of figures shows: the rows that were measured, and a sentence on the others.

    Rows that are methods beside each other gain nothing over one another.
    """
    unmeasured, rows = tables.why_unmeasured(rows), [row for row in rows if row.measured]
    return {
        "rows": rows,
        "unmeasured": unmeasured,
        "deltas": [None] * len(rows) if compared else _deltas(rows),
        "has_ece": any(row.ece is not None for row in rows),
        "has_rest": any(row.miou_rest is not None for row in rows),
        "has_oracle": any(row.name == tables.BASELINE and row.miou is not None for row in rows),
        "share": tables.share_of_upper_bound(list(rows)),
        "row_to_beat": tables.ROW_TO_BEAT,
    }


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


def saliency(metrics: Path, name: str) -> dict[str, float] | None:
    """Title -> figure of saliency maps; None where none was measured."""
    path = metrics / f"{name}.json"
    content = tables.read_metrics(path) if path.exists() else {}
    titles = {"max_f": "max F", "adaptive_f": "adaptive F", "mae": "MAE"}
    shown = {title: tables.figure(content, key) for key, title in titles.items()}
    known = {title: value for title, value in shown.items() if value is not None}
    return known or None


def _known_without_masks(results: Results) -> list[without_masks.Rows]:
    """Tables of what no mask is needed for, on a page that shows them."""
    makers = (without_masks.agreement_rows, without_masks.classifier_rows) if results.without_masks else ()
    return [rows for make in makers if (rows := make(results.metrics))]
