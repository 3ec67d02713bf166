"""A byte that flips in any kind of artifact is found when it is opened, and named with the remedy."""

from pathlib import Path

import pytest
from processes import KILLED, run

from wsss_core import layout
from wsss_core.artifacts import MANIFEST

pytestmark = pytest.mark.faults

KINDS = {
    "index": (layout.INDEX, "train_cam"),
    "model": (layout.MODELS / "cam/model.pt", "infer_cam"),
    "model to predict with": (layout.MODELS / "deeplab/model.pt", "predict"),
    "class maps": (layout.CAMS / "train_00002.npz", "affinity_labels"),
    "labels to train on": (layout.AFFINITY_LABELS / "train_00002.png", "train_affinity"),
    "walk": (layout.RANDOM_WALK / "train_00002.npz", "fuse"),
    "saliency": (layout.SALIENCY / "train_00002.png", "fuse"),
    "fused labels": (layout.FUSED / "train_00002.png", "refine_crf"),
    "pseudo-labels": (layout.PSEUDO_LABELS / "train_00002.png", "train_deeplab"),
    "predictions": (layout.PREDICTIONS / "deeplab/val_00001.png", "evaluate"),
    "labels in the report": (layout.CAM_CRF / "train_00002.png", "report"),
    "manifest": (layout.CAMS / MANIFEST, "cam_crf"),
    "metrics": (layout.METRICS / "deeplab.json", "report"),
    "confusion": (layout.CONFUSION / "pseudo_labels.csv", "report"),
    "classes": (layout.CLASSES / "pseudo_labels.csv", "report"),
    "calibration": (layout.PLOTS / "fused_calibration.csv", "report"),
    "classifier's figures": (layout.METRICS / "classifier.json", "report"),
    "curve": (layout.PLOTS / "cam_thresholds.csv", "report"),
    "history": (layout.HISTORY / "train_cam.tsv", "report"),
}
"""A file of each kind -> the stage that opens it next."""


@pytest.mark.parametrize("place", [0.3, 0.7])
@pytest.mark.parametrize(("file", "stage"), KINDS.values(), ids=KINDS)
def test_a_flipped_byte_is_found_and_nothing_is_made_of_it(pipeline, file, stage, place):
    path = pipeline.folder / file
    content = path.read_bytes()
    flipped = _flipped(content, int(place * len(content)))
    path.unlink()  # a model is a link to the finished run's
    path.write_bytes(flipped)
    message = pipeline.refusal(stage)
    assert str(file) in message
    assert "dvc repro" in message


def _flipped(content: bytes, place: int) -> bytes:
    """A digit becomes another, so that figures stay figures; any other byte has one bit changed."""
    byte = content[place]
    other = ord("0") + (byte - ord("0") + 1) % 10 if chr(byte).isdigit() else byte ^ 1
    return content[:place] + bytes([other]) + content[place + 1 :]


def test_what_is_unfinished_is_checked_too(finished, pipeline, caplog):
    assert run(pipeline, "train_cam", "kill", 2).code == KILLED
    (checkpoint,) = Path(pipeline.folder / ".wsss").rglob("checkpoint.pt")
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(_flipped(content, len(content) // 2))
    pipeline.run("train_cam")
    assert "checkpoint.pt is damaged: this training starts anew" in caplog.text
    assert pipeline.files("models/cam") == finished.files("models/cam")
