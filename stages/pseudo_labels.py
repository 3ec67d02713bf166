"""Label the training photographs with a method's network, among the classes that their tags name."""

from collections.abc import Sequence

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout
from wsss_core.frame.stage import command, open_index
from wsss_core.inference.run import Inference
from wsss_core.inference.segmentation import segment
from wsss_core.models import model_file, trained
from wsss_core.params import Params
from wsss_core.sections.labels import Predict


@command
@click.option("--method", required=True, help="Whose network; names the folder. It has a section METHOD_two_step.")
def main(params: Params, method: str) -> None:
    """Make pseudo-labels of the training split with a method's first network."""
    p: Predict | None = getattr(params, f"{method}_two_step", None)
    index = open_index(params)
    if p is None:
        raise click.UsageError(f"{method} has no second step: there is no section {method}_two_step")
    first = None if params.last_round(method) is None else 1
    weights = layout.round_folder(layout.MODELS / method, first) / model_file.FILE
    run = Inference.of(weights, trained.load_segmenter, index)

    def label(ids: Sequence[str], images: list[np.ndarray]) -> list[np.ndarray]:
        return segment(run.network, images, tags=run.tags(ids), device=run.device, **p.model_dump())

    run.write_each(
        index.ids("train"),
        label,
        artifacts.LABELS,
        stage=f"pseudo-labels {method}",
        code=code_digest.of_stage(__file__, method=method),
        out=layout.METHOD_LABELS / method,
        params=p.model_dump(),
    )


if __name__ == "__main__":
    main()
