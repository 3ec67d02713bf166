"""Find what is salient in the validation photographs, with a network that learnt it; no tags are used."""

import logging
from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.frame.stage import command, open_index
from wsss_core.inference.run import Inference
from wsss_core.inference.segmentation import saliency_maps
from wsss_core.models import model_file, trained
from wsss_core.params import Params

logger = logging.getLogger(__name__)


@command
@click.option("--method", required=True, help="Which model, and which folder of saliency maps.")
def main(params: Params, method: str) -> None:
    """Predict saliency maps for the validation split."""
    p, index = params.predict, open_index(params)
    weights = layout.round_folder(layout.MODELS / method, params.last_round(method)) / model_file.FILE
    run = Inference.of(weights, trained.load_segmenter, index)
    if not run.network.finds_saliency:
        logger.warning("%s was trained without saliency: it makes no saliency maps", weights)
    views = {"scales": p.scales, "flip": p.flip, "max_pixels": p.max_pixels}

    def predict(_: Sequence[str], images: list[np.ndarray]) -> list[np.ndarray]:
        return list(saliency_maps(run.network, images, device=run.device, **views))

    run.write_each(
        index.ids("val") if run.network.finds_saliency else (),
        predict,
        artifacts.GREY,
        stage=f"predict saliency {method}",
        code=code_digest.of_stage(__file__, method=method),
        out=layout.PREDICTED_SALIENCY / method / "val",
        params=views,
    )


if __name__ == "__main__":
    main()
