"""`wsss saliency`: how good saliency maps are, of any folder, of the weight-free detectors and of networks."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from wsss_core import layout, registry
from wsss_core.data.saliency_maps import SaliencyMaps
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.frame.truth import open_truth
from wsss_core.ops.saliency.detection import patent_note
from wsss_core.params import Params, load_params, validate
from wsss_core.runtime import environment
from wsss_core.sections.saliency import Saliency
from wsss_core.supervision import SALIENCY_NETWORKS


@click.command()
@click.argument("folders", nargs=-1, type=PATH)
@click.option(
    "--detector",
    "methods",
    multiple=True,
    type=click.Choice((*registry.detectors(), *SALIENCY_NETWORKS)),
    help="A detector or a network to run and score too; may be repeated.",
)
@click.option("--weights", help="Of the network, as `saliency.weights`, which it replaces.")
@click.option("--split", type=click.Choice(["train", "val"]), default="val", show_default=True, help="Of which images.")
@click.option("--acknowledge-patents", is_flag=True, help="Run detectors that carry patent notes of their authors.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def saliency(
    folders: Sequence[Path],
    methods: Sequence[str],
    weights: str | None,
    split: str,
    acknowledge_patents: bool,
    params_file: Path,
) -> None:
    """Score folders of saliency maps (<id>.png, grey), detectors and networks against the objects of all classes.

    max F is that of the mean precision and recall at 256 thresholds (beta^2 = 0.3); adaptive F is at twice each map's
    mean; MAE is the mean absolute error, of the maps as they are and stretched to [0, 1].
    """
    from wsss_core.report import saliency_table

    if not folders and not methods:
        raise click.UsageError("name folders of maps, or detectors with --detector")
    for method in methods:
        note = patent_note(method) if method in registry.detectors() else None
        if note and not acknowledge_patents:
            raise click.UsageError(f"{note}; add --acknowledge-patents to run {method}")
    params = load_params(params_file)
    networks = {method: _network(params, method, weights) for method in methods if method in SALIENCY_NETWORKS}
    index = open_index(params)
    truth = open_truth(params, index)
    ids = [image_id for image_id in index.ids(split) if truth.available(image_id)]
    if not ids:
        raise click.ClickException(f"no {split} image has a mask to score against")
    otherwise = f"score those of another split than {split} (--split)"
    opened = {str(folder): SaliencyMaps.open(folder, index, ids, otherwise=otherwise) for folder in folders}
    reads: dict[str, Callable] = {name: maps.read for name, maps in opened.items()}
    reads |= {method: saliency_table.detector(index, method) for method in methods if method not in networks}
    workers = environment.workers()
    rows = {name: saliency_table.summary(name, ids, read, truth, workers=workers) for name, read in reads.items()}
    for method, p in networks.items():
        from wsss_core.inference import saliency_networks  # and torch: detectors do without

        read = saliency_networks.reader(
            index, method=method, weights=p.weights or "", normalise=p.normalise, onnx=p.onnx.model_dump()
        )
        rows[method] = saliency_table.summary(method, ids, read, truth, workers=0)  # it stays in this process
    click.echo(saliency_table.as_text(f"{split}, {len(ids)} images", rows))


def _network(params: Params, method: str, weights: str | None) -> Saliency:
    """The parameters of saliency with this network in their place. Raises ParamsError as those of a file would."""
    given = params.saliency.model_dump() | {"method": method, "weights": weights or params.saliency.weights}
    return validate({**params.model_dump(mode="json"), "saliency": given}, source=f"--detector {method}").saliency
