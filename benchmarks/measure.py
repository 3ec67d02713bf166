"""Times of two ways to compute the same thing, interleaved in one process, and what the machine could do at best."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache

import torch

REPEATS = 5


@dataclass(frozen=True)
class Floor:
    """What a computation cannot do without."""

    gigabytes: float = 0.0
    gigaflops: float = 0.0

    def seconds(self, device: torch.device) -> float:
        """At the bandwidth and the arithmetic measured on the device, each alone in its best case."""
        bandwidth, arithmetic = ceilings(device, torch.get_num_threads())
        return max(self.gigabytes / bandwidth, self.gigaflops / arithmetic)


@dataclass(frozen=True)
class Row:
    """One claim: `ours_s` and `reference_s` are medians, `agreement` says how equal the results are, `floor_s` is the
    time of the bytes or the arithmetic alone."""

    name: str
    ours_s: float
    reference_s: float
    ratio: float
    agreement: str
    size: str
    device: str
    floor_s: float

    def as_dict(self) -> dict:
        return asdict(self)


def compare(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    agreement: str,
    size: str,
    floor: Floor,
    device: torch.device,
    repeats: int = REPEATS,
) -> Row:
    """Run both once to warm up, then `repeats` times each, in turn; the row of their medians."""
    ours(), reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, taken in zip((ours, reference), times, strict=True):
            taken.append(seconds(function, device))
    a, b = (statistics.median(taken) for taken in times)
    return Row(name, a, b, b / a, agreement, size, describe(device), floor.seconds(device))


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """Wall time of one call, to the end of its work on the device."""
    _finish(device)
    start = time.perf_counter()
    function()
    _finish(device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()}), {torch.get_num_threads()} threads"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch on so many CPU threads, as the reference has."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def ceilings(device: torch.device, num_threads: int) -> tuple[float, float]:
    """(gigabytes, gigaflops) a second: a copy of 256 MB, and a product of 2048 x 2048 float32 matrices."""
    source = torch.zeros(64 * 2**20, device=device)
    target = torch.empty_like(source)
    square = torch.rand(2048, 2048, device=device)
    copied, multiplied = (
        min(seconds(function, device) for _ in range(REPEATS))
        for function in (lambda: target.copy_(source), lambda: square @ square)
    )
    return 2 * source.nbytes / copied / 1e9, 2 * 2048**3 / multiplied / 1e9
