"""Class activation maps of every training photograph, from several scales and mirrors."""

from pathlib import Path

import torch

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.models import inference
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, per_image


@command
def main(params: Params) -> None:
    """Infer class activation maps."""
    p, index = params.infer_cam, open_index(params)
    fabric = distribution.launch()
    weights = layout.MODELS / "cam" / checkpoint.FILE
    model = checkpoint.load(weights)[0].to(fabric.device)

    @torch.inference_mode()
    def infer(image_id: str, folder: Path) -> None:
        with fabric.autocast():
            scores = inference.class_activation_maps(
                model, index.image(image_id), index[image_id].tags, device=fabric.device,
                **p.model_dump(exclude={"splits"}),
            )  # fmt: skip
        artifacts.write_scores(folder, image_id, scores)

    per_image.run(
        index.ids(*p.splits),
        infer,
        stage="infer_cam",
        out=layout.CAMS,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        areas=index.area,
        processes=fabric,
    )


if __name__ == "__main__":
    main()
