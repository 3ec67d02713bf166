"""Spread each photograph's class scores along its affinities."""

from collections.abc import Sequence

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.maps import Maps
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.methods.affinitynet.walk import random_walk_scores
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
def main(params: Params) -> None:
    """Propagate class activation maps by random walk."""
    p, index = params.random_walk, open_index(params)
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    fabric = distribution.launch()
    weights = layout.MODELS / "affinity" / checkpoint.FILE
    network, _ = checkpoint.load(weights, AffinityNet)
    model = network.to(fabric.device)

    def walk(ids: Sequence[str]) -> list[Scores]:
        images, starts = [index.image(i) for i in ids], [cams.scores(i) for i in ids]
        return random_walk_scores(model, images, starts, device=fabric.device, **p.model_dump(exclude={"splits"}))

    network_inference.run(
        index.ids(*p.splits),
        walk,
        artifacts.write_scores,
        stage="random_walk",
        code=code_digest.of_stage(__file__),
        out=layout.RANDOM_WALK,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights, cams.folder],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
