"""One function over many items in several processes, in order, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW = 64  # starting processes takes longer than decoding fewer images than this
_CHUNK = 16  # items sent with one message


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], *, workers: int, name: str
) -> Iterator[Result]:
    """function(item) for each item, in the items' order.

    Args:
        function: must pickle when workers > 1; what it is bound to is sent to each process once.
        workers: processes; 0 or 1 works in this one.
        name: shown in the progress bar.
    """
    with tqdm(total=len(items), desc=name, unit="image") as bar:
        if workers <= 1 or len(items) < _FEW:
            for item in items:
                yield function(item)
                bar.update()
            return
        # "spawn": a forked copy of a process that runs threads (torch, tqdm) may hang.
        with ProcessPoolExecutor(workers, get_context("spawn"), _assign, (function,)) as pool:
            for result in pool.map(_call, items, chunksize=_CHUNK):
                yield result
                bar.update()


_assigned: Callable[[Any], Any]


def _assign(function: Callable) -> None:
    global _assigned
    _assigned = function


def _call(item: Any) -> Any:
    return _assigned(item)
