"""The pages of single stages: what each does, its figures, its curves, its pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss_core import artifacts, manifests
from wsss_core.data.index import Index
from wsss_core.report import details, head, html, overlays, page, tables
from wsss_core.report.chapters import Chapter
from wsss_core.report.results import Results
from wsss_core.report.strips import Strip

PICTURES = "pictures"
_ALWAYS = ("Photograph", "True mask")


def write(folder: Path, index: Index, results: Results, *, first_page: str) -> None:
    """Write a page for each chapter of `results`, and the pictures on them as files beside.

    Args:
        folder: of the pages.
        index: the photographs.
        results: what the report shows.
        first_page: file name of the report's first page, in the folder above.
    """
    pictures, rows = _Pictures(folder), tables.quality_rows(results.metrics, results.rows)
    for chapter in results.chapters:
        text = _render(index, results, chapter, rows, pictures, first_page=first_page)
        artifacts.write_text(folder / f"{chapter.name}.html", text)


class _Pictures:
    """Writes pictures beside the pages, each once, however many pages show it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def address(self, picture: np.ndarray) -> str:
        """Of the picture's file, for a page in the folder."""
        content = overlays.jpeg(picture)
        path = self.folder / PICTURES / f"{manifests.bytes_digest(content)}.jpg"
        if not path.exists():
            with artifacts.atomic(path) as temporary:
                temporary.write_bytes(content)
        return f"{PICTURES}/{path.name}"


def _render(
    index: Index, results: Results, chapter: Chapter, rows: Sequence[tables.Row], pictures: _Pictures, *,
    first_page: str,
) -> str:
    of_chapter = dataclasses.replace(
        results, rows=chapter.rows, trainings=chapter.trainings, snapshot_scores=None, unfolded=chapter.rows,
    )  # fmt: skip
    strips = [_of_chapter(strip, chapter) for split in results.strips.values() for strip in split]
    is_saliency = chapter.name == results.saliency
    return html.template("stage.html.jinja").render(
        chapter=chapter,
        chapters=results.chapters,
        first_page=first_page,
        classes=head.classes(index),
        label_names=("background", *index.classes),
        quality=_quality(rows, chapter),
        saliency=page.saliency(results.metrics, results.saliency) if is_saliency else None,
        strips=[strip for strip in strips if strip],
        address=pictures.address,
        details=details.of(of_chapter),
    )


def _quality(rows: Sequence[tables.Row], chapter: Chapter) -> dict:
    """The rows of the chapter, behind the row with which the table of all compares the first of them."""
    unmeasured = [row for row in rows if row.name in chapter.rows and not row.measured]
    rows = [row for row in rows if row.measured]
    shown = page.quality(rows)
    places = [place for place, row in enumerate(rows) if row.name in chapter.rows]
    if places and shown["deltas"][places[0]] is not None:
        before = [place for place in range(places[0]) if rows[place].name != tables.ROW_TO_BEAT]
        places = [*before[-1:], *places]
    return {
        **page.quality([*(rows[place] for place in places), *unmeasured]), "share": shown["share"],
        "deltas": [shown["deltas"][place] if rows[place].name in chapter.rows else None for place in places],
    }  # fmt: skip


def _of_chapter(strip: Strip, chapter: Chapter) -> Strip | None:
    """The photograph, what the chapter's stage made of it, and its mask; None where it made nothing of it."""
    tiles = [tile for tile in strip.tiles if tile.title in _ALWAYS or tile.chapter == chapter.name]
    made = any(tile.chapter == chapter.name for tile in tiles)
    return Strip(strip.image_id, strip.tags, tiles) if made else None
