"""How much each cell of a photograph contributes to one of them, by AuxSegNet's affinities: for the report."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.data.index import spread
from wsss_core.frame.stage import command, open_index
from wsss_core.inference.run import Inference
from wsss_core.methods.auxsegnet import section
from wsss_core.methods.auxsegnet.inference import affinities_of_peak
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.models import model_file
from wsss_core.params import Params

METHOD = "auxsegnet"


@command
def main(params: Params) -> None:
    """Write the affinities of one pixel of each training photograph that the report shows."""
    p: section.AuxSegNet = params.auxsegnet
    index, options = open_index(params), {"max_pixels": p.max_pixels}
    weights = layout.round_folder(layout.MODELS / METHOD, params.last_round(METHOD)) / model_file.FILE
    run = Inference.of(weights, partial(model_file.load, network=AuxSegNet), index)

    def maps(ids: Sequence[str], images: list[np.ndarray]) -> list[Scores]:
        both = zip(images, run.tags(ids), strict=True)
        return [affinities_of_peak(run.network, image, tags, device=run.device, **options) for image, tags in both]

    run.write_each(
        spread(index.ids("train"), params.report.num_images) if run.network.has_affinity else (),
        maps,
        artifacts.SCORES,
        stage="affinity maps",
        code=code_digest.of_stage(__file__),
        out=layout.AFFINITY_MAPS / METHOD,
        params=options,
    )


if __name__ == "__main__":
    main()
