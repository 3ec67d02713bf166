"""The processes that share the batches of one training: how many there are, and what they know together.

Alone, and where nothing was launched, every function gives back what it gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import distributed


def count() -> int:
    """The number of processes, W."""
    return distributed.get_world_size() if _several() else 1


def rank() -> int:
    """Which of them this is, from 0 on."""
    return distributed.get_rank() if _several() else 0


@torch.no_grad()
def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor of every process; all call this in the same order, with equal shapes. It has no graph."""
    if not _several():
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def anywhere(is_so: bool) -> bool:
    """Whether it is so in at least one of the processes, all of which ask."""
    if not _several():
        return is_so
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return bool(summed(torch.tensor(float(is_so), device=device)))


def joined(names: Sequence[str]) -> list[str]:
    """The names of all processes, those of the first one first."""
    if not _several():
        return list(names)
    parts: list[Sequence[str]] = [()] * count()
    distributed.all_gather_object(parts, names)
    return [name for part in parts for name in part]


def seed_step(seed: int, step: int) -> None:
    """Seed what torch draws in a step: in each process otherwise, and after a restart as before. Alone, it goes on."""
    if _several():
        mixed = np.random.SeedSequence([seed, step, rank()]).generate_state(1, np.uint64)
        torch.manual_seed(int(mixed[0]))


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()
