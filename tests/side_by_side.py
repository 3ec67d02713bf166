"""Two processes that share a batch, as two threads of this one: what they sum, they exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import torch

from wsss_core.runtime import ranks

Result = TypeVar("Result")
WORLD = 2


def side_by_side(patch: pytest.MonkeyPatch, work: Callable[[int], Result]) -> list[Result]:
    """work(rank) of each rank."""
    here, barrier, given = threading.local(), threading.Barrier(WORLD, timeout=20), {}

    def summed(values: torch.Tensor) -> torch.Tensor:
        given[here.rank] = values.detach().clone()
        barrier.wait()
        total = sum(given[rank] for rank in range(WORLD))
        barrier.wait()  # before one gives the next
        return total

    def run(rank: int) -> Result:
        here.rank = rank
        return work(rank)

    patch.setattr(ranks, "count", lambda: WORLD)
    patch.setattr(ranks, "rank", lambda: here.rank)
    patch.setattr(ranks, "summed", summed)
    with ThreadPoolExecutor(WORLD) as threads:
        made = list(threads.map(run, range(WORLD)))
    patch.undo()
    return made
