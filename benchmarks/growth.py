"""How cost grows with pixels, labels, radius and steps: `python -m benchmarks.growth` writes docs/growth.png."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.crf_vs_pydensecrf import SETTINGS
from benchmarks.measure import describe, seconds, threads
from benchmarks.photographs import HEIGHT, WIDTH, evidence, photograph
from benchmarks.walk_vs_dense import features, transition
from wsss_core.ops import random_walk
from wsss_core.ops.crf import Engine, available_engines, dense_crf

PICTURE = Path("docs/growth.png")
REPEATS = 3
TICKS = [m * 10.0**e for e in range(-4, 3) for m in (1, 2, 5)]  # seconds
PHOTOGRAPH = (HEIGHT, WIDTH)
SIZES = ((188, 250), PHOTOGRAPH, (750, 1000), (1500, 2000))
LABELS = (2, 5, 10, 21)
RADII = (3, 5, 7, 10)
LOG2_STEPS = (4, 6, 8, 10)


@dataclass(frozen=True)
class Series:
    """Seconds at each value of what grows."""

    title: str
    axis: str
    values: Sequence[float]
    times: dict[str, list[float]]


def measure(device: torch.device) -> list[Series]:
    with threads(1):
        return [
            Series("dense CRF, 3 labels", "pixels", [h * w for h, w in SIZES],
                   _engines(device, [(size, 3) for size in SIZES])),
            Series(f"dense CRF, {HEIGHT}x{WIDTH}", "labels", LABELS,
                   _engines(device, [(PHOTOGRAPH, n) for n in LABELS])),
            Series("random walk, stride 8, 3 channels", "pixels", [h * w for h, w in SIZES],
                   {"ours": [_walk(device, size=size) for size in SIZES]}),
            Series(f"random walk, {HEIGHT}x{WIDTH}", "radius", RADII,
                   {"ours": [_walk(device, radius=r) for r in RADII]}),
            Series(f"random walk, {HEIGHT}x{WIDTH}", "steps", [2**n for n in LOG2_STEPS],
                   {"ours": [_walk(device, log2_steps=n) for n in LOG2_STEPS]}),
        ]  # fmt: skip


def _engines(device: torch.device, cases: Sequence[tuple[tuple[int, int], int]]) -> dict[str, list[float]]:
    return {engine: [_crf(device, engine, size, labels) for size, labels in cases] for engine in available_engines()}


def _crf(device: torch.device, engine: Engine, size: tuple[int, int], labels: int) -> float:
    image, maps = photograph("astronaut", *size), evidence(labels, *size)
    return _median(lambda: dense_crf([image], [maps], engine=engine, device=device, **SETTINGS), device)


def _walk(
    device: torch.device, *, size: tuple[int, int] = PHOTOGRAPH, radius: int = 5, log2_steps: int = 8
) -> float:
    grid = -(-size[0] // 8), -(-size[1] // 8)
    walk = transition(features(*grid, device=device), radius=radius)
    scores = torch.rand(3, *grid, device=device)
    return _median(lambda: random_walk.propagate(scores, walk, log2_steps=log2_steps), device)


def _median(function: Callable[[], object], device: torch.device) -> float:
    function()
    return statistics.median(seconds(function, device) for _ in range(REPEATS))


def draw(series: Sequence[Series], device: torch.device) -> Figure:
    figure = Figure(figsize=(13, 3), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(series)), series, strict=True):
        for name, times in one.times.items():
            axes.loglog(one.values, times, "o-", label=name)
        axes.set_title(one.title, fontsize=9)
        axes.set_xlabel(one.axis)
        axes.set_xticks(one.values, [f"{value:,}" for value in one.values], fontsize=7)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        low, high = min(map(min, one.times.values())), max(map(max, one.times.values()))
        axes.set_yticks([t for t in TICKS if low / 2 < t < 2 * high])
        axes.grid(alpha=0.2)
        if len(one.times) > 1:
            axes.legend(frameon=False, fontsize=8)
    figure.supylabel(f"seconds; {describe(device)}", fontsize=8)
    return figure


@click.command()
def main() -> None:
    """Measure, print and draw the growth of each cost."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    series = measure(device)
    for one in series:
        for name, times in one.times.items():
            exponent = np.polyfit(np.log(one.values), np.log(times), 1)[0]
            shown = ", ".join(f"{value:g}: {time:.3f}" for value, time in zip(one.values, times, strict=True))
            click.echo(f"{one.title}, {name}: {one.axis} {shown} s; exponent {exponent:.2f}")
    with threads(1):
        draw(series, device).savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
