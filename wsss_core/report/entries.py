"""What the image browser knows of an image: its maps at the size of pictures, their figures, how far they differ."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from PIL import Image

from wsss_core.artifacts import Scores
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.ops import grids
from wsss_core.report import overlays, strips
from wsss_core.report.strips import Column
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

MASK = "True mask"
BOX = (300, 400)
"""Height and width in pixels into which photographs and maps are shrunk; none is enlarged."""
_CELLS = 64  # along the longer side of a score map, at most
_GREY = (100, 134)
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class Entry:
    """One image.

    Attributes:
        photo: a JPEG file.
        maps: JSON-like: `grid` (h, w) of label maps, `size` (H, W) of the photograph, and for each map its `stage`,
            `kind` and `shape`, (h, w) of grey and label maps, (K, h, w) of heat, with its `classes` and `stride`.
        bytes: of all maps, one behind the other, deflated: labels, or scores in 1/255.
        figures: for each stage of label maps its mIoU in [0, 1], or None, and the share that it ignores.
        labels: for each stage the classes in its label map, likewise.
        differ: "a,b" of each two label maps' stages -> share of pixels that both label, and as different things.
    """

    photo: bytes
    maps: dict[str, Any]
    bytes: bytes
    figures: dict[int, tuple[float | None, float]]
    labels: dict[int, list[int]]
    differ: dict[str, float]

    def script(self, number: int) -> str:
        """The maps as a script, which a page that was opened from disk may load."""
        encoded = base64.b64encode(self.bytes).decode("ascii")
        return f"wsss.image({number}, {compact(self.maps)}, \"{encoded}\");\n"


def compact(content: object) -> str:
    """JSON of ASCII alone, without blanks."""
    return json.dumps(content, separators=(",", ":"))


def make(image_id: str, *, index: Index, truth: Masks, columns: Mapping[int, Column], mask_stage: int) -> Entry:
    """The entry of an image.

    Args:
        image_id: whose.
        index, truth: the photographs and their true masks.
        columns: by number of their stage.
        mask_stage: the number of the mask.

    Raises:
        ArtifactError: a column's file is missing or unreadable.
        ImageError, DatasetError: the photograph or the mask is.
    """
    size = index.size(image_id)
    shape = _shrunk(size, BOX)
    mask = truth.read(image_id) if truth.available(image_id) else None
    found: dict[int, tuple[str, Any]] = {
        number: (column.kind, column.read(index, image_id)) for number, column in columns.items()
    }
    if mask is not None:
        found[mask_stage] = ("mask", mask)
    maps, parts, small = [], [], {}
    for number, (kind, content) in found.items():
        head, values = _HEADS[kind](content, shape)
        maps.append({"stage": number, "kind": kind, **head, "shape": list(values.shape)})
        parts.append(np.ascontiguousarray(values, dtype=np.uint8).tobytes())
        if kind in ("labels", "mask"):
            small[number] = values
    labels = {number: content for number, (kind, content) in found.items() if kind == "labels"}
    return Entry(
        photo=_jpeg(index.image(image_id), shape),
        maps={"grid": list(shape), "size": list(size), "maps": maps},
        bytes=zlib.compress(b"".join(parts), 6),
        figures={number: _figures(content, mask, len(index.classes)) for number, content in labels.items()},
        labels={number: _classes(small[number]) for number in small},
        differ={f"{a},{b}": _differ(small[a], small[b]) for a, b in combinations(labels, 2)},
    )


def _shrunk(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest (h, w) of the proportions of `size` in the box, and no larger than it."""
    return overlays.fitted(size, (min(box[0], size[0]), min(box[1], size[1])))


def _labels(labels: np.ndarray, shape: tuple[int, int]) -> tuple[dict, np.ndarray]:
    return {}, overlays.nearest(labels, shape)


def _heat(scores: Scores, shape: tuple[int, int]) -> tuple[dict, np.ndarray]:
    maps, stride = scores.scores.astype(np.float32), grids.stride_of(scores.scores.shape[1:], scores.size)
    while max(maps.shape[1:]) > _CELLS:
        maps, stride = grids.store(maps, stride=2), 2 * stride
    return {"classes": scores.classes.tolist(), "stride": stride}, np.round(255 * maps.clip(0, 1))


def _grey(values: np.ndarray, shape: tuple[int, int]) -> tuple[dict, np.ndarray]:
    return {}, np.round(255 * grids.resize(values, _shrunk(shape, _GREY)))


_HEADS: dict[str, Callable] = {"labels": _labels, "mask": _labels, "heat": _heat, "grey": _grey}


def _figures(labels: np.ndarray, mask: np.ndarray | None, num_classes: int) -> tuple[float | None, float]:
    miou, ignored = strips.miou_of(labels, mask, num_classes), float((labels == IGNORE_INDEX).mean())
    return None if miou is None else round(miou, 4), round(ignored, 4)


def _classes(labels: np.ndarray) -> list[int]:
    return [label for label in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist()
            if label not in (BACKGROUND, IGNORE_INDEX)]  # fmt: skip


def _differ(a: np.ndarray, b: np.ndarray) -> float:
    both = (a != IGNORE_INDEX) & (b != IGNORE_INDEX)
    return round(float((both & (a != b)).mean()), 4)


def _jpeg(photo: np.ndarray, shape: tuple[int, int]) -> bytes:
    picture = Image.fromarray(photo)
    if picture.size != (shape[1], shape[0]):
        picture = picture.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=_JPEG_QUALITY, optimize=True)
    return file.getvalue()


def stages(splits: Sequence[Sequence[Column]]) -> list[Column]:
    """The columns of all splits, each title once, in their order."""
    return list({column.title: column for columns in splits for column in columns}.values())
