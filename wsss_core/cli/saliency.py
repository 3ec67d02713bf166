"""`wsss saliency`: how good saliency maps are, of any folder and of the weight-free detectors."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from wsss_core import layout
from wsss_core.cli.stage import PATH, open_index, telling_errors
from wsss_core.cli.truth import open_truth
from wsss_core.data.saliency_maps import SaliencyMaps
from wsss_core.params import load_params
from wsss_core.training import environment

DETECTORS = ("rbd", "mr", "mbd_plus", "mean")


@click.command()
@click.argument("folders", nargs=-1, type=PATH)
@click.option("--detector", "methods", multiple=True, type=click.Choice(DETECTORS),
              help="A detector to run and score too; may be repeated.")
@click.option("--split", type=click.Choice(["train", "val"]), default="val", show_default=True, help="Of which images.")
@click.option("--acknowledge-patents", is_flag=True, help="Run detectors that carry patent notes of their authors.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def saliency(
    folders: Sequence[Path], methods: Sequence[str], split: str, acknowledge_patents: bool, params_file: Path
) -> None:
    """Score folders of saliency maps (<id>.png, grey) and detectors against the objects of all classes.

    max F is that of the mean precision and recall at 256 thresholds (beta^2 = 0.3); adaptive F is at twice each map's
    mean; MAE is the mean absolute error, of the maps as they are and stretched to [0, 1].
    """
    from wsss_core.ops.saliency import PATENT_NOTES  # and scikit-image: the other commands start without
    from wsss_core.report import saliency_table

    if not folders and not methods:
        raise click.UsageError("name folders of maps, or detectors with --detector")
    for method in methods:
        if method in PATENT_NOTES and not acknowledge_patents:
            raise click.UsageError(f"{PATENT_NOTES[method]}; add --acknowledge-patents to run {method}")
    params = load_params(params_file)
    index = open_index(params)
    truth = open_truth(params, index)
    ids = [image_id for image_id in index.ids(split) if truth.available(image_id)]
    if not ids:
        raise click.ClickException(f"no {split} image has a mask to score against")
    otherwise = f"score those of another split than {split} (--split)"
    opened = {str(folder): SaliencyMaps.open(folder, index, ids, otherwise=otherwise) for folder in folders}
    reads: dict[str, Callable] = {name: maps.read for name, maps in opened.items()}
    reads |= {method: saliency_table.detector(index, method) for method in methods}
    workers = environment.workers()
    rows = {name: saliency_table.summary(name, ids, read, truth, workers=workers) for name, read in reads.items()}
    click.echo(saliency_table.as_text(f"{split}, {len(ids)} images", rows))
