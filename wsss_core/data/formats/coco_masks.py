"""Label maps from COCO's polygons and run lengths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from wsss_core.data.fields import Number, Side, Whole
from wsss_core.data.formats.coco import Instances
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

_FAR = 1_000_000
"""No corner of an outline lies further away than this, in pixels."""
_MAX_SHIFT = 60
"""Bits of one compressed run length; more are no number of pixels."""

_Coordinate = Annotated[Number, Field(ge=-_FAR, le=_FAR)]


class _Runs(TypedDict):
    size: tuple[Side, Side]
    counts: list[Annotated[Whole, Field(ge=0)]] | str | bytes


_RUNS = TypeAdapter(_Runs)
_POLYGONS = TypeAdapter(list[list[_Coordinate]])


class SegmentationError(ValueError):
    """An annotation's polygons or run lengths make no sense."""


def label_map(annotations: Iterable[dict], *, labels: dict[int, int], height: int, width: int) -> np.ndarray:
    """Draw the annotations of one image.

    Args:
        annotations: COCO's entries; only `category_id`, `segmentation` and `iscrowd` are looked at.
        labels: category number -> class id; other categories stay background.
        height, width: H and W of the map.

    Returns:
        (H, W) uint8. A crowd is IGNORE_INDEX; single objects lie above crowds, and of two objects that
        overlap the smaller one wins, as the one in front is mostly the smaller.

    Raises:
        SegmentationError: a segmentation is empty, malformed, or its run lengths are of another size.
    """
    drawn = []
    for annotation in annotations:
        label = labels.get(annotation["category_id"])
        if label is not None:
            crowd = bool(annotation.get("iscrowd"))
            pixels = _pixels(annotation.get("segmentation"), height=height, width=width)
            drawn.append((not crowd, -len(pixels), IGNORE_INDEX if crowd else label, pixels))
    canvas = np.full(height * width, BACKGROUND, dtype=np.uint8)
    for _, _, label, pixels in sorted(drawn, key=lambda item: item[:3]):
        canvas[pixels] = label
    return canvas.reshape(height, width)


def is_drawable(instances: Instances, image_id: str) -> bool:
    """Whether every object of the image has an outline; files made for detection hold boxes only."""
    return all(annotation.get("segmentation") for annotation in instances.annotations[image_id])


def decode_runs(counts: list[int] | str | bytes, *, height: int, width: int) -> np.ndarray:
    """The (H, W) bool mask of COCO's run lengths.

    Args:
        counts: lengths of alternating runs of 0 and 1, 0 first, down the columns; or the same as text.
        height, width: H and W.

    Raises:
        SegmentationError: the runs do not fill H x W pixels, or the text is broken.
    """
    runs = _decode_text(counts) if isinstance(counts, (str, bytes)) else counts
    if min(runs, default=-1) < 0 or sum(runs) != height * width:
        raise SegmentationError(f"its run lengths do not fill {height} x {width} pixels")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(width, height).T


def _decode_text(text: str | bytes) -> list[int]:
    """COCO's compressed counts.

    Each number is written in 5 bit digits, lowest first, one character of 48 + digit each, 32 added where
    more follow; the last digit's bit 16 is the sign. From the fourth number on only the difference to the
    number two before is written.
    """
    runs: list[int] = []
    value = shift = 0
    for code in map(ord, text) if isinstance(text, str) else text:
        digit = code - 48
        if not 0 <= digit < 64 or shift > _MAX_SHIFT:
            raise SegmentationError("its compressed run lengths hold a character that does not belong there")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise SegmentationError("its compressed run lengths break off")
    return runs


def _pixels(segmentation: Any, *, height: int, width: int) -> np.ndarray:
    """(P,) int64 flat indices of the pixels of one object."""
    if isinstance(segmentation, dict):
        runs = _validated(_RUNS, segmentation, "run lengths")
        if runs["size"] != (height, width):
            size = " x ".join(str(side) for side in runs["size"])
            raise SegmentationError(f"its run lengths are for {size} pixels, not {height} x {width}")
        return np.flatnonzero(decode_runs(runs["counts"], height=height, width=width))
    if not segmentation:
        raise SegmentationError("it has no outline")
    if isinstance(segmentation, list) and not isinstance(segmentation[0], list):
        segmentation = [segmentation]  # one polygon, not in a list of its own
    polygons = _validated(_POLYGONS, segmentation, "outline")
    return np.concatenate([polygon_pixels(polygon, height=height, width=width) for polygon in polygons])


def _validated(kind: TypeAdapter, value: object, name: str) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" for part in fault["loc"] if isinstance(part, int) or part in _Runs.__annotations__)
        if fault["type"] == "missing":
            raise SegmentationError(f"its {name} have no {fault['loc'][-1]}") from None
        shown = repr(fault["input"])[:40]
        raise SegmentationError(f"its {name}{place} is {shown}, where numbers belong") from None


def polygon_pixels(polygon: list[float], *, height: int, width: int) -> np.ndarray:
    """(P,) int64 flat indices of the pixels whose centres lie in a polygon.

    Args:
        polygon: x1, y1, x2, y2, ...; the first pixel reaches from 0 to 1.
        height, width: H and W of the map.

    Raises:
        SegmentationError: it has less than three corners.
    """
    from skimage import draw  # a slow import that only COCO masks need

    if len(polygon) < 6 or len(polygon) % 2:
        raise SegmentationError(f"a polygon has {len(polygon)} numbers, not x and y of three or more corners")
    # COCO measures from the image's corner, so the centre of pixel (0, 0) is at (0.5, 0.5).
    x, y = np.asarray(polygon, dtype=np.float64).reshape(-1, 2).T - 0.5
    rows, columns = draw.polygon(y, x, shape=(height, width))
    return rows * width + columns
