"""Find what is salient in the validation photographs, with a network that learnt it; no tags are used."""

from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.models.inference import saliency_maps
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
@click.option("--method", required=True, help="Which model, and which folder of saliency maps.")
def main(params: Params, method: str) -> None:
    """Predict saliency maps for the validation split."""
    p, index = params.predict, open_index(params)
    weights = checkpoint.file_of(layout.MODELS / method)
    fabric = distribution.launch()
    model = checkpoint.load_segmenter(weights)[0].to(fabric.device)
    views = {"scales": p.scales, "flip": p.flip, "max_pixels": p.max_pixels}

    def predict(ids: Sequence[str]) -> list[np.ndarray]:
        return list(saliency_maps(model, [index.image(i) for i in ids], device=fabric.device, **views))

    network_inference.run(
        index.ids("val"),
        predict,
        artifacts.write_grey,
        stage=f"predict saliency {method}",
        out=layout.PREDICTED_SALIENCY / method / "val",
        suffix=".png",
        params=views,
        inputs=[layout.INDEX, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
