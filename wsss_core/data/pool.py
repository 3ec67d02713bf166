"""One function over many items in several processes."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], *, workers: int, chunk: int = 1
) -> Iterator[Result]:
    """function(item) for each item, in the items' order.

    Args:
        function: must pickle when workers > 1; what it is bound to is sent to each process once.
        workers: processes; 0 or 1 works in this one, and so do items that fill a single chunk.
        chunk: items sent with one message.

    Raises:
        what the function raises, at once; items that have not begun are dropped. An error out of another process
        names the module that raised it as `raised_in`.
    """
    if workers <= 1 or len(items) <= chunk:
        yield from map(function, items)
        return
    # "spawn": a forked copy of a process that runs threads (torch, tqdm) may hang.
    workers, context = min(workers, len(items)), get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, context, _assign, (function,)) as pool:
        yield from pool.map(_call, items, chunksize=chunk)


_assigned: Callable[[Any], Any]


def _assign(function: Callable) -> None:
    global _assigned
    _assigned = function


def _call(item: Any) -> Any:
    try:
        return _assigned(item)
    except Exception as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        # The traceback does not reach the parent, which tells errors by the module that raised them.
        error.raised_in = frame.f_globals["__name__"]  # type: ignore[attr-defined]
        raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """As many processes as cores, each with one thread: nested pools only fight for the cores."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
