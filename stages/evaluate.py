"""Score every artifact against the true masks: quality after each stage, in one table."""

import logging
from functools import partial

import click
import numpy as np

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index
from wsss_core.cli.truth import open_truth
from wsss_core.params import Params
from wsss_core.report import evaluation
from wsss_core.report.evaluation import Scorer
from wsss_core.report.tables import quality_table

logger = logging.getLogger(__name__)


@command
@click.option("--method", help="Score only this method's predictions on the validation split.")
def main(params: Params, method: str | None) -> None:
    """Evaluate all stages of the pipeline, or one method's predictions."""
    index = open_index(params)
    scorer = Scorer(index, open_truth(params, index), **params.evaluate.model_dump())
    if method is None:
        _evaluate_training_artifacts(scorer)
    name = method or "deeplab"
    scorer.score_labels(name, partial(artifacts.read_labels, layout.PREDICTIONS / name), split="val")
    logger.info("%s", quality_table(layout.METRICS))


def _evaluate_training_artifacts(scorer: Scorer) -> None:
    scorer.score_cams(layout.CAMS)
    scorer.score_labels("cam_crf", partial(artifacts.read_labels, layout.CAM_CRF), split="train")
    scorer.score_labels("random_walk", _walked, split="train")
    scorer.score_labels("fused", partial(artifacts.read_labels, layout.FUSED), split="train")
    scorer.score_labels("pseudo_labels", partial(artifacts.read_labels, layout.PSEUDO_LABELS), split="train")
    scorer.score_saliency(layout.SALIENCY)


def _walked(image_id: str) -> np.ndarray:
    return evaluation.strongest(artifacts.read_scores(layout.RANDOM_WALK, image_id))


if __name__ == "__main__":
    main()
