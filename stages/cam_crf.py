"""A dense CRF on the class activation maps alone: the row that every affinity method has to beat."""

from wsss_core import code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.inference import cam_labels
from wsss_core.ops.refinement import cam_crf_labels
from wsss_core.params import Params


@command
def main(params: Params) -> None:
    """Label each training image by a dense CRF on its class activation maps."""
    index, code = open_index(params), code_digest.of_stage(__file__)
    cams = Maps(require(layout.CAMS, stage="infer_cam"), index)
    options = params.cam_crf.model_dump()
    cam_labels.write_each(cam_crf_labels, cams, index, stage="cam_crf", code=code, out=layout.CAM_CRF, options=options)


if __name__ == "__main__":
    main()
