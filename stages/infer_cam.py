"""Class activation maps of every training photograph, from several scales and mirrors."""

from collections.abc import Sequence

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.cli.stage import command, open_index
from wsss_core.inference.cam import class_activation_maps
from wsss_core.models.cam_network import CamNetwork
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
def main(params: Params) -> None:
    """Infer class activation maps."""
    p, index = params.infer_cam, open_index(params)
    fabric = distribution.launch()
    weights = layout.MODELS / "cam" / checkpoint.FILE
    network, _ = checkpoint.load(weights, CamNetwork)
    model = network.to(fabric.device)

    def infer(ids: Sequence[str]) -> list[Scores]:
        return class_activation_maps(
            model, [index.image(i) for i in ids], [index[i].tags for i in ids], device=fabric.device,
            **p.model_dump(exclude={"splits"}),
        )  # fmt: skip

    network_inference.run(
        index.ids(*p.splits),
        infer,
        artifacts.write_scores,
        stage="infer_cam",
        code=code_digest.of_stage(__file__),
        out=layout.CAMS,
        suffix=".npz",
        params=p.model_dump(),
        inputs=[layout.INDEX, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
