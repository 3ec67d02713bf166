"""Segment the validation photographs with a trained network; no tags are used."""

from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.inference.segmentation import segment
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference, trained


@command
@click.option("--method", default="deeplab", show_default=True, help="Which model, and which folder of predictions.")
@click.option("--round", "number", type=int, help="Which of its rounds, instead of the last one.")
def main(params: Params, method: str, number: int | None) -> None:
    """Predict label maps for the validation split."""
    p, index = params.predict, open_index(params)
    last_or_named = params.last_round(method) if number is None else number
    weights = layout.round_folder(layout.MODELS / method, last_or_named) / checkpoint.FILE
    fabric = distribution.launch()
    network, _ = trained.load_segmenter(weights)
    model = network.to(fabric.device)

    def predict(ids: Sequence[str]) -> list[np.ndarray]:
        return segment(model, [index.image(i) for i in ids], device=fabric.device, **p.model_dump())

    network_inference.run(
        index.ids("val"),
        predict,
        artifacts.write_labels,
        stage=f"predict {method}",
        code=code_digest.of_stage(__file__, method=method),
        out=layout.PREDICTIONS / layout.round_name(method, number),
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
