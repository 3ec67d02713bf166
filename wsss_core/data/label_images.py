"""Label images: each pixel's class id as it stands in the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsss_core import voc
from wsss_core.data.images import ImageError, opened, read_bytes
from wsss_core.problems import DatasetError, Problem

_COLOURS = np.asarray(voc.palette(), dtype=np.uint32).reshape(256, 3)
_FEW_BITS = re.compile(r"L;([24])")
"""How Pillow calls greys of 2 and 4 bits in PNG and TIFF."""


def read_labels(path: Path, *, num_classes: int) -> np.ndarray:
    """Decode one label image.

    Args:
        path: grey (values are labels), palette (indices are labels, whatever their colours) or RGB in the
            colours of VOC's palette.
        num_classes: C; labels 0..C and IGNORE_INDEX are legal.

    Returns:
        (H, W) uint8.

    Raises:
        DatasetError: the file cannot be decoded or holds another value or colour.
    """
    try:
        with opened(read_bytes(path), path) as image:
            largest, decoded = _largest_of_few_bits(image), image.copy()
    except ImageError as error:
        raise _error("unreadable mask", str(path), str(error)) from None
    values = _stored_values(decoded, path, largest=largest)  # (H, W)
    present = np.unique(values)
    illegal = present[(present < 0) | ((present > num_classes) & (present != voc.IGNORE_INDEX))]
    if illegal.size:
        shown = ", ".join(str(value) for value in illegal[:5].tolist())
        legal = f"0..{num_classes} and {voc.IGNORE_INDEX} (ignore)"
        message = f"{path} holds the value {shown}, not only {legal}; correct the mask or dataset.classes"
        raise _error("mask value", str(path), message)
    return values.astype(np.uint8)


def _stored_values(image: Image.Image, path: Path, *, largest: int | None) -> np.ndarray:
    """(H, W) integers as they stand in the file, of which Pillow has made white of the `largest`."""
    if image.mode == "L" and largest is not None:
        return _shrunk(np.asarray(image), largest, full=255)
    if image.mode in ("P", "L"):
        return np.asarray(image)
    if image.mode == "1" or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        return values if largest is None else _shrunk(values, largest, full=65535)
    if image.mode in ("RGB", "RGBA"):
        return _labels_of_colours(np.asarray(image.convert("RGB")), path)
    message = f"{path} is of mode {image.mode}; save the mask as 8 bit grey or palette PNG"
    raise _error("unreadable mask", str(path), message)


def _shrunk(values: np.ndarray, largest: int, *, full: int) -> np.ndarray:
    """int64: 0..largest of values that were stretched to 0..full, which is not less, and rounded."""
    return (values.astype(np.int64) * largest + full // 2) // full


def _largest_of_few_bits(image: Any) -> int | None:
    """The value that Pillow decodes to white where it stretches greys: 3 of 2 bits, 15 of 4, a PGM's own; else None."""
    for tile in image.tile:
        if tile.codec_name.startswith("ppm"):
            return tile.args[-1] if isinstance(tile.args, tuple) else None
        few = _FEW_BITS.match(tile.args if isinstance(tile.args, str) else str(tile.args[0]) if tile.args else "")
        if few:
            return (1 << int(few[1])) - 1
    return None


def _labels_of_colours(rgb: np.ndarray, path: Path) -> np.ndarray:
    weights = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    codes, inverse = np.unique(rgb.astype(np.uint32) @ weights, return_inverse=True)
    label_of = {code: label for label, code in enumerate((_COLOURS @ weights).tolist())}
    for code in codes.tolist():
        if code not in label_of:
            colour = (code >> 16, code >> 8 & 255, code & 255)
            message = f"{path} holds the colour {colour}, which VOC's palette has not; save it as grey PNG"
            raise _error("mask value", str(path), message)
    labels = np.array([label_of[code] for code in codes.tolist()], dtype=np.int64)
    return labels[inverse].reshape(rgb.shape[:2])


def _error(kind: str, file: str, message: str) -> DatasetError:
    return DatasetError([Problem(kind, file, message)], file)
