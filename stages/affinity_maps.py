"""How much each cell of a photograph contributes to one of them, by AuxSegNet's affinities: for the report."""

from collections.abc import Sequence

import click

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.cli.stage import command, open_index
from wsss_core.data.index import spread
from wsss_core.methods.auxsegnet.inference import affinities_of_peak
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.params import Params
from wsss_core.training import checkpoint, distribution, network_inference


@command
@click.option("--method", type=click.Choice(["auxsegnet"]), default="auxsegnet", help="Whose affinities.")
def main(params: Params, method: str) -> None:
    """Write the affinities of one pixel of each training photograph that the report shows."""
    index, options = open_index(params), {"max_pixels": params.auxsegnet.max_pixels}
    weights = layout.round_folder(layout.MODELS / method, params.last_round(method)) / checkpoint.FILE
    fabric = distribution.launch()
    network, description = checkpoint.load(weights, AuxSegNet)
    model, has_any = network.to(fabric.device), description.options["affinity"] != "none"

    def maps(ids: Sequence[str]) -> list[Scores]:
        return [affinities_of_peak(model, index.image(i), index[i].tags, device=fabric.device, **options) for i in ids]

    network_inference.run(
        spread(index.ids("train"), params.report.num_images) if has_any else (),
        maps,
        artifacts.write_scores,
        stage="affinity maps",
        code=code_digest.of_stage(__file__),
        out=layout.AFFINITY_MAPS / method,
        suffix=".npz",
        params=options,
        inputs=[layout.INDEX, weights],
        index=index,
        fabric=fabric,
    )


if __name__ == "__main__":
    main()
