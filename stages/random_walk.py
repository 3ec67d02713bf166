"""Spread each photograph's class scores along its affinities."""

from collections.abc import Sequence
from pathlib import Path

import torch

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.models import inference
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, per_image
from wsss_core.training.placement import network_pixels


@command
def main(params: Params) -> None:
    """Propagate class activation maps by random walk."""
    p, index = params.random_walk, open_index(params)
    cams = require(layout.CAMS, stage="infer_cam")
    fabric = distribution.launch()
    weights = layout.MODELS / "affinity" / checkpoint.FILE
    model = checkpoint.load(weights)[0].to(fabric.device)

    @torch.inference_mode()
    def walk(ids: Sequence[str], folder: Path) -> None:
        images, starts = [index.image(i) for i in ids], [artifacts.read_scores(cams, i) for i in ids]
        with fabric.autocast():
            walked = inference.random_walk_scores(
                model, images, starts, device=fabric.device, **p.model_dump(exclude={"splits"})
            )
        for image_id, scores in zip(ids, walked, strict=True):
            artifacts.write_scores(folder, image_id, scores)

    per_image.run(
        index.ids(*p.splits),
        walk,
        stage="random_walk",
        out=layout.RANDOM_WALK,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights, cams],
        sizes=index.size,
        batch_pixels=network_pixels(fabric.device),
        equal_sizes=True,
        processes=fabric,
    )


if __name__ == "__main__":
    main()
