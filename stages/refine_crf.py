"""Dense CRF on the fused labels: the final pseudo-labels."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.artifacts import Scores
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index, require
from wsss_core.ops.refinement import refined_labels
from wsss_core.params import Params
from wsss_core.runtime import per_image
from wsss_core.runtime.placement import place


def refine(ids: Sequence[str], folder: Path, *, index: Index, walks: Maps, fused: Maps, options: dict) -> None:
    images, evidence = [index.image(i) for i in ids], [_evidence(i, walks, fused) for i in ids]
    scores, labels = zip(*evidence, strict=True)
    for image_id, refined in zip(ids, refined_labels(images, scores, labels, **options), strict=True):
        artifacts.write_labels(folder, image_id, refined)


def _evidence(image_id: str, walks: Maps, fused: Maps) -> tuple[Scores, np.ndarray | None]:
    if artifacts.scores_path(fused.folder, image_id).exists():  # a soft fusion: its probabilities say it all
        return fused.scores(image_id), None
    return walks.scores(image_id), fused.labels(image_id)


@command
def main(params: Params) -> None:
    """Refine the fused labels along the photograph's edges."""
    p, index = params.refine_crf, open_index(params)
    walks = Maps(require(layout.RANDOM_WALK, stage="random_walk"), index)
    fused = Maps(require(layout.FUSED, stage="fuse"), index)
    where = place(gpu=p.engine == "lattice")
    options = {**p.model_dump(), "device": where.device}
    per_image.run(
        index.ids("train"),
        partial(refine, index=index, walks=walks, fused=fused, options=options),
        stage="refine_crf",
        code=code_digest.of_stage(__file__),
        out=layout.PSEUDO_LABELS,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, walks.folder, fused.folder],
        sizes=index.size,
        workers=where.workers,
        batch_pixels=where.batch_pixels,
        processes=where.processes,
    )


if __name__ == "__main__":
    main()
