"""One page of a few images through all cached stages, also of another revision beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from wsss_core import layout
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.report import cached, html, strips, tables
from wsss_core.report.overlays import Canvas
from wsss_core.report.strips import Column
from wsss_core.voc import IGNORE_INDEX

BOX = (360, 480)
"""Height and width in pixels of the largest picture."""
NEAREST = 3


@dataclass(frozen=True)
class Source:
    """Where maps are read.

    Attributes:
        name: over its pictures.
        index: of its photographs.
        root: of its repository.
        folders: of maps, relative to the root.
    """

    name: str
    index: Index
    root: Path
    folders: Sequence[Path]

    def columns(self, image_id: str) -> dict[str, Column]:
        """Title -> what is kept of an image."""
        path = self.root / layout.METRICS / "cam.json"
        oracle = tables.figure(tables.read_metrics(path), "oracle_threshold") if path.exists() else None
        found = cached.columns(self.folders, image_id, root=self.root, oracle=oracle)
        return {column.title: column for column in found}


@dataclass(frozen=True)
class Picture:
    """What one source has in a row.

    Attributes:
        source: its name.
        title: what it shows.
        drawn: (h, w, 3) uint8 RGB.
        miou: against the mask, in [0, 1]; None without one.
        ious: (label, IoU) of the labels in the map or the mask.
        ignored: share of pixels.
    """

    source: str
    title: str
    drawn: np.ndarray
    miou: float | None = None
    ious: Sequence[tuple[int, float]] = ()
    ignored: float = 0.0


@dataclass
class Row:
    """A stage: its pictures, one for each source that has it, and how far two label maps differ, in [0, 1]."""

    pictures: list[Picture] = field(default_factory=list)
    differ: float | None = None


def unknown(image_ids: Sequence[str], index: Index) -> str | None:
    """A sentence on the ids that the index does not have, with those most like them; None where it has all."""
    sentences = []
    for image_id in image_ids:
        if image_id not in index.records:
            near = get_close_matches(image_id, list(index.records), n=NEAREST, cutoff=0.4)
            like = f"; most like it: {', '.join(near)}" if near else ""
            sentences.append(f"the data set has no image {image_id}{like}")
    return ". ".join(sentences) or None


def take(revision, name: str, image_ids: Sequence[str], target: Path) -> tuple[Source | None, list[Path]]:
    """A source below `target` with all that a revision keeps of some images, and what of it is not cached.

    Args:
        revision: a `frame.revision.Revision`.
        name: of the source.
        image_ids: whose maps.
        target: an empty folder.
    """
    folders = [out for out in revision.outs() if cached.kind_of(out)]
    maps = [cached.map_path(folder, image_id) for folder in folders for image_id in image_ids]
    missing = revision.take([layout.INDEX, layout.METRICS / "cam.json", *maps], target)
    if not (target / layout.INDEX).exists():
        return None, missing
    return Source(name, Index.open(target / layout.INDEX), target, folders), missing


def render(image_ids: Sequence[str], truth: Masks, sources: Sequence[Source], *, notes: Sequence[str]) -> str:
    """The page as HTML, with all its pictures inside; photographs, masks and class names are the first source's.

    Raises:
        ArtifactError: a map is damaged.
        ImageError, DatasetError: the photograph or the mask is.
    """
    index = sources[0].index
    images = [_image(image_id, truth, sources) for image_id in image_ids]
    return html.template("inspect.html.jinja").render(
        images=images, notes=notes, label_names=("background", *index.classes),
        sources=[source.name for source in sources],
    )  # fmt: skip


def _image(image_id: str, truth: Masks, sources: Sequence[Source]) -> dict:
    index = sources[0].index
    canvas = Canvas(index.image(image_id), box=BOX)
    mask = truth.read(image_id) if truth.available(image_id) else None
    usable = [source for source in sources if _is_same(image_id, source.index, index)]
    rows: dict[str, Row] = {}
    seen: dict[str, list[np.ndarray]] = {}
    for source in usable:
        for title, column in source.columns(image_id).items():
            content = column.read(source.index, image_id)
            picture = _picture(source, column, content, canvas, mask)
            rows.setdefault(title, Row()).pictures.append(picture)
            if column.kind == "labels":
                seen.setdefault(title, []).append(content)
    for title, maps in seen.items():
        if len(maps) == 2:
            rows[title].differ = float((maps[0] != maps[1]).mean())
    return {
        "id": image_id, "tags": index[image_id].tags, "size": index.size(image_id), "photo": canvas.photo,
        "mask": None if mask is None else canvas.labels(mask), "rows": rows,
        "absent": [source.name for source in sources if source not in usable],
    }  # fmt: skip


def _is_same(image_id: str, index: Index, now: Index) -> bool:
    """Whether an index has the image, at the same size and with the same classes."""
    known = image_id in index.records and index.classes == now.classes
    return known and index.size(image_id) == now.size(image_id)


def _picture(source: Source, column: Column, content, canvas: Canvas, mask: np.ndarray | None) -> Picture:
    drawn = getattr(canvas, column.kind)(content)
    if column.kind != "labels":
        return Picture(source.name, column.title, drawn)
    ignored, miou = float((content == IGNORE_INDEX).mean()), strips.miou_of(content, mask, len(source.index.classes))
    return Picture(source.name, column.title, drawn, miou, _ious(content, mask, source.index), ignored)


def _ious(labels: np.ndarray, mask: np.ndarray | None, index: Index) -> list[tuple[int, float]]:
    if mask is None:
        return []
    counted = strips.confusion_of(labels, mask, len(index.classes))
    return [(label, float(iou)) for label, iou in enumerate(counted.iou()) if not np.isnan(iou)]
