"""What a round of AuxSegNet finds salient, held to the saliency maps of before the first round."""

import logging
from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.maps import Maps
from wsss_core.inference.segmentation import saliency_maps
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.ops.saliency.anchored import anchored
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference

logger = logging.getLogger(__name__)

ONE_VIEW = {"scales": [1.0], "flip": False}


@command
@click.option("--round", "number", type=int, required=True, help="Whose network.")
def main(params: Params, number: int) -> None:
    """Make the saliency maps on which AuxSegNet's next round is trained."""
    p, index = params.auxsegnet, open_index(params)
    weights = layout.round_folder(layout.MODELS / "auxsegnet", number) / checkpoint.FILE
    anchors = Maps(require(layout.SALIENCY, stage="saliency"), index)
    fabric = distribution.launch()
    network, _ = checkpoint.load(weights, AuxSegNet)
    model = network.to(fabric.device)
    if not network.finds_saliency:
        logger.warning("%s was trained without saliency: the maps of before round 1 stay as they are", weights)

    def update(ids: Sequence[str]) -> list[np.ndarray]:
        first = [anchors.grey(i) for i in ids]
        if not network.finds_saliency:
            return first
        images = [index.image(i) for i in ids]
        predicted = saliency_maps(model, images, max_pixels=p.max_pixels, device=fabric.device, **ONE_VIEW)
        return anchored(images, list(predicted), first, device=fabric.device, **p.update.model_dump())

    network_inference.run(
        index.ids("train"),
        update,
        artifacts.write_grey,
        stage=f"saliency after round {number}",
        code=code_digest.of_stage(__file__),
        out=layout.round_folder(layout.PREDICTED_SALIENCY / "auxsegnet", number),
        suffix=".png",
        params={"update": p.update.model_dump(), "max_pixels": p.max_pixels},
        inputs=[layout.INDEX, anchors.folder, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
