"""One function over many items in several processes."""

from __future__ import annotations

import math
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from wsss_core.runtime import shortage, worker

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 32
"""Chunks for each process that are handed out and not yet asked for: one that takes as long as these holds up none."""


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], *, workers: int, chunk: int = 1
) -> Iterator[Result]:
    """function(item) for each item, in the items' order.

    Args:
        function: must pickle when workers > 1; what it is bound to is sent to each process once.
        workers: processes; 0 or 1 works in this one, and so do items that fill a single chunk.
        chunk: items sent with one message.

    Raises:
        what the function raises, in its item's turn; items that are not done by then are dropped. An error out of
        another process brings the module that raised it as `raised_in`, and what had run out as `shortage`.
        LostWorkerError: a process ended in the middle of its work.
    """
    if workers <= 1 or len(items) <= chunk:
        yield from map(function, items)
        return
    waiting = (items[i:i + chunk] for i in range(0, len(items), chunk))
    workers = min(workers, math.ceil(len(items) / chunk))
    own: list[BaseProcess] = []
    try:
        with shortage.eased_by(shortage.WORKERS), _one_thread_each(), _pool(function, workers) as pool:
            try:
                with worker.starting() as own:
                    made = deque(pool.submit(_call, part) for part in islice(waiting, _AHEAD * workers))
                while made:
                    results = made.popleft().result()
                    made.extend(pool.submit(_call, part) for part in islice(waiting, 1))
                    yield from results
            except BrokenProcessPool:
                raise  # and the pool ends the other processes
            except BaseException:
                for process in own:
                    process.kill()  # else the pool would wait for all that is to be done
                raise
    except BrokenProcessPool as error:
        raise LostWorkerError([process.exitcode for process in own]) from error


class LostWorkerError(RuntimeError):
    """A process of the pool ended in the middle of its work; `shortage` says why, as far as its end tells."""

    def __init__(self, exitcodes: Iterable[int | None]) -> None:
        own = [code for code in exitcodes if code not in (None, 0, -signal.SIGTERM)]  # by SIGTERM the pool ends others
        super().__init__(f"worker processes ended with exit codes {own}")
        self.shortage = shortage.KILLED if -signal.SIGKILL in own else shortage.CRASHED


def _pool(function: Callable, workers: int) -> ProcessPoolExecutor:
    # "spawn": a forked copy of a process that runs threads (torch, tqdm) may hang.
    with worker.starting():  # of semaphores, which a signal between their making and their registering would leave
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (function,))
    # All processes start before the thread that watches them: else, when one of the first ends while the others start,
    # the thread finds its dict of processes changed and dies with a traceback. CPython has no public way to ask for it.
    pool._safe_to_dynamically_spawn_children = False  # type: ignore[attr-defined]
    return pool


_assigned: Callable[[Any], Any]


def _begin(function: Callable) -> None:
    global _assigned
    _assigned = function
    worker.begin()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # with which a pool that lost a process ends the others


def _call(items: Sequence[Any]) -> list[Any]:
    try:
        return [_assigned(item) for item in items]
    except Exception as error:
        # Traceback and causes do not reach the parent, which tells errors by them.
        error.raised_in = shortage.raised_in(error)  # type: ignore[attr-defined]
        error.shortage = shortage.of(error)  # type: ignore[attr-defined]
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
