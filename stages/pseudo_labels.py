"""Label the training photographs with a method's network, among the classes that their tags name."""

from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.inference.segmentation import segment
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference, trained


@command
@click.option("--method", type=click.Choice(["rrm", "ssnet"]), required=True, help="Whose network; names the folder.")
def main(params: Params, method: str) -> None:
    """Make pseudo-labels of the training split with a method's first network."""
    index = open_index(params)
    p = getattr(params, f"{method}_two_step")
    weights = (
        layout.round_folder(layout.MODELS / method, None if params.last_round(method) is None else 1) / checkpoint.FILE
    )
    fabric = distribution.launch()
    network, _ = trained.load_segmenter(weights)
    model = network.to(fabric.device)

    def label(ids: Sequence[str]) -> list[np.ndarray]:
        images, tags = [index.image(i) for i in ids], [index[i].tags for i in ids]
        return segment(model, images, tags=tags, device=fabric.device, **p.model_dump())

    network_inference.run(
        index.ids("train"),
        label,
        artifacts.write_labels,
        stage=f"pseudo-labels {method}",
        code=code_digest.of_stage(__file__, method=method),
        out=layout.METHOD_LABELS / method,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
