"""Dense CRF on the fused labels: the final pseudo-labels."""

from functools import partial
from pathlib import Path

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.data.index import Index
from wsss_core.ops.refinement import refined_labels
from wsss_core.params import Params
from wsss_core.training import environment, per_image


def refine(image_id: str, folder: Path, *, index: Index, walks: Path, fused: Path, options: dict) -> None:
    if artifacts.scores_path(fused, image_id).exists():  # a soft fusion: its probabilities say it all
        scores, labels = artifacts.read_scores(fused, image_id), None
    else:
        scores, labels = artifacts.read_scores(walks, image_id), artifacts.read_labels(fused, image_id)
    artifacts.write_labels(folder, image_id, refined_labels(index.image(image_id), scores, labels, **options))


@command
def main(params: Params) -> None:
    """Refine the fused labels along the photograph's edges."""
    p, index = params.refine_crf, open_index(params)
    walks, fused = require(layout.RANDOM_WALK, stage="random_walk"), require(layout.FUSED, stage="fuse")
    per_image.run(
        index.ids("train"),
        partial(refine, index=index, walks=walks, fused=fused, options=p.model_dump()),
        stage="refine_crf",
        out=layout.PSEUDO_LABELS,
        suffix=".png",
        params=p.model_dump(),
        inputs=[layout.INDEX, walks, fused],
        areas=index.area,
        workers=environment.workers(),
    )


if __name__ == "__main__":
    main()
