"""Spread each photograph's class scores along its affinities."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.inference.run import Inference
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.methods.affinitynet.walk import random_walk_scores
from wsss_core.models import model_file
from wsss_core.params import Params


@command
def main(params: Params) -> None:
    """Propagate class activation maps by random walk."""
    p, index = params.random_walk, open_index(params)
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    weights = layout.MODELS / "affinity" / model_file.FILE
    run = Inference.of(weights, partial(model_file.load, network=AffinityNet), index)

    def read(ids: Sequence[str]) -> tuple[list[np.ndarray], list[Scores]]:
        return run.images(ids), [cams.scores(i) for i in ids]

    def walk(_: Sequence[str], inputs: tuple[list[np.ndarray], list[Scores]]) -> list[Scores]:
        images, starts = inputs
        return random_walk_scores(run.network, images, starts, device=run.device, **p.model_dump(exclude={"splits"}))

    run.write_each(
        index.ids(*p.splits),
        walk,
        artifacts.SCORES,
        stage="random_walk",
        code=code_digest.of_stage(__file__),
        out=layout.RANDOM_WALK,
        params=p.model_dump(),
        inputs=[cams.folder],
        read=read,
    )


if __name__ == "__main__":
    main()
