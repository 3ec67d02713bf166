"""Label the training photographs where a round's refined CAMs and saliency maps of AuxSegNet agree."""

from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.maps import Maps
from wsss_core.methods.auxsegnet.inference import refined_cams
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.ops import fusion
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
@click.option("--round", "number", type=int, required=True, help="Whose network and saliency maps.")
def main(params: Params, number: int) -> None:
    """Make the labels on which AuxSegNet's next round is trained."""
    p, index = params.auxsegnet, open_index(params)
    weights = layout.round_folder(layout.MODELS / "auxsegnet", number) / checkpoint.FILE
    folder = layout.round_folder(layout.PREDICTED_SALIENCY / "auxsegnet", number)
    saliency = Maps(require(folder, stage=layout.graph_of("auxsegnet")), index)
    fabric = distribution.launch()
    network, _ = checkpoint.load(weights, AuxSegNet)
    model = network.to(fabric.device)
    options: dict[str, Any] = {"renormalise": p.renormalise_cams, "max_pixels": p.max_pixels}

    def label(ids: Sequence[str]) -> list[np.ndarray]:
        images, tags = [index.image(i) for i in ids], [index[i].tags for i in ids]
        cams = refined_cams(model, images, tags, device=fabric.device, **options)
        salient = [saliency.grey(i) for i in ids]
        rule = {"rule": "dual_xor", **p.labels.model_dump()}
        return [
            fusion.fuse(maps, np.asarray(own, dtype=np.uint8), s, **rule).label
            for maps, own, s in zip(cams, tags, salient, strict=True)
        ]

    network_inference.run(
        index.ids("train"),
        label,
        artifacts.write_labels,
        stage=f"labels after round {number}",
        code=code_digest.of_stage(__file__),
        out=layout.round_folder(layout.METHOD_LABELS / "auxsegnet", number),
        suffix=".png",
        params={"labels": p.labels.model_dump(), **options},
        inputs=[layout.INDEX, folder, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
