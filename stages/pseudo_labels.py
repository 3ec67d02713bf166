"""Label the training photographs with a method's network, among the classes that their tags name."""

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
@click.option("--method", default="rrm", show_default=True, help="Whose network; names the labels' folder.")
def main(params: Params, method: str) -> None:
    """Make pseudo-labels of the training split with a trained network."""
    p, index = params.rrm_two_step, open_index(params)
    weights = layout.MODELS / method / checkpoint.FILE
    fabric = distribution.launch()
    model = checkpoint.load_segmenter(weights)[0].to(fabric.device)

    @torch.inference_mode()
    def label(ids: Sequence[str], folder: Path) -> None:
        images, tags = [index.image(i) for i in ids], [index[i].tags for i in ids]
        with fabric.autocast():
            labels = segment(model, images, tags=tags, device=fabric.device, **p.model_dump())
        for image_id, found in zip(ids, labels, strict=True):
            artifacts.write_labels(folder, image_id, found)

    per_image.run(
        index.ids("train"),
        label,
        stage=f"pseudo-labels {method}",
        out=layout.METHOD_LABELS / method,
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
