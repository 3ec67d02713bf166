"""`wsss check`: what is wrong with the parameters or the data, before anything runs."""

from pathlib import Path

import click

from wsss_core import layout
from wsss_core.cli.stage import PATH, telling_errors
from wsss_core.data import scenes
from wsss_core.data.check import check_dataset
from wsss_core.params import load_params
from wsss_core.training import environment


@click.command()
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def check(params_file: Path) -> None:
    """Check params.yaml and the data set it names; exit code 1 if something is wrong."""
    dataset = load_params(params_file).dataset
    click.echo(f"{params_file}: parameters are valid")
    if dataset.format == "scenes":
        scenes.ensure(Path(dataset.root), **dataset.scenes.model_dump())
    report = check_dataset(**dataset.model_dump(exclude={"scenes"}), workers=environment.workers())
    click.echo(report.text())
    if not report.ok:
        raise click.exceptions.Exit(1)
