"""What a command may write over: its own earlier output, and never an input or a file of somebody else's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from wsss_core import artifacts, voc


def is_same(path: Path, other: Path) -> bool:
    """Whether both are one existing file, by whatever path, link or hard link."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def refuse_input(out: Path, inputs: Iterable[Path], *, remedy: str) -> None:
    """An output is never one of the command's inputs.

    Raises:
        ValueError: it is; names both.
    """
    for given in inputs:
        if is_same(out, given):
            also = "" if out == given else f" (it is {out})"
            raise ValueError(f"{given} is read here and would be replaced{also}; {remedy}")


def is_label_map(path: Path) -> bool:
    """Whether a file is a PNG as `artifacts.write_labels` makes it."""
    try:
        with artifacts.reading(path), Image.open(path) as picture:
            return picture.mode == "P" and picture.getpalette() == voc.palette()
    except artifacts.ArtifactError:
        return False
