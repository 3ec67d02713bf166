"""A folder of pages that takes the place of the one before, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsss_core import artifacts


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to write to; takes the place of `folder` if the block ends well, else is removed."""
    made = artifacts.temporary_path(folder)
    shutil.rmtree(made, ignore_errors=True)  # of a killed process of the same number
    made.mkdir(parents=True)
    try:
        yield made
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
