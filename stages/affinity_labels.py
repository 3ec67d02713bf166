"""Confident foreground, confident background or ignore: what AffinityNet learns from."""

from wsss_core import code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.inference import cam_labels
from wsss_core.methods.affinitynet.labels import confident_labels
from wsss_core.params import Params


@command
def main(params: Params) -> None:
    """Label the pixels on which two dense CRF runs are confident."""
    index, code = open_index(params), code_digest.of_stage(__file__)
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    options = params.affinity_labels.model_dump()
    cam_labels.write_each(
        confident_labels, cams, index, stage="affinity_labels", code=code, out=layout.AFFINITY_LABELS, options=options
    )


if __name__ == "__main__":
    main()
