"""Class activation maps of every training photograph, from several scales and mirrors."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.frame.stage import command, open_index
from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.run import Inference
from wsss_core.models import model_file
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.params import Params


@command
def main(params: Params) -> None:
    """Infer class activation maps."""
    p, index = params.infer_cam, open_index(params)
    run = Inference.of(layout.MODELS / "cam" / model_file.FILE, partial(model_file.load, network=CamNetwork), index)

    def infer(ids: Sequence[str], images: list[np.ndarray]) -> list[Scores]:
        views = p.model_dump(exclude={"splits"})
        return class_activation_maps(run.network, images, run.tags(ids), device=run.device, **views)

    run.write_each(
        index.ids(*p.splits),
        infer,
        artifacts.SCORES,
        stage="infer_cam",
        code=code_digest.of_stage(__file__),
        out=layout.CAMS,
        params=p.model_dump(),
    )


if __name__ == "__main__":
    main()
