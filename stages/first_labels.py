"""Label the training photographs where CAM and saliency agree: what the first round of AuxSegNet learns."""

from functools import partial
from pathlib import Path

from wsss_core import artifacts, code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.data.saliency_maps import log_failed
from wsss_core.frame.stage import command, open_index, require
from wsss_core.methods.auxsegnet import section
from wsss_core.ops import fusion, grids
from wsss_core.params import Params
from wsss_core.runtime import environment, per_image
from wsss_core.runtime.sharing import cpu_processes
from wsss_core.sections.fusion import DualXor


def label(image_id: str, folder: Path, *, cams: Maps, saliency: Maps, p: DualXor) -> None:
    scores = cams.scores(image_id)
    maps = grids.read(scores.scores, scores.size)
    salient = saliency.grey(image_id)
    fused = fusion.fuse(maps, scores.classes, salient, rule="dual_xor", **p.model_dump())
    artifacts.write_labels(folder, image_id, fused.label)


@command
def main(params: Params) -> None:
    """Make the labels of before AuxSegNet's first round."""
    method: section.AuxSegNet = params.auxsegnet
    p, index = method.labels, open_index(params)
    ids = index.ids("train")
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    saliency = Maps(require(layout.SALIENCY, stage="saliency"), index)
    log_failed(ids, saliency.grey, threshold=p.saliency_threshold)
    per_image.run(
        ids,
        per_image.each(partial(label, cams=cams, saliency=saliency, p=p)),
        stage="first labels",
        code=code_digest.of_stage(__file__),
        out=layout.round_folder(layout.METHOD_LABELS / "auxsegnet", 0),
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, cams.folder, saliency.folder],
        sizes=index.size,
        workers=environment.workers(),
        processes=cpu_processes(),
    )


if __name__ == "__main__":
    main()
