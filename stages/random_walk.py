"""Spread each photograph's class scores along its affinities."""

from collections.abc import Sequence

from wsss_core import artifacts, layout
from wsss_core.artifacts import Scores
from wsss_core.cli.stage import command, open_index, require
from wsss_core.code_digest import module_of
from wsss_core.data.maps import Maps
from wsss_core.models import inference
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
def main(params: Params) -> None:
    """Propagate class activation maps by random walk."""
    p, index = params.random_walk, open_index(params)
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    fabric = distribution.launch()
    weights = layout.MODELS / "affinity" / checkpoint.FILE
    network, description = checkpoint.load(weights)
    model = network.to(fabric.device)

    def walk(ids: Sequence[str]) -> list[Scores]:
        images, starts = [index.image(i) for i in ids], [cams.scores(i) for i in ids]
        return inference.random_walk_scores(
            model, images, starts, device=fabric.device, **p.model_dump(exclude={"splits"})
        )

    network_inference.run(
        index.ids(*p.splits),
        walk,
        artifacts.write_scores,
        stage="random_walk",
        code=[module_of(__file__), description.code],
        out=layout.RANDOM_WALK,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights, cams.folder],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
