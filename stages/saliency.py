"""How much each pixel stands out: by a weight-free detector, by a trained network, or from maps made elsewhere."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from wsss_core import artifacts, code_digest, layout, supervision
from wsss_core.data.index import Index
from wsss_core.data.saliency_maps import SAYS_SOMETHING, SaliencyMaps, log_failed
from wsss_core.frame.stage import command, open_index
from wsss_core.ops.saliency.detection import detect
from wsss_core.params import Params
from wsss_core.runtime import environment, per_image
from wsss_core.runtime.sharing import cpu_processes

logger = logging.getLogger(__name__)


def stand_out(image_id: str, folder: Path, *, index: Index, method: str) -> None:
    artifacts.write_grey(folder, image_id, detect(index.image(image_id), method=method))


def adopt(image_id: str, folder: Path, *, maps: SaliencyMaps) -> None:
    artifacts.write_grey(folder, image_id, maps.read(image_id))


@command
def main(params: Params) -> None:
    """Detect salient objects, by a detector or a network, or take the maps of a folder."""
    p, index = params.saliency, open_index(params)
    ids, inputs = index.ids("train"), [layout.INDEX]
    supervised_by = supervision.of_saliency(p.method)
    if supervised_by != supervision.TAGS:
        meaning = supervision.MEANING[supervised_by]
        logger.info("%s: what is made with these maps is supervised by %s (%s)", p.method, meaning, supervised_by)
    options: dict[str, Any] = {
        "stage": "saliency", "code": code_digest.of_stage(__file__, detector=p.method), "out": layout.SALIENCY,
        "params": p.model_dump(), "supervised_by": supervised_by,
    }  # fmt: skip
    if p.method in supervision.SALIENCY_NETWORKS:
        from wsss_core.inference import saliency_networks  # and torch: detectors start without

        file = saliency_networks.weights_file(p.method, p.weights or "")
        saliency_networks.write_maps(
            ids, index=index, method=p.method, file=file, normalise=p.normalise, onnx=p.onnx.model_dump(),
            inputs=[*inputs, file], **options,
        )  # fmt: skip
        return
    if p.method == "folder":
        maps = SaliencyMaps.open(Path(p.folder or ""), index, ids, otherwise="choose saliency.method: rbd")
        log_failed(ids, maps.read, threshold=SAYS_SOMETHING)
        work, inputs = partial(adopt, maps=maps), [*inputs, *sorted(maps.paths.values())]
    else:
        work = partial(stand_out, index=index, method=p.method)
    per_image.run(
        ids,
        per_image.each(work),
        suffix=artifacts.GREY.suffix,
        inputs=inputs,
        sizes=index.size,
        workers=environment.workers(),
        processes=cpu_processes(),
        **options,
    )


if __name__ == "__main__":
    main()
