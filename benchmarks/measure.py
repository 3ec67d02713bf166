"""Times of two ways to compute the same thing, interleaved in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

REPEATS = 5


@dataclass(frozen=True)
class Row:
    """One claim: `ours_s` and `reference_s` are medians; `agreement` says how equal the results are."""

    name: str
    ours_s: float
    reference_s: float
    ratio: float
    agreement: str
    size: str
    device: str

    def as_dict(self) -> dict:
        return asdict(self)


def compare(
    name: str, ours: Callable[[], object], reference: Callable[[], object], *, agreement: str, size: str, device: str
) -> Row:
    """Run both once to warm up, then REPEATS times each, in turn; the row of their medians."""
    ours(), reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for function, taken in zip((ours, reference), times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    a, b = (statistics.median(taken) for taken in times)
    return Row(name, a, b, b / a, agreement, size, device)
