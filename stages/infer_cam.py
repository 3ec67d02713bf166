"""Class activation maps of every training photograph, from several scales and mirrors."""

from collections.abc import Sequence
from pathlib import Path

import torch

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.models import inference
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, per_image
from wsss_core.training.placement import network_pixels


@command
def main(params: Params) -> None:
    """Infer class activation maps."""
    p, index = params.infer_cam, open_index(params)
    fabric = distribution.launch()
    weights = layout.MODELS / "cam" / checkpoint.FILE
    model = checkpoint.load(weights)[0].to(fabric.device)

    @torch.inference_mode()
    def infer(ids: Sequence[str], folder: Path) -> None:
        with fabric.autocast():
            cams = inference.class_activation_maps(
                model, [index.image(i) for i in ids], [index[i].tags for i in ids], device=fabric.device,
                **p.model_dump(exclude={"splits"}),
            )  # fmt: skip
        for image_id, scores in zip(ids, cams, strict=True):
            artifacts.write_scores(folder, image_id, scores)

    per_image.run(
        index.ids(*p.splits),
        infer,
        stage="infer_cam",
        out=layout.CAMS,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        sizes=index.size,
        batch_pixels=network_pixels(fabric.device),
        equal_sizes=True,
        processes=fabric,
    )


if __name__ == "__main__":
    main()
