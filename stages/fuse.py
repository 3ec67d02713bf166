"""Bring the walk and the saliency map together in one label map."""

from functools import partial
from pathlib import Path

from wsss_core import artifacts, code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.ops import fusion
from wsss_core.params import Params
from wsss_core.runtime import environment, per_image
from wsss_core.runtime.sharing import cpu_processes
from wsss_core.sections.fusion import Fuse


def fuse(image_id: str, folder: Path, *, walks: Maps, saliency: Maps, p: Fuse) -> None:
    walk, salient = walks.scores(image_id), saliency.grey(image_id)
    rule = getattr(p, p.rule).model_dump()
    if p.rule == "soft":
        weights = {key: value for key, value in rule.items() if key != "multi"}
        soft = fusion.soft_fusion(walk, salient, norm=p.norm, store_stride=p.store_stride, **weights)
        artifacts.write_scores(folder, image_id, soft)
    label = fusion.fused_label(walk, salient, norm=p.norm, rule=p.rule, **rule)
    artifacts.write_labels(folder, image_id, label)


@command
def main(params: Params) -> None:
    """Fuse class evidence with saliency."""
    p, index = params.fuse, open_index(params)
    rule = getattr(p, p.rule).model_dump()
    walks = Maps(require(layout.RANDOM_WALK, stage="random_walk"), index)
    saliency = Maps(require(layout.SALIENCY, stage="saliency"), index)
    per_image.run(
        index.ids("train"),
        per_image.each(partial(fuse, walks=walks, saliency=saliency, p=p)),
        stage="fuse",
        code=code_digest.of_stage(__file__),
        out=layout.FUSED,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, walks.folder, *([saliency.folder] if fusion.reads_saliency(p.rule, **rule) else [])],
        sizes=index.size,
        workers=environment.workers(),
        processes=cpu_processes(),
    )


if __name__ == "__main__":
    main()
