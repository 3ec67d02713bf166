"""A dense CRF on the class activation maps alone: the row that every affinity method has to beat."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.ops.refinement import cam_crf_labels
from wsss_core.params import Params
from wsss_core.training import per_image
from wsss_core.training.placement import place


def label(ids: Sequence[str], folder: Path, *, index: Index, cams: Maps, options: dict) -> None:
    images, scores = [index.image(i) for i in ids], [cams.scores(i) for i in ids]
    for image_id, labels in zip(ids, cam_crf_labels(images, scores, **options), strict=True):
        artifacts.write_labels(folder, image_id, labels)


@command
def main(params: Params) -> None:
    """Label each training image by a dense CRF on its class activation maps."""
    p, index = params.cam_crf, open_index(params)
    cams, where = Maps(require(layout.CAMS, stage="infer_cam"), index), place(gpu=p.engine == "lattice")
    per_image.run(
        index.ids("train"),
        partial(label, index=index, cams=cams, options={**p.model_dump(), "device": where.device}),
        stage="cam_crf",
        code=code_digest.of_stage(__file__),
        out=layout.CAM_CRF,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, cams.folder],
        sizes=index.size,
        workers=where.workers,
        batch_pixels=where.batch_pixels,
        processes=where.processes,
    )


if __name__ == "__main__":
    main()
