"""Score every artifact against the true masks: quality after each stage, in one table."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout, manifests, remedies
from wsss_core.data.agreement import Seen, seen
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation import scorer as evaluation
from wsss_core.evaluation.calibration import confidence_in
from wsss_core.evaluation.counting import Confidence, counts
from wsss_core.evaluation.scorer import Scorer, require_agreement
from wsss_core.frame.stage import command, of_one_process, open_index, require_whole
from wsss_core.frame.truth import open_truth
from wsss_core.params import Params
from wsss_core.report.tables import PIPELINE, quality_table
from wsss_core.runtime import environment
from wsss_core.runtime.provenance import Provenance

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
@click.option("--round", "number", type=int, help="Of this of its rounds, instead of the last one.")
@click.option("--labels", help="Score the pseudo-labels that this method's network made for the training split too.")
@click.option("--labels-of-rounds", is_flag=True, help="Score the method's pseudo-labels after each of its rounds too.")
@click.option("--saliency", is_flag=True, help="Score the method's saliency maps of the validation split too.")
@of_one_process
def main(
    params: Params, method: str | None, number: int | None, labels: str | None, labels_of_rounds: bool, saliency: bool
) -> None:
    """Evaluate all stages of the pipeline, or what one method's graph made."""
    made = _labels(params, method, labels, of_rounds=labels_of_rounds)
    index, name = open_index(params), layout.round_name(method or "deeplab", number)
    truth = open_truth(params, index)
    snapshots = [layout.SNAPSHOTS / name] if hasattr(getattr(params, name, None), "moments") else []
    maps = [layout.PREDICTED_SALIENCY / name / "val"] if saliency else []
    graph: str | Path = remedies.graph_of(method) if method else "predict"
    made_by = {
        "val": dict.fromkeys([layout.PREDICTIONS / name, *maps], graph),
        "train": dict.fromkeys([*snapshots, *made.values()], graph) if method else _MADE_BY,
    }
    require_agreement({split: _check(truth, index, split, folders) for split, folders in made_by.items()}, index)
    scorer = Scorer(index, truth, **params.evaluate.model_dump(), workers=environment.workers())
    if method is None:
        _evaluate_training_artifacts(scorer)
        _score_agreement(scorer)
    for row, folder in made.items():
        _score_labels(scorer, row, folder, split="train")
    _score_labels(scorer, name, layout.PREDICTIONS / name, split="val")
    for folder in maps:
        scorer.score_saliency(f"{name}_saliency", folder, split="val")
    for folder in snapshots:
        scorer.score_snapshots(name, folder)
    Provenance.of(code_digest.of_stage(__file__)).write(layout.METRICS / name, files=scorer.written)
    logger.info("%s", quality_table(layout.METRICS, [*made, name] if method else PIPELINE))


def _labels(params: Params, method: str | None, labels: str | None, *, of_rounds: bool) -> dict[str, Path]:
    """Name of the metrics file -> folder of the pseudo-labels that are asked for; round 0 is before the first.

    Raises:
        UsageError: those of rounds are asked of a method whose section lists no rounds, or beside others.
    """
    if not of_rounds:
        return {f"{labels}_pseudo_labels": layout.METHOD_LABELS / labels} if labels else {}
    rounds = {name: section.rounds for name, section in params if hasattr(section, "rounds")}
    if method not in rounds or labels:
        raise click.UsageError(f"--labels-of-rounds goes with --method {' or '.join(rounds)}, and without --labels")
    folder = layout.METHOD_LABELS / method
    return {f"{method}_rounds/round_{k}": layout.round_folder(folder, k) for k in (0, *rounds[method])}


def _check(truth: Masks, index: Index, split: str, folders: Mapping[Path, str | Path]) -> dict[str, Seen]:
    """Look at all that is to be read before the first figure is written: all figures appear or none."""
    ids = [image_id for image_id in index.ids(split) if truth.available(image_id)]
    for folder, stage in folders.items() if ids else ():
        require_whole(folder, stage=stage)
    look = partial(_seen, truth, index)
    return dict(counts(look, ids if folders else (), name=f"{split} masks", workers=environment.workers()))


def _seen(truth: Masks, index: Index, image_id: str) -> Seen:
    return seen(truth.read(image_id), index[image_id].tags)


def _evaluate_training_artifacts(scorer: Scorer) -> None:
    scorer.score_cams(layout.CAMS)
    _score_labels(scorer, "cam_crf", layout.CAM_CRF, split="train")
    walks, fused = Maps(layout.RANDOM_WALK, scorer.index), Maps(layout.FUSED, scorer.index)
    for name, folder in {"fused": layout.FUSED, "pseudo_labels": layout.PSEUDO_LABELS}.items():
        _score_labels(scorer, name, folder, split="train", confidence=partial(_confidence, walks, fused))
    scorer.score_labels(
        "random_walk", partial(_walked, walks), split="train", supervised_by=manifests.supervision_of(walks.folder),
        confidence=partial(_confidence, walks, walks),
    )  # fmt: skip
    scorer.score_saliency("saliency", layout.SALIENCY, split="train")


def _score_agreement(scorer: Scorer) -> None:
    """How the labels change from stage to stage, which needs no masks."""
    folders = {"cam_crf": layout.CAM_CRF, "random_walk": layout.RANDOM_WALK, "fused": layout.FUSED,
               "pseudo_labels": layout.PSEUDO_LABELS}  # fmt: skip
    for folder in folders.values():
        require_whole(folder, stage=_MADE_BY[folder])  # without masks nothing has looked at them yet
    read = {name: Maps(folder, scorer.index).labels for name, folder in folders.items()}
    read["random_walk"] = partial(_walked, Maps(layout.RANDOM_WALK, scorer.index))
    scorer.score_agreement("agreement", read, supervised_by=manifests.supervision_of(*folders.values()))


def _score_labels(
    scorer: Scorer, name: str, folder: Path, *, split: str, confidence: Confidence | None = None
) -> None:
    read, kind = Maps(folder, scorer.index).labels, manifests.supervision_of(folder)
    scorer.score_labels(name, read, split=split, supervised_by=kind, confidence=confidence)


def _confidence(walks: Maps, fused: Maps, image_id: str, labels: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: what the scores that the CRF refines give to the labels."""
    soft = artifacts.scores_path(fused.folder, image_id).exists()
    return confidence_in((fused if soft else walks).scores(image_id), labels)


def _walked(walks: Maps, image_id: str) -> np.ndarray:
    return evaluation.strongest(walks.scores(image_id))


if __name__ == "__main__":
    main()
