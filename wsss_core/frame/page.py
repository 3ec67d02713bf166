"""A page of the report as the parameters have it."""

from collections.abc import Sequence
from pathlib import Path

from wsss_core.data.index import Index
from wsss_core.frame.truth import open_truth
from wsss_core.params import Params
from wsss_core.report.contents import Contents
from wsss_core.report.strips import Strip
from wsss_core.report.writer import write_page


def write(
    params: Params,
    index: Index,
    shown: Contents,
    *,
    comparison: Sequence[Sequence[str]] = (),
    over_seeds: Sequence[Sequence[str]] = (),
) -> tuple[Path, list[Strip]]:
    """As `report.writer.write_page`, with the seed and the backbone at its head."""
    backbone = params.backbone
    built = f"{backbone.name}, output stride {backbone.output_stride}, weights: {backbone.weights}"
    return write_page(
        index, open_truth(params, index), shown, settings={"Backbone": built, "Seed": str(params.seed)},
        num_images=params.report.num_images,
        num_browsed=params.report.num_browsed, comparison=comparison, over_seeds=over_seeds,
    )  # fmt: skip
