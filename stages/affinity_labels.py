"""Confident foreground, confident background or ignore: what AffinityNet learns from."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from wsss_core import artifacts, code_digest, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.ops.affinity_labels import confident_labels
from wsss_core.params import Params
from wsss_core.training import per_image
from wsss_core.training.placement import place


def label(ids: Sequence[str], folder: Path, *, index: Index, cams: Maps, options: dict) -> None:
    images, scores = [index.image(i) for i in ids], [cams.scores(i) for i in ids]
    for image_id, labels in zip(ids, confident_labels(images, scores, **options), strict=True):
        artifacts.write_labels(folder, image_id, labels)


@command
def main(params: Params) -> None:
    """Label the pixels on which two dense CRF runs are confident."""
    p, index = params.affinity_labels, open_index(params)
    cams, where = Maps(require(layout.CAMS, stage="infer_cam"), index), place(gpu=p.engine == "lattice")
    per_image.run(
        index.ids("train"),
        partial(label, index=index, cams=cams, options={**p.model_dump(), "device": where.device}),
        stage="affinity_labels",
        code=code_digest.of_stage(__file__),
        out=layout.AFFINITY_LABELS,
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
