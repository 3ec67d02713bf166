"""The console command `wsss`."""

import click

from wsss_core.cli.adopt import adopt
from wsss_core.cli.check import check
from wsss_core.cli.compare import compare
from wsss_core.cli.estimate import estimate
from wsss_core.cli.export import export
from wsss_core.cli.gather import gather
from wsss_core.cli.init import init
from wsss_core.cli.inspect import inspect
from wsss_core.cli.labels import labels
from wsss_core.cli.predict import predict
from wsss_core.cli.preset import preset
from wsss_core.cli.saliency import saliency
from wsss_core.cli.seeds import seeds
from wsss_core.cli.sheet import sheet
from wsss_core.cli.suggest import suggest


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Weakly supervised semantic segmentation: image tags in, a trained segmenter out.

    The pipeline itself runs with `dvc repro`; these commands are what surrounds it.
    """


for command in (
    adopt, check, compare, estimate, export, gather, init, inspect, labels, predict, preset, saliency, seeds,
    sheet, suggest,
):  # fmt: skip
    main.add_command(command)


if __name__ == "__main__":
    main()
