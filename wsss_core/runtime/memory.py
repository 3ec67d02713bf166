"""The C library's allocator, told what a training on a CPU does with memory."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Numbers of two settings in glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Keep what is freed for the next step, which asks for the same sizes again.

    glibc gives large blocks back to the system at once, and the next step then waits for the system to clear each of
    their pages anew: a third of its CPU time (docs/benchmarks.md). From here on, this process stays as large as it ever
    was. With another C library nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
