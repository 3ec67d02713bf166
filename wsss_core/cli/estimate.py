"""`wsss estimate`: time, memory and disk of a graph, before it is run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import click
from tqdm import tqdm

from wsss_core import graphs, layout, manifests
from wsss_core.data.index import Index
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import Params, load_params
from wsss_core.params_file import written
from wsss_core.trials import work_copy
from wsss_core.trials.forecast import Growth, sample
from wsss_core.trials.steps import Cost, Step, run, steps_of

FOLDER = Path(".estimate")
_PREPARE = "prepare"
_TRAINING_SHARE, _OTHER_SHARE = 4, 2
"""The smaller sample is the larger one's fourth in a training, its half in any other stage."""
_OTHERS = 6
"""Other stages take longer to start than to work, and look at six times as many photographs: enough for both samples to
be divided among several processes, as the whole set will be."""
_NOTE = (
    "For {planned:,} training photographs, and as large a share of others beside them as in this set: on the line"
    " through trials of {training[0]} and {training[1]} of them for trainings, {other[0]} and {other[1]} for other"
    " stages. Times are of the commands on this machine and its devices; DVC reads and links their outputs beside them."
    " Memory is of all processes of a stage together."
)
_DOUBT = (
    " What a photograph takes is lost in what a start takes, since both trials took about as long, in: {}. A larger"
    " --trial tells."
)


@click.command()
@click.argument("method", default=graphs.DEFAULT)
@click.option("--images", type=click.IntRange(min=1), help="Training photographs to plan for; default: all there are.")
@click.option("--trial", type=click.IntRange(min=2), default=32, show_default=True,
              help="Training photographs that a training is tried on. More tell more truly.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def estimate(method: str, images: int | None, trial: int, params_file: Path) -> None:
    """Tell what METHOD's graph will take on this machine: time, memory and disk of each stage.

    Every stage runs twice, with your parameters and devices, on samples of your photographs, in a copy that is removed
    afterwards; the whole set costs what the line through both says. `--images 10582` plans for a set of that size with
    photographs like yours.
    """
    graph = _graph_of(method)
    params = load_params(params_file)
    with work_copy.alone(FOLDER):
        shutil.rmtree(FOLDER, ignore_errors=True)  # of an estimate that was killed
        try:
            _estimate(graph, params, images=images, trial=trial)
        finally:
            shutil.rmtree(FOLDER, ignore_errors=True)


def _estimate(graph: Path, params: Params, *, images: int | None, trial: int) -> None:
    copy = FOLDER / "copy"
    work_copy.make(copy, written(params), cache=os.path.abspath(FOLDER / "cache"))
    work_copy.link_inputs(copy, params)
    (prepare,), others = _apart(steps_of(copy, graph.as_posix()))
    reading = run(prepare, copy)
    whole = Index.open(copy / layout.INDEX)
    have = len(whole.splits["train"])
    if have <= trial:
        raise click.ClickException(
            f"a trial of {trial} needs more training photographs, and there are {have}: give a smaller --trial, or run"
            " the graph itself"
        )
    planned = images or have
    costs = {prepare.name: Cost(reading.seconds * planned / have, reading.memory, reading.disk * planned // have)}
    many = min(_OTHERS * trial, have)
    training, other = (max(trial // _TRAINING_SHARE, 1), trial), (many // _OTHER_SHARE, many)
    samples = _samples(whole, sorted({*training, *other}))
    untold = []
    for step in (bar := tqdm(others, desc="trials", unit="stage")):
        bar.set_postfix_str(step.name)
        small, large = training if step.trains else other
        growth = Growth(small, _tried(step, samples[small], copy), large, _tried(step, samples[large], copy))
        costs[step.name] = growth.at(planned)
        untold += [] if growth.tells_time else [step.name]
    click.echo(_table(costs))
    doubt = _DOUBT.format(", ".join(untold)) if untold else ""
    click.echo(click.wrap_text(_NOTE.format(planned=planned, training=training, other=other) + doubt, width=110))


def _graph_of(method: str) -> Path:
    known = graphs.by_method()
    if not known:
        raise click.UsageError(f"there is no {layout.GRAPH} here; run from the repository's root")
    if method not in known:
        raise click.UsageError(f"{method!r} is no method; there are {', '.join(sorted(known))}")
    return known[method]


def _apart(steps: list[Step]) -> tuple[list[Step], list[Step]]:
    """The step that reads the data set, which all others follow, and these in their order."""
    return [step for step in steps if step.name == _PREPARE], [step for step in steps if step.name != _PREPARE]


def _samples(whole: Index, counts: Sequence[int]) -> dict[int, Index]:
    """Count -> a sample, each a part of every larger one: what a stage made of that is there for this."""
    samples = {}
    for count in sorted(counts, reverse=True):
        samples[count] = whole = sample(whole, count)
    return samples


def _tried(step: Step, index: Index, copy: Path) -> Cost:
    """What a step costs on a sample; what it makes is there for the next ones."""
    file = copy / layout.INDEX
    index.write(file)
    kind = manifests.supervision_of(file.parent)
    manifests.write(file.parent, stage=_PREPARE, params={}, names=[file.name], supervised_by=kind)
    return run(step, copy)


def _table(costs: Mapping[str, Cost]) -> str:
    width = max(map(len, costs))
    rows = [f"{name:<{width}}  {_time(cost.seconds):>15}  {_size(cost.memory):>9}  {_size(cost.disk):>9}"
            for name, cost in [*costs.items(), ("all", _sum(costs))]]  # fmt: skip
    return "\n".join([f"{'stage':<{width}}  {'time':>15}  {'memory':>9}  {'disk':>9}", *rows])


def _sum(costs: Mapping[str, Cost]) -> Cost:
    """Of all steps, one after the other."""
    return Cost(
        sum(cost.seconds for cost in costs.values()),
        max(cost.memory for cost in costs.values()),
        sum(cost.disk for cost in costs.values()),
    )


def _time(seconds: float) -> str:
    """As `1 day, 2:03:04`."""
    return str(timedelta(seconds=round(seconds)))


def _size(count: float) -> str:
    """As `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"
