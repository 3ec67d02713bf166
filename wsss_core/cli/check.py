"""`wsss check`: what is wrong with the parameters or the data, before anything runs."""

from dataclasses import replace
from pathlib import Path

import click

from wsss_core import layout
from wsss_core.data.check import check_dataset
from wsss_core.frame.dvc_run import linked_outputs
from wsss_core.frame.stage import PATH, source_of, telling_errors
from wsss_core.params import Params, load_params
from wsss_core.problems import Problem
from wsss_core.runtime import environment
from wsss_core.scenes import generator as scenes
from wsss_core.sections import Backbone, BackboneOverride, Training


@click.command()
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def check(params_file: Path) -> None:
    """Check params.yaml, the files and the data set it names; exit code 1 if something is wrong."""
    params = load_params(params_file)
    click.echo(f"{params_file}: parameters are valid")
    if params.dataset.format == "scenes":
        scenes.ensure(Path(params.dataset.root), **params.dataset.scenes.model_dump())
    report = check_dataset(source_of(params), prepared=layout.INDEX, workers=environment.workers())
    own = (*_linked_outputs(), *_unknown_backbones(params), *_missing_weights(params))
    report = replace(report, problems=(*own, *report.problems))
    click.echo(report.text())
    if not report.ok:
        raise click.exceptions.Exit(1)


def _backbones(params: Params) -> dict[str, Backbone | BackboneOverride]:
    """The shared backbone and what each training overrides of it, by their keys."""
    own = {f"{stage}.backbone": p.backbone for stage, p in params if isinstance(p, Training)}
    steps = {f"ssnet.{step}.backbone": p.backbone for step, p in params.ssnet if isinstance(p, Training)}
    return {"backbone": params.backbone, **own, **steps}


def _linked_outputs() -> list[Problem]:
    reason = linked_outputs()
    return [Problem("linked folder", str(layout.INDEX.parent), reason)] if reason else []


def _unknown_backbones(params: Params) -> list[Problem]:
    """One for each key that names a network which does not exist, or not at this stride."""
    from wsss_core.models.backbones.build import adapter_for  # imports timm, which takes seconds: after cheap checks

    problems = []
    for key, backbone in _backbones(params).items():
        whole = backbone if isinstance(backbone, Backbone) else params.backbone.overridden(backbone)
        try:
            if backbone.name is not None or backbone.output_stride is not None:
                adapter_for(whole.name, output_stride=whole.output_stride)
        except ValueError as error:
            problems.append(Problem("unknown backbone", key, f"{key}: {error}"))
    return problems


def _missing_weights(params: Params) -> list[Problem]:
    """One for each weights file that a `backbone` names and that is not there."""
    named = {key: backbone.weights for key, backbone in _backbones(params).items()}
    remedy = "put it there, or give another path, imagenet or none"
    return [
        Problem("missing weights", path, f"{place}.weights is {path}, and there is no such file; {remedy}")
        for place, path in named.items()
        if path is not None and path not in ("imagenet", "none") and not Path(path).is_file()
    ]
