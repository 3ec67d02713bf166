"""What a round of AuxSegNet finds salient, held to the saliency maps of before the first round."""

import logging
from collections.abc import Sequence
from functools import partial

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.inference.run import Inference
from wsss_core.inference.segmentation import saliency_maps
from wsss_core.methods.auxsegnet import section
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.models import model_file
from wsss_core.ops.saliency.anchored import anchored
from wsss_core.params import Params

logger = logging.getLogger(__name__)

ONE_VIEW = {"scales": [1.0], "flip": False}


@command
@click.option("--round", "number", type=int, required=True, help="Whose network.")
def main(params: Params, number: int) -> None:
    """Make the saliency maps on which AuxSegNet's next round is trained."""
    p: section.AuxSegNet = params.auxsegnet
    index = open_index(params)
    weights = layout.round_folder(layout.MODELS / "auxsegnet", number) / model_file.FILE
    anchors = Maps(require(layout.SALIENCY, stage="saliency"), index)
    run = Inference.of(weights, partial(model_file.load, network=AuxSegNet), index)
    if not run.network.finds_saliency:
        logger.warning("%s was trained without saliency: the maps of before round 1 stay as they are", weights)

    def read(ids: Sequence[str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        return run.images(ids) if run.network.finds_saliency else [], [anchors.grey(i) for i in ids]

    def update(_: Sequence[str], inputs: tuple[list[np.ndarray], list[np.ndarray]]) -> list[np.ndarray]:
        images, first = inputs
        if not run.network.finds_saliency:
            return first
        found = saliency_maps(run.network, images, max_pixels=p.max_pixels, device=run.device, **ONE_VIEW)
        return anchored(images, list(found), first, device=run.device, **p.update.model_dump())

    run.write_each(
        index.ids("train"),
        update,
        artifacts.GREY,
        stage=f"saliency after round {number}",
        code=code_digest.of_stage(__file__),
        out=layout.round_folder(layout.PREDICTED_SALIENCY / "auxsegnet", number),
        params={"update": p.update.model_dump(), "max_pixels": p.max_pixels},
        inputs=[anchors.folder],
        read=read,
    )


if __name__ == "__main__":
    main()
