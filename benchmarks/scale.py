"""How the stages grow with the data set: `python -m benchmarks.scale` prints a table and draws docs/scale.png.

Sets of generated pictures go through `prepare` and through every stage that makes something of each image; networks are
trained on the smallest set alone. What DVC itself takes, to hash and keep all of it, is a line of its own.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure

from wsss_core import layout, presets
from wsss_core.params_file import written
from wsss_core.trials import work_copy
from wsss_core.trials.steps import Cost, Step, run, steps_of

PICTURE = Path("docs/scale.png")
HEIGHT, WIDTH = 64, 80
"""Of a picture in pixels: so small that what is paid for each file shows."""
VAL_SHARE = 4
"""Training pictures for each one to validate."""
DVC = "DVC: hash and keep all"
GIGABYTE = 1e9

Costs = Mapping[int, Mapping[str, Cost]]
"""Training pictures -> name of the step -> its cost."""


def measured(counts: Sequence[int], folder: Path) -> Costs:
    """Run the graph's stages on sets of so many pictures, ascending, in a copy of the repository in a folder."""
    found: dict[int, dict[str, Cost]] = {}
    copy = folder / "copy"
    for count in counts:
        work_copy.make(copy, _params(count), cache=os.path.abspath(folder / "cache"))
        _draw(copy)
        steps = [step for step in steps_of(copy, layout.GRAPH.name) if not found or not step.trains]
        found[count] = {step.name: _told(step, copy, count) for step in steps}
        found[count][DVC] = _kept_by_dvc(copy)
    return {count: {name: cost for name, cost in own.items() if name in found[counts[-1]]}
            for count, own in found.items()}  # fmt: skip


def _params(count: int) -> str:
    scenes = {"num_train": count, "num_val": max(count // VAL_SHARE, 1), "height": HEIGHT, "width": WIDTH}
    own = presets.over(presets.read_preset("scenes_tiny"), {"dataset": {"scenes": scenes}})
    return written(presets.params_with(own, source="the benchmark"))


def _draw(copy: Path) -> None:
    """Have the pictures drawn before anything is timed."""
    subprocess.run([sys.executable, "-m", "stages.digests"], cwd=copy, check=True, capture_output=True)


def _told(step: Step, copy: Path, count: int) -> Cost:
    cost = run(step, copy)
    click.echo(f"{count:>7,}  {step.name:<16} {cost.seconds:>8.1f} s  {cost.memory / GIGABYTE:>6.2f} GB", err=True)
    return cost


def _kept_by_dvc(copy: Path) -> Cost:
    started = time.perf_counter()
    command = [sys.executable, "-m", "dvc", "commit", "--force", "--quiet", layout.GRAPH.name]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return Cost(time.perf_counter() - started, 0, 0)


def table(costs: Costs) -> str:
    """Seconds and memory of each step on each set, and the power of the pictures with which its time grew at last."""
    counts = sorted(costs)
    head = f"{'':<24}" + "".join(f"{count:>12,}" for count in counts) + f"{'exponent':>10}{'ms each':>9}"
    lines = [head]
    for name in costs[counts[-1]]:
        of_step = [costs[count][name] for count in counts]
        seconds = "".join(f"{cost.seconds:>10.1f} s" for cost in of_step)
        lines.append(f"{name:<24}{seconds}{exponent(costs, name):>10.2f}{1000 * slope(costs, name):>9.1f}")
        lines.append(f"{'':<24}" + "".join(f"{cost.memory / GIGABYTE:>9.2f} GB" for cost in of_step if cost.memory))
    return "\n".join(line for line in lines if line.strip())


def slope(costs: Costs, name: str) -> float:
    """Seconds for each further picture, between the two largest sets."""
    few, many = sorted(costs)[-2:]
    return (costs[many][name].seconds - costs[few][name].seconds) / (many - few)


def exponent(costs: Costs, name: str) -> float:
    """The power with which a step's time grows between the two largest sets, what its start takes left out.

    The start is what the line through the two smallest sets leaves at no picture; 1 is linear.
    """
    counts = sorted(costs)
    first, second = counts[:2]
    low, high = costs[first][name].seconds, costs[second][name].seconds
    start = max(low - first * (high - low) / (second - first), 0.0)
    few, many = counts[-2:]
    grown = [max(costs[count][name].seconds - start, 1e-3) for count in (few, many)]
    return math.log(grown[1] / grown[0]) / math.log(many / few)


def draw(costs: Costs) -> Figure:
    """Time and memory of each step over the pictures."""
    counts = sorted(costs)
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    times, memory = figure.subplots(1, 2)
    for number, name in enumerate(costs[counts[-1]]):
        style = dict(marker="os^Dv"[number % 5], linestyle="-" if number < 10 else "--", markersize=4)
        times.loglog(counts, [costs[count][name].seconds for count in counts], label=name, **style)
        if name != DVC:
            memory.semilogx(counts, [costs[count][name].memory / GIGABYTE for count in counts], **style)
    times.loglog(counts, np.array(counts) * 1e-2, color="grey", linestyle=":", label="10 ms each")
    times.set_ylabel("seconds")
    memory.set_ylabel("GB of all processes of a step")
    memory.set_ylim(bottom=0)
    for axes in (times, memory):
        axes.set_xlabel(f"training pictures of {HEIGHT}x{WIDTH}, and a quarter as many beside them")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.minorticks_off()
        axes.grid(alpha=0.2)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


@click.command()
@click.argument("counts", nargs=-1, type=click.IntRange(min=8))
@click.option("--picture", type=click.Path(path_type=Path), default=PICTURE, show_default=True)
def main(counts: tuple[int, ...], picture: Path) -> None:
    """Measure, print and draw how each stage grows with COUNTS of training pictures (100 1000 10000)."""
    ascending = sorted(set(counts or (100, 1000, 10000)))
    if len(ascending) < 2:
        raise click.UsageError("give at least two counts, of which the growth is seen")
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(ascending, Path(folder))
    click.echo(table(costs))
    draw(costs).savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
