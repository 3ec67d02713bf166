"""`wsss seeds`: a graph over several seeds, and mean and standard deviation of all its figures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from wsss_core import artifacts, graphs, layout
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import Params, load_params
from wsss_core.params_file import written
from wsss_core.trials import work_copy

FOLDER = Path(".seeds")
"""A working folder for each seed."""


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="SEED... [GRAPH]...")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def seeds(what: Sequence[str], params_file: Path) -> None:
    """Run a graph once for each SEED; write the mean and standard deviation of its figures to reports/seeds/.

    A GRAPH is a method (`rrm`) or its dvc.yaml; the default one is the root's. Each seed has a working folder in
    .seeds/, and all share DVC's cache: what does not depend on the seed, and what your own run made, is not made again.
    The same command goes on after a kill and with further seeds.
    """
    numbers, chosen = _parsed(what)
    params = load_params(params_file)
    cache, links = _dvc("cache", "dir"), _dvc("config", "cache.type", default=work_copy.LINKS)
    for number in numbers:
        folder = FOLDER / str(number)
        of_seed = params.model_copy(update={"seed": number})
        with work_copy.alone(folder):
            work_copy.make(folder, written(of_seed), cache=os.path.abspath(cache), links=links)
            work_copy.link_inputs(folder, params)
            for name, graph in chosen.items():
                _run(graph, folder, f"seed {number}, {name}")
    _write_tables(numbers, chosen, params)


def _run(graph: Path, folder: Path, name: str) -> None:
    click.echo(f"{name}: dvc repro in {folder}")
    status = work_copy.repro(folder, [] if graph == layout.GRAPH else [graph.as_posix()])
    if status:
        raise click.ClickException(
            f"{name} ended with exit code {status}, for the reason above; the same command goes on where it was"
        )


def _write_tables(numbers: Sequence[int], chosen: dict[str, Path], params: Params) -> None:
    from wsss_core.report import seeds as report  # and with it what reads figures: other commands start without
    from wsss_core.report import tables

    folders = {number: FOLDER / str(number) for number in numbers}
    for name, graph in chosen.items():
        figures = report.gather(folders, _metrics_of(graph), params=report.but_the_seed(params))
        path = report.FOLDER / f"{name}.csv"
        artifacts.write_text(path, report.as_csv(figures))
        note = click.wrap_text(report.NOTE, width=110)
        click.echo(f"\n{tables.as_text(report.table(figures))}\n{note}\nwrote {path}")


def _parsed(what: Sequence[str]) -> tuple[list[int], dict[str, Path]]:
    """The seeds, once each, and name -> dvc.yaml of the graphs."""
    numbers = list(dict.fromkeys(int(word) for word in what if word.isdecimal()))
    known = graphs.by_method()
    by_file = {file: name for name, file in known.items()}
    chosen = {}
    for word in (word for word in what if not word.isdecimal()):
        name = word if word in known else by_file.get(Path(word))
        if name is None:
            raise click.UsageError(f"{word!r} is neither a seed nor a graph; graphs are {', '.join(sorted(known))}")
        chosen[name] = known[name]
    if len(numbers) < 2:
        raise click.UsageError("give at least two seeds, as in `wsss seeds 0 1 2`: one has no spread")
    if too_large := [number for number in numbers if number >= 2**32]:
        raise click.UsageError(f"{too_large[0]} is no seed: they go from 0 to {2**32 - 1}")
    if not known:
        raise click.UsageError(f"there is no {layout.GRAPH} here; run from the repository's root")
    return numbers, chosen or {graphs.DEFAULT: known[graphs.DEFAULT]}


def _metrics_of(graph: Path) -> list[str]:
    """The metrics files that a graph declares, as patterns: those of rounds have `*` for the number."""
    stages = graphs.stages(graph).values()
    declared = [path for stage in stages for path in stage.get("metrics", ())]
    outs = [out for stage in stages for out in stage.get("outs", ()) if isinstance(out, str)]
    folders = [f"{out}/*.json" for out in outs if Path(out).parent == layout.METRICS]
    return [path.replace("${key}", "*") for path in [*declared, *folders]]


def _dvc(*command: str, default: str = "") -> str:
    """What a dvc command says of the settings here; `default` where nothing is set."""
    run = subprocess.run([sys.executable, "-m", "dvc", *command], capture_output=True, text=True, check=False)
    if run.returncode and not default:
        raise click.ClickException(f"`dvc {' '.join(command)}` failed; {run.stderr.strip() or 'run it to see why'}")
    return run.stdout.strip() or default
