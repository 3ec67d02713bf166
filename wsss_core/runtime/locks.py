"""Locks of unfinished work: one for a run that does all of it, or one for each shard.

    FOLDER.lock           of a run that does all
    FOLDER.3of16.lock     of one that makes a shard

The system releases them when a process ends, however it ends.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from wsss_core.runtime.environment import Shard

_PROBE_SECONDS = 5.0
"""A shard looks for so long whether the whole is held: other shards look at the same moment."""


class HeldError(Exception):
    """Another run holds the lock; names it."""


@contextmanager
def held(folder: Path, shard: Shard | None = None) -> Iterator[None]:
    """Hold the lock of a folder, or of one of its shards, which go together.

    Raises:
        HeldError: another run holds it, or all of it, or a shard of it.
    """
    path = _path(folder, shard)
    lock = _acquired(path)
    try:
        for other in [_path(folder, None)] if shard else folder.parent.glob(f"{folder.name}.*of*.lock"):
            _release(other, _acquired(other, timeout=_PROBE_SECONDS if shard else 0.0))
        yield
    finally:
        _release(path, lock)


def _path(folder: Path, shard: Shard | None) -> Path:
    return folder.with_name(f"{folder.name}.{shard.name}.lock" if shard else f"{folder.name}.lock")


def _acquired(path: Path, *, timeout: float = 0.0) -> FileLock:
    lock = FileLock(path, timeout=timeout)
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise HeldError(_holder(path)) from None
        except FileNotFoundError:  # a run that ended has just removed the empty folder
            continue
        path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        return lock


def _release(path: Path, lock: FileLock) -> None:
    with suppress(OSError):
        path.unlink()  # before the release: who waits for the file sees that it is gone
    lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "just begun"
    except OSError:
        return "just ended"
