"""Label the training photographs where CAM and saliency agree: what the first round of AuxSegNet learns."""

from functools import partial
from pathlib import Path

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.code_digest import module_of
from wsss_core.data.saliency_maps import log_failed
from wsss_core.ops import fusion, grids
from wsss_core.params import Params
from wsss_core.sections import DualXor
from wsss_core.training import environment, per_image


def label(image_id: str, folder: Path, *, cams: Path, saliency: Path, p: DualXor) -> None:
    scores = artifacts.read_scores(cams, image_id)
    maps = grids.read(scores.scores, scores.size)
    salient = artifacts.read_grey(saliency, image_id)
    fused = fusion.fuse(maps, scores.classes, salient, rule="dual_xor", **p.model_dump())
    artifacts.write_labels(folder, image_id, fused.label)


@command
def main(params: Params) -> None:
    """Make the labels of before AuxSegNet's first round."""
    p, index = params.auxsegnet.labels, open_index(params)
    ids = index.ids("train")
    cams = require(layout.CAMS, stage="infer_cam")
    saliency = require(layout.SALIENCY, stage="saliency")
    log_failed(ids, partial(artifacts.read_grey, saliency), threshold=p.saliency_threshold)
    per_image.run(
        ids,
        per_image.each(partial(label, cams=cams, saliency=saliency, p=p)),
        stage="first labels",
        code=[module_of(__file__)],
        out=layout.round_folder(layout.METHOD_LABELS / "auxsegnet", 0),
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, cams, saliency],
        sizes=index.size,
        workers=environment.workers(),
    )


if __name__ == "__main__":
    main()
