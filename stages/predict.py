"""Segment the validation photographs with a trained network; no tags are used."""

from collections.abc import Sequence
from pathlib import Path

import click
import torch

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.models.inference import segment
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, per_image
from wsss_core.training.placement import network_pixels


@command
@click.option("--method", default="deeplab", show_default=True, help="Which model, and which folder of predictions.")
def main(params: Params, method: str) -> None:
    """Predict label maps for the validation split."""
    p, index = params.predict, open_index(params)
    weights = layout.MODELS / method / checkpoint.FILE
    fabric = distribution.launch()
    model = checkpoint.load_segmenter(weights)[0].to(fabric.device)

    @torch.inference_mode()
    def predict(ids: Sequence[str], folder: Path) -> None:
        with fabric.autocast():
            labels = segment(model, [index.image(i) for i in ids], device=fabric.device, **p.model_dump())
        for image_id, label in zip(ids, labels, strict=True):
            artifacts.write_labels(folder, image_id, label)

    per_image.run(
        index.ids("val"),
        predict,
        stage=f"predict {method}",
        out=layout.PREDICTIONS / method,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        sizes=index.size,
        batch_pixels=network_pixels(fabric.device),
        equal_sizes=True,
        processes=fabric,
    )


if __name__ == "__main__":
    main()
