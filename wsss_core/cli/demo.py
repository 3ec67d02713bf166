"""`make demo`: the whole graph on generated scenes, beside the user's work and without touching it.

The demo lives in a folder of its own: a copy of the code, the parameters of a preset, its own artifacts. It shares
the DVC cache, so that `dvc repro` with the shipped parameters afterwards takes its results from there.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from wsss_core import layout, presets
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params_file import written
from wsss_core.trials import work_copy


@click.command()
@click.option("--folder", type=PATH, default=Path(".demo"), show_default=True, help="Where the demo lives.")
@click.option("--preset", "name", default="scenes", show_default=True, help="Which parameters it runs.")
@telling_errors
def demo(folder: Path, name: str) -> None:
    """Run the whole pipeline on generated scenes and print its table of results."""
    params = presets.params_with(presets.read_preset(name), source=f"preset {name}")  # the user's may be anything
    with work_copy.alone(folder):
        work_copy.make(folder, written(params), cache=os.path.relpath(".dvc/cache", folder / ".dvc"))
        status = work_copy.repro(folder)
    if status:
        raise click.exceptions.Exit(status)

    from wsss_core.report.tables import quality_table

    click.echo(f"\n{quality_table(folder / layout.METRICS)}\n\nThe report: {folder / layout.REPORTS / 'report.html'}")


if __name__ == "__main__":
    demo()
