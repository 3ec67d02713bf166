"""`wsss check`: what is wrong with the parameters or the data, before anything runs."""

from dataclasses import replace
from pathlib import Path

import click

from wsss_core import layout
from wsss_core.data.check import check_dataset
from wsss_core.data.source import Source
from wsss_core.frame.dvc_run import linked_outputs
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params import Params, load_params
from wsss_core.problems import Problem
from wsss_core.runtime import environment
from wsss_core.scenes import generator as scenes
from wsss_core.sections.training import Backbone


@click.command()
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def check(params_file: Path) -> None:
    """Check params.yaml, the files and the data set it names; exit code 1 if something is wrong."""
    params = load_params(params_file)
    click.echo(f"{params_file}: parameters are valid")
    if params.dataset.format == "scenes":
        scenes.ensure(Path(params.dataset.root), **params.dataset.scenes.model_dump())
    report = check_dataset(Source(**params.dataset.source()), prepared=layout.INDEX, workers=environment.workers())
    own = (*_linked_outputs(), *_unknown_backbones(params), *_missing_weights(params))
    report = replace(report, problems=(*own, *report.problems))
    click.echo(report.text())
    if not report.ok:
        raise click.exceptions.Exit(1)


def _backbones(params: Params, *keys: str) -> dict[str, Backbone]:
    """Place -> backbone: the shared one, and those of trainings that list one of the keys as different there."""
    own = {f"{place}.backbone": p.backbone for place, p in params.trainings().items()}
    listed = {place: backbone for place, backbone in own.items() if backbone.model_fields_set & {*keys}}
    return {"backbone": params.backbone, **listed}


def _linked_outputs() -> list[Problem]:
    reason = linked_outputs()
    return [Problem("linked folder", str(layout.INDEX.parent), reason)] if reason else []


def _unknown_backbones(params: Params) -> list[Problem]:
    """One for each key that names a network which does not exist, or not at this stride."""
    from wsss_core.models.build import adapter_for  # imports timm, which takes seconds: after cheap checks

    problems = []
    for key, backbone in _backbones(params, "name", "output_stride").items():
        try:
            adapter_for(backbone.name, output_stride=backbone.output_stride)
        except ValueError as error:
            problems.append(Problem("unknown backbone", key, f"{key}: {error}"))
    return problems


def _missing_weights(params: Params) -> list[Problem]:
    """One for each weights file that a `backbone` names and that is not there."""
    named = {key: backbone.weights for key, backbone in _backbones(params, "weights").items()}
    remedy = "put it there, or give another path, imagenet or none"
    return [
        Problem("missing weights", path, f"{place}.weights is {path}, and there is no such file; {remedy}")
        for place, path in named.items()
        if path not in ("imagenet", "none") and not Path(path).is_file()
    ]
