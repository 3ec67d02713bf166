"""All pictures of an image file: one of most, the frames of an animation, the pages of a TIFF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageOps

from wsss_core.data import images

SUFFIXES = (".gif", ".webp", ".png", ".apng", ".avif", ".tif", ".tiff")
"""Of files that may hold several. Those of other kinds, such as a JPEG's second view, belong to the first."""

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_KIND_OF_PAGE, _SMALLER_OR_MASK = 254, 1 | 4
"""The tag of a TIFF's page, and the bits that say it is a smaller copy of another page or its transparency."""


def places(content: bytes, path: Path) -> list[int]:
    """The numbers, from 0, of the pictures in a file.

    Args:
        content: the file's bytes.
        path: used in errors only.

    Raises:
        ImageError: it is no image, or too large.
    """
    with images.opened(content, path) as image:
        count = getattr(image, "n_frames", 1)
        if count > 1 and image.format == "TIFF":
            return [page for page in range(count) if not _kind_of(image, page) & _SMALLER_OR_MASK] or [0]
        return list(range(count if image.format in _ANIMATED else 1))


def pictures(content: bytes, path: Path) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 RGB of each of `places`, as `images.read_image` gives the first.

    Raises:
        ImageError: as `read_image`, where the picture's turn comes.
    """
    found = places(content, path)
    if len(found) == 1 or path.suffix.lower() in (".tif", ".tiff"):
        for page in found:
            yield images.decode_with_bits(content, path, page=page)[0]
        return
    with images.opened(content, path) as image:  # once: each frame is drawn on the one before
        for frame in found:
            image.seek(frame)
            yield np.array(images.to_rgb(ImageOps.exif_transpose(image)))


def _kind_of(image: Any, page: int) -> int:
    image.seek(page)
    return image.tag_v2.get(_KIND_OF_PAGE, 0)
