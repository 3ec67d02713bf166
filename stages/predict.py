"""Segment the validation photographs with a trained network; no tags are used."""

from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.frame.stage import command, open_index
from wsss_core.inference.run import Inference
from wsss_core.inference.segmentation import segment
from wsss_core.models import model_file, trained
from wsss_core.params import Params


@command
@click.option("--method", default="deeplab", show_default=True, help="Which model, and which folder of predictions.")
@click.option("--round", "number", type=int, help="Which of its rounds, instead of the last one.")
def main(params: Params, method: str, number: int | None) -> None:
    """Predict label maps for the validation split."""
    p, index = params.predict, open_index(params)
    last_or_named = params.last_round(method) if number is None else number
    weights = layout.round_folder(layout.MODELS / method, last_or_named) / model_file.FILE
    run = Inference.of(weights, trained.load_segmenter, index)

    def predict(_: Sequence[str], images: list[np.ndarray]) -> list[np.ndarray]:
        return segment(run.network, images, device=run.device, **p.model_dump())

    run.write_each(
        index.ids("val"),
        predict,
        artifacts.LABELS,
        stage=f"predict {method}",
        code=code_digest.of_stage(__file__, method=method),
        out=layout.PREDICTIONS / layout.round_name(method, number),
        params=p.model_dump(),
    )


if __name__ == "__main__":
    main()
