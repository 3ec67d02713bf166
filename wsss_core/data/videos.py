"""Frames of videos, by PyAV where it is installed: nothing else here needs it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from wsss_core.data.images import MAX_PIXELS, ImageError

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts", ".m2ts", ".ogv", ".flv",
)  # fmt: skip


def why_closed() -> str:
    """Why no video can be read here, and what helps; empty where they can."""
    return "" if find_spec("av") else "for videos are read by PyAV, which is not here: `pip install av`"


def frames(path: Path) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 RGB of each frame, one after the other, turned as the video asks.

    Raises:
        ImageError: the file is no video, is cut off, or has larger frames than images may be, where that shows.
    """
    import av  # optional

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ImageError(f"{path} holds no pictures, only sound; leave it out")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            frame = None
            for frame in container.decode(stream):
                if frame.width * frame.height > MAX_PIXELS:
                    raise ImageError(f"{path} has frames above {MAX_PIXELS // 1_000_000} megapixels; scale it down")
                quarters = round(getattr(frame, "rotation", 0) / 90)
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))
            if frame is None:
                raise ImageError(f"{path} holds no frame; replace the file or leave it out")
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(f"{path} cannot be decoded ({reason}); replace the file or leave it out") from None
