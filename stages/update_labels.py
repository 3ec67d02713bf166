"""Label the training photographs where a round's refined CAMs and saliency maps of AuxSegNet agree."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout, remedies
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.inference.run import Inference
from wsss_core.methods.auxsegnet import section
from wsss_core.methods.auxsegnet.inference import refined_cams
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.models import model_file
from wsss_core.ops import fusion
from wsss_core.params import Params


@command
@click.option("--round", "number", type=int, required=True, help="Whose network and saliency maps.")
def main(params: Params, number: int) -> None:
    """Make the labels on which AuxSegNet's next round is trained."""
    p: section.AuxSegNet = params.auxsegnet
    index = open_index(params)
    weights = layout.round_folder(layout.MODELS / "auxsegnet", number) / model_file.FILE
    folder = layout.round_folder(layout.PREDICTED_SALIENCY / "auxsegnet", number)
    saliency = Maps(require(folder, stage=remedies.graph_of("auxsegnet")), index)
    run = Inference.of(weights, partial(model_file.load, network=AuxSegNet), index)
    options: dict[str, Any] = {"renormalise": p.renormalise_cams, "max_pixels": p.max_pixels}

    def label(ids: Sequence[str], images: list[np.ndarray]) -> list[np.ndarray]:
        tags, rule = run.tags(ids), {"rule": "dual_xor", **p.labels.model_dump()}
        cams = refined_cams(run.network, images, tags, device=run.device, **options)
        return [
            fusion.fuse(maps, np.asarray(own, dtype=np.uint8), saliency.grey(image_id), **rule).label
            for maps, own, image_id in zip(cams, tags, ids, strict=True)
        ]

    run.write_each(
        index.ids("train"),
        label,
        artifacts.LABELS,
        stage=f"labels after round {number}",
        code=code_digest.of_stage(__file__),
        out=layout.round_folder(layout.METHOD_LABELS / "auxsegnet", number),
        params={"labels": p.labels.model_dump(), **options},
        inputs=[folder],
    )


if __name__ == "__main__":
    main()
