"""A page of the report, from its contents to its file: what `stages.report` and `wsss compare` write."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from wsss_core import artifacts, layout, manifests
from wsss_core.data.index import Index, spread
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation.label_shares import label_shares
from wsss_core.report import browser, contents, folders, page, stage_pages, strips, tables
from wsss_core.report.contents import Contents
from wsss_core.report.results import Results
from wsss_core.report.strips import Column, Strip
from wsss_core.runtime import environment

logger = logging.getLogger(__name__)


def write_page(
    index: Index,
    truth: Masks,
    shown: Contents,
    *,
    settings: Mapping[str, str],
    num_images: int,
    num_browsed: int,
    comparison: Sequence[Sequence[str]] = (),
    over_seeds: Sequence[Sequence[str]] = (),
) -> tuple[Path, list[Strip]]:
    """Write the page, and the folder of pages beside it if it has one; tell where, and its strips of training images.

    Args:
        index, truth: the photographs and their true masks.
        shown: what the page holds.
        settings: name -> value of what its head states.
        num_images: of each split that are shown.
        num_browsed: most images in the browser, which a page with a folder has.
        comparison: header and lines of a table of methods, for a page that has one.
        over_seeds: header and lines of the table of `wsss seeds`, likewise.
    """
    for folder in [layout.SALIENCY, *(layout.PREDICTIONS / network for network in shown.networks)]:
        if strips.finished(folder) and folder not in shown.needed:
            manifests.check(folder)
    columns = {"train": _training_columns(shown), "val": [*strips.prediction_columns(shown.networks), *shown.val]}
    ids = {
        "train": contents.training_ids(shown, index.ids("train")) if columns["train"] else [],
        "val": index.ids("val"),
    }
    drawn = {
        split: strips.draw(index, truth, ids=spread(ids[split], num_images), columns=columns[split])
        for split in columns
    }
    page_file = layout.REPORTS / f"{shown.page}.html"
    results = Results(
        metrics=layout.METRICS,
        history=layout.HISTORY,
        plots=layout.PLOTS,
        confusions=layout.CONFUSION,
        classes=layout.CLASSES,
        strips=drawn,
        label_shares={
            name: label_shares(Maps(folder, index), index.ids("train")) for name, folder in shown.counted.items()
        },
        settings=settings,
        links=[path for path in sorted(layout.REPORTS.glob("*.html")) if path != page_file],
        notes=_notes(index, shown),
        rows=shown.rows,
        trainings=shown.trainings,
        snapshot_scores=shown.snapshot_scores,
        saliency=shown.saliency,
        without_masks=shown.without_masks,
        subject=shown.subject,
        unfolded=shown.unfolded,
        comparison=comparison,
        over_seeds=over_seeds,
        chapters=shown.chapters,
        folder=shown.folder.name if shown.folder else "",
    )
    if shown.folder:
        with folders.replacing(shown.folder) as folder:
            stage_pages.write(folder, index, results, first_page=page_file.name)
            browser.write(
                folder, index, truth, columns, limit=num_browsed, workers=environment.workers(),
                first_page=f"../{page_file.name}", chapters=shown.chapters,
            )  # fmt: skip
    artifacts.write_text(page_file, page.render(index, truth, results))
    return page_file, drawn["train"]


def _training_columns(shown: Contents) -> list[Column]:
    oracle = None
    if tables.BASELINE in shown.rows:
        oracle = tables.figure(tables.read_metrics(layout.METRICS / "cam.json"), "oracle_threshold")
    return contents.training_columns(shown, oracle_threshold=oracle)


def _notes(index: Index, shown: Contents) -> list[str]:
    notes = [*shown.notes]
    if tables.BASELINE in shown.rows and not strips.finished(layout.SALIENCY):
        notes.append(f"{layout.SALIENCY} holds no finished output, so saliency is not shown.")
    missing = [title for name, title in shown.networks.items() if not strips.finished(layout.PREDICTIONS / name)]
    if index.ids("val") and missing:
        notes.append(f"{', '.join(missing)}: the validation images are not predicted yet; `dvc repro` does it.")
    behind = tables.missed_goals(tables.quality_rows(layout.METRICS, shown.rows), shown.goals)
    for sentence in behind:
        logger.warning("%s", sentence)
    return notes + behind
