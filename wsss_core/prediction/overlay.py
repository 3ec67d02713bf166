"""A label map over its photograph, to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core import artifacts, voc
from wsss_core.report.overlays import outline
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

_PALETTE = np.asarray(voc.palette(), dtype=np.uint8).reshape(256, 3)
_MARK = b"wsss predict"
"""The comment by which this command knows its own overlays."""
_QUALITY = 90


def drawn(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: half the photograph, half the colour of each label map's class; borders are white.

    Args:
        image: (H, W, 3) uint8 RGB; what is background or ignored keeps its colours.
        labels: (H, W) uint8.
    """
    is_object = (labels != BACKGROUND) & (labels != IGNORE_INDEX)
    picture = np.where(is_object[..., None], image // 2 + _PALETTE[labels] // 2, image)
    picture[outline(labels)] = 255
    return picture


def write(path: Path, image: np.ndarray, labels: np.ndarray) -> None:
    """Write `drawn` as a JPEG."""
    with artifacts.atomic(path) as temporary:
        picture = Image.fromarray(drawn(image, labels))
        picture.save(temporary, format="JPEG", quality=_QUALITY, subsampling=0, comment=_MARK)


def is_overlay(path: Path) -> bool:
    """Whether a file is one that `write` made."""
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            return picture.info.get("comment") == _MARK
    except (OSError, ValueError, SyntaxError):
        return False
