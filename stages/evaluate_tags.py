"""Score the classifier's tags on the validation split: what is known of a run whose photographs have no masks."""

import logging
from functools import partial

import torch
from tqdm import tqdm

from wsss_core import artifacts, code_digest, layout
from wsss_core.data.index import Index
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.evaluation.tags import COLUMNS, TagScores
from wsss_core.frame.stage import command, of_one_process, open_index
from wsss_core.inference.run import Inference
from wsss_core.inference.tags import tag_probabilities
from wsss_core.models import model_file
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.params import Params
from wsss_core.runtime.provenance import Provenance

logger = logging.getLogger(__name__)
METRICS, CLASSES = layout.METRICS / "classifier.json", layout.CLASSES / "classifier.csv"


@command
@of_one_process
def main(params: Params) -> None:
    """Score the classifier on the tags of the validation split."""
    index = open_index(params)
    ids = index.ids("val")
    weights = layout.MODELS / "cam" / model_file.FILE
    run = Inference.of(weights, partial(model_file.load, network=CamNetwork), index, shared=False)
    scores = TagScores(len(index.classes))
    with torch.inference_mode(), run.fabric.autocast():
        for image_id in tqdm(ids, desc="evaluate tags", unit="image"):
            (own,) = tag_probabilities(
                run.network, run.images([image_id]), max_pixels=params.infer_cam.max_pixels, device=run.device
            )
            scores.add(own, index[image_id].tags)
    _write(scores, index)
    made_by = Provenance.of(code_digest.of_stage(__file__), run.fabric)
    made_by.write(METRICS.with_suffix(""), processes=run.fabric, files=[METRICS, CLASSES])


def _write(scores: TagScores, index: Index) -> None:
    ids = index.ids("val")
    figures: dict = {"split": "val", "num_images": len(ids)}
    if ids:
        figures |= {name: value for name, value in scores.figures().items() if value == value}  # not NaN
        told = [f"{name} {100 * value:.1f}" for name, value in figures.items() if isinstance(value, float)]
        logger.info("classifier: %s", ", ".join(told))
    else:
        figures["note"] = "the validation split is empty: figures are absent"
        logger.warning("classifier: %s", figures["note"])
    artifacts.write_json(METRICS, figures)
    artifacts.write_text(CLASSES, csv_text(COLUMNS, scores.of_classes(index.classes) if ids else []))


if __name__ == "__main__":
    main()
