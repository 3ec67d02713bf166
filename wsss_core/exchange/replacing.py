"""A folder that is written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `out` if the block ends well and is removed otherwise."""
    from wsss_core.runtime import journal  # a slow import, when all else is known to be right

    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        journal.publish(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
