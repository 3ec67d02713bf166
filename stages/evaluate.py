"""Score every artifact against the true masks: quality after each stage, in one table."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.cli.truth import open_truth
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks
from wsss_core.methods import METHODS
from wsss_core.params import Params
from wsss_core.report import evaluation
from wsss_core.report.evaluation import Scorer
from wsss_core.report.tables import PIPELINE, quality_table

logger = logging.getLogger(__name__)


_MADE_BY = {
    layout.CAMS: "infer_cam",
    layout.CAM_CRF: "cam_crf",
    layout.RANDOM_WALK: "random_walk",
    layout.FUSED: "fuse",
    layout.PSEUDO_LABELS: "refine_crf",
    layout.SALIENCY: "saliency",
}


@command
@click.option("--method", help="Score only this method's predictions on the validation split.")
@click.option("--labels", help="Score the pseudo-labels that this method's network made for the training split too.")
def main(params: Params, method: str | None, labels: str | None) -> None:
    """Evaluate all stages of the pipeline, or one method's predictions, and the labels that its training kept."""
    index, name = open_index(params), method or "deeplab"
    truth = open_truth(params, index)
    graph: str | Path = layout.graph_of(method) if method else "predict"
    snapshots = {layout.SNAPSHOTS / name: graph} if method in METHODS else {}
    made = {layout.METHOD_LABELS / labels: graph} if labels else {}
    needed: dict[str, Mapping[Path, str | Path]] = {
        "val": {layout.PREDICTIONS / name: graph},
        "train": {**snapshots, **made} if method else _MADE_BY,
    }
    for split, folders in needed.items():
        _check(truth, index, split, folders)
    scorer = Scorer(index, truth, **params.evaluate.model_dump())
    if method is None:
        _evaluate_training_artifacts(scorer)
    rows = [name]
    if labels:
        rows.insert(0, f"{labels}_pseudo_labels")
        scorer.score_labels(rows[0], partial(artifacts.read_labels, layout.METHOD_LABELS / labels), split="train")
    scorer.score_labels(name, partial(artifacts.read_labels, layout.PREDICTIONS / name), split="val")
    for folder in snapshots:
        scorer.score_moments(name, folder)
    logger.info("%s", quality_table(layout.METRICS, rows if method else PIPELINE))


def _check(truth: Masks, index: Index, split: str, folders: Mapping[Path, str | Path]) -> None:
    """Look at all that is to be read before the first figure is written: all figures appear or none."""
    ids = [image_id for image_id in index.ids(split) if truth.available(image_id)]
    for folder, stage in folders.items() if ids else ():
        require(folder, stage=stage)
    for image_id in tqdm(ids if folders else (), desc=f"read {split} masks", unit="image"):
        truth.read(image_id)


def _evaluate_training_artifacts(scorer: Scorer) -> None:
    scorer.score_cams(layout.CAMS)
    label_maps = {"cam_crf": layout.CAM_CRF, "fused": layout.FUSED, "pseudo_labels": layout.PSEUDO_LABELS}
    for name, folder in label_maps.items():
        scorer.score_labels(name, partial(artifacts.read_labels, folder), split="train")
    scorer.score_labels("random_walk", _walked, split="train")
    scorer.score_saliency(layout.SALIENCY)


def _walked(image_id: str) -> np.ndarray:
    return evaluation.strongest(artifacts.read_scores(layout.RANDOM_WALK, image_id))


if __name__ == "__main__":
    main()
