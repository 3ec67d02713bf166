"""A dense CRF on the class activation maps alone: the row that every affinity method has to beat."""

from functools import partial
from pathlib import Path

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.index import Index
from wsss_core.ops.refinement import cam_crf_labels
from wsss_core.params import Params
from wsss_core.training import environment, per_image


def label(image_id: str, folder: Path, *, index: Index, cams: Path, options: dict) -> None:
    scores = artifacts.read_scores(cams, image_id)
    artifacts.write_labels(folder, image_id, cam_crf_labels(index.image(image_id), scores, **options))


@command
def main(params: Params) -> None:
    """Label each training image by a dense CRF on its class activation maps."""
    p, index = params.cam_crf, open_index(params)
    cams = require(layout.CAMS, stage="infer_cam")
    per_image.run(
        index.ids("train"),
        partial(label, index=index, cams=cams, options=p.model_dump()),
        stage="cam_crf",
        out=layout.CAM_CRF,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, cams],
        areas=index.area,
        workers=environment.workers(),
    )


if __name__ == "__main__":
    main()
