"""labelme's JSON, one beside each photograph."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from wsss_core import artifacts
from wsss_core.data.images import ImageError, opened
from wsss_core.exchange.filling import paint_polygon
from wsss_core.exchange.format import Drawn, ExchangeError, Options, Picture, Size, Sought, is_size
from wsss_core.exchange.regions import Region
from wsss_core.problems import excerpt
from wsss_core.voc import BACKGROUND

TITLE = "labelme's JSON with masks, one beside each photograph"
OPTIONS: frozenset[str] = frozenset()
PHOTOGRAPHS = ""
DEFAULT = "link"
KEEPS_IGNORED = False
BY_BASE_NAME = False
WHOLE = False
LOSES = "labelme has no name for ignored pixels; a confidence stands in the description of a shape"

VERSION = "6.3.1"
"""Of labelme, whose files these are like."""


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`<name>.json`: a shape of the kind `mask` for each region."""
    for picture in pictures:
        content: dict[str, object] = {
            "version": VERSION,
            "flags": {},
            "shapes": [_shape(region, names[region.label]) for region in picture.regions],
            "imagePath": PurePosixPath(picture.file_name).name,
            "imageData": None,
            "imageHeight": picture.size[0],
            "imageWidth": picture.size[1],
        }
        artifacts.write_json(out / f"{picture.stem}.json", content)
    return []


def _shape(region: Region, name: str) -> dict:
    x, y, width, height = region.box
    png = io.BytesIO()
    Image.fromarray(region.mask).save(png, format="PNG")
    return {
        "label": name,
        "points": [[x, y], [x + width - 1, y + height - 1]],  # both corners belong to it
        "group_id": None,
        "description": "" if region.confidence is None else f"confidence {region.confidence:.4f}",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(png.getvalue()).decode("ascii"),
    }


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """Every JSON of labelme's below a folder, or one; masks, polygons and rectangles are drawn in their order."""
    drawn: list[Drawn] = []
    for path in sorted(source.rglob("*.json")) if source.is_dir() else [source]:
        content = artifacts.read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("shapes"), list) or "imagePath" not in content:
            raise ExchangeError(f"{path} is none of labelme's files; take it out of the folder")
        name = path.relative_to(source).with_suffix("") if source.is_dir() else path.with_suffix("")
        parts = [(_label(shape, sought, path), shape) for shape in content["shapes"]]
        drawn.append(Drawn(name.as_posix(), str(path), partial(_draw, path, _size(content, path), parts)))
    return drawn


def _size(content: dict, path: Path) -> Size:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if not is_size(height, width):
        raise ExchangeError(f"{path} does not say how large its photograph is; open and save it in labelme")
    return height, width  # type: ignore[return-value]


def _label(shape: object, sought: Sought, path: Path) -> int:
    if not isinstance(shape, dict) or str(shape.get("shape_type", "polygon")) not in _SHAPES:
        kind = shape.get("shape_type") if isinstance(shape, dict) else shape
        kinds = ", ".join(_SHAPES)
        raise ExchangeError(f"{path}: a shape is {excerpt(repr(kind), 40)}, not one of {kinds}; draw it as one")
    return sought.label(str(shape.get("label")), source=path)


def _draw(path: Path, own: Size, parts: Sequence[tuple[int, dict]], size: Size) -> np.ndarray:
    canvas = np.full(own, BACKGROUND, dtype=np.uint8)
    for label, shape in parts:
        try:
            _SHAPES[shape.get("shape_type", "polygon")](canvas, label, shape, path)
        except (ValueError, KeyError, TypeError, OverflowError) as error:  # broken base64 is a ValueError
            raise ExchangeError(f"{path}: a shape is broken ({excerpt(str(error), 80)}); repair it") from None
    return canvas


def _mask(canvas: np.ndarray, label: int, shape: dict[str, Any], path: Path) -> None:
    (x, y), (right, bottom) = (tuple(int(value) for value in point) for point in shape["points"])
    try:
        with opened(base64.b64decode(shape["mask"], validate=True), path) as image:
            mask = np.asarray(image.convert("L")) > 0
    except ImageError:
        raise ValueError("its mask is no PNG") from None
    inside = min(x, y) >= 0 and bottom < canvas.shape[0] and right < canvas.shape[1]
    if not inside or mask.shape != (bottom - y + 1, right - x + 1):
        raise ValueError("its mask does not fit its box, or lies beyond the photograph")
    canvas[y : bottom + 1, x : right + 1][mask] = label


def _polygon(canvas: np.ndarray, label: int, shape: dict[str, Any], path: Path) -> None:
    paint_polygon(canvas, label, np.array(shape["points"], dtype=np.float64))


def _rectangle(canvas: np.ndarray, label: int, shape: dict[str, Any], path: Path) -> None:
    (x, y), (right, bottom) = shape["points"]
    _polygon(canvas, label, {"points": [[x, y], [right, y], [right, bottom], [x, bottom]]}, path)


_SHAPES = {"mask": _mask, "polygon": _polygon, "rectangle": _rectangle}
