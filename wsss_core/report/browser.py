"""The image browser: one page for all images, which its scripts filter, sort and draw.

Beside the page lie, in `browse/`, `index.js` with the names and figures of all, and for each image a JPEG and a script
with its maps, which the page loads when they come into view. They are scripts, since a page that was opened from disk
may load scripts, but may neither fetch files nor read the pixels of pictures.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from wsss_core import artifacts
from wsss_core.data.index import Index, spread
from wsss_core.data.masks import Masks
from wsss_core.report import entries, html, palette
from wsss_core.report.chapters import Chapter
from wsss_core.report.entries import Entry, compact
from wsss_core.report.strips import Column
from wsss_core.runtime.pool import map_in_order

PAGE, DATA = "images.html", "browse"
FILES = ("browse.css", "draw.js", "gallery.js", "viewer.js")
_CHUNK = 60
_FEW_PIXELS = 20_000_000
"""Of all photographs together: below it, processes take longer to start than they save."""


def write(
    folder: Path,
    index: Index,
    truth: Masks,
    columns: Mapping[str, Sequence[Column]],
    *,
    limit: int,
    workers: int,
    first_page: str,
    chapters: Sequence[Chapter] = (),
) -> None:
    """Write the page and all beside it.

    Args:
        folder: of the page.
        index, truth: the photographs and their true masks.
        columns: split -> what is shown of its images.
        limit: most images, spread evenly over the splits.
        workers: processes, where there is work for several.
        first_page: address of the report's first page.
        chapters: the stages that have pages beside this one.

    Raises:
        ArtifactError: a column's file is missing or unreadable.
    """
    stages = entries.stages(list(columns.values()))
    numbers = {column.title: number for number, column in enumerate(stages)}
    split_of = {image_id: split for split in columns for image_id in index.ids(split)}
    shown = spread(list(split_of), limit)
    of_splits = {split: {numbers[each.title]: each for each in of_split} for split, of_split in columns.items()}
    make = partial(_make, index=index, truth=truth, split_of=split_of, columns=of_splits, mask_stage=len(stages))
    are_few = sum(math.prod(index.size(image_id)) for image_id in shown) < _FEW_PIXELS
    made = map_in_order(make, shown, workers=1 if are_few else workers, chunk=_CHUNK)
    lines: list[dict] = []
    for image_id, entry in zip(shown, tqdm(made, total=len(shown), desc="browse", unit="image"), strict=True):
        _write_image(folder / DATA, len(lines), entry)
        lines.append(_line(index, split_of[image_id], image_id, entry))
    content = {
        "classes": ["background", *index.classes],
        "colours": [_look(label) for label in range(1, len(index.classes) + 1)],
        "patterns": palette.PATTERNS.astype(int).tolist(),
        "stages": [{"title": column.title, "kind": column.kind, "chapter": column.chapter} for column in stages],
        "total": len(split_of),
        "images": lines,
    }
    artifacts.write_text(folder / DATA / "index.js", f"wsss.open({compact(content)});\n")
    for name in FILES:
        shutil.copyfile(Path(__file__).parent / "templates" / name, folder / name)
    page = html.template("images.html.jinja").render(first_page=first_page, chapters=chapters, folder=DATA)
    artifacts.write_text(folder / PAGE, page)


def _make(image_id: str, *, split_of: Mapping[str, str], columns: Mapping[str, Mapping[int, Column]], **data) -> Entry:
    return entries.make(image_id, columns=columns[split_of[image_id]], **data)


def _write_image(folder: Path, number: int, entry: Entry) -> None:
    artifacts.write_text(folder / f"{number}.js", entry.script(number))
    (folder / f"{number}.jpg").write_bytes(entry.photo)


def _line(index: Index, split: str, image_id: str, entry: Entry) -> dict:
    """What the page knows of an image before it loads its maps."""
    return {
        "id": image_id,
        "split": split,
        "tags": list(index[image_id].tags),
        "grid": entry.maps["grid"],
        "figures": entry.figures,
        "labels": entry.labels,
        "differ": entry.differ,
        "stages": [each["stage"] for each in entry.maps["maps"] if each["kind"] != "mask"],
        "mask": any(each["kind"] == "mask" for each in entry.maps["maps"]),
    }


def _look(label: int) -> dict:
    """How a class is drawn."""
    return {
        "colour": palette.colour_of(label).astype(int).tolist(),
        "second": palette.second_colour(label).astype(int).tolist(),
        "pattern": palette.pattern_of(label),
        "css": palette.css(label),
    }
