"""Bad input: one sentence that names the file and the remedy, an exit code, and every artifact as it was."""

import errno
import os
import shutil

import click
import pytest
import torch
from PIL import Image

from wsss_core import layout
from wsss_core.frame.stage import telling_errors
from wsss_core.runtime.pool import map_in_order

ROOT = "data/raw/scenes_tiny"


def test_a_weights_file_that_is_not_there(pipeline):
    pipeline.set(backbone={"weights": "weights/none.pth"})
    message = pipeline.refusal("train_cam")
    assert "weights/none.pth" in message
    assert "backbone.weights" in message


def test_weights_of_another_architecture(pipeline):
    torch.save({"features.0.weight": torch.zeros(2, 3, 3, 3)}, pipeline.folder / "vgg.pth")
    pipeline.set(backbone={"weights": "vgg.pth"})
    message = pipeline.refusal("train_cam")
    assert f"vgg.pth does not hold the weights of {pipeline.params['backbone']['name']}" in message
    assert "backbone.name" in message


def test_a_weights_file_that_holds_no_weights(pipeline):
    (pipeline.folder / "broken.pth").write_bytes(b"not weights")
    pipeline.set(backbone={"weights": "broken.pth"})
    message = pipeline.refusal("train_cam")
    assert "broken.pth cannot be read as weights" in message
    assert "weights_only" not in message


def test_a_backbone_that_nobody_knows(pipeline):
    pipeline.set(backbone={"name": "resnet10x"})
    message = pipeline.refusal("train_cam")
    assert "resnet10x" in message


def test_a_stage_whose_backbone_is_not_the_cam_networks(pipeline):
    pipeline.set(train_deeplab={"backbone": {"name": "resnet10t"}})
    assert pipeline.params["backbone"]["name"] != "resnet10t"
    message = pipeline.refusal("train_deeplab")
    assert "models/cam" in message
    assert "init: backbone" in message


@pytest.mark.parametrize("content", [b"", b"no checkpoint"], ids=["empty", "text"])
def test_a_model_file_that_is_none(pipeline, content):
    model = pipeline.folder / "models/cam/model.pt"
    model.unlink()  # it is a link to the finished run's
    model.write_bytes(content)
    message = pipeline.refusal("infer_cam")
    assert message.startswith("models/cam/model.pt is no model of this project, or damaged; give the model.pt")
    assert "dvc repro train_cam" in message


NEEDS = {
    "train_cam": [layout.INDEX],
    "infer_cam": [layout.INDEX, layout.MODELS / "cam"],
    "cam_crf": [layout.INDEX, layout.CAMS],
    "affinity_labels": [layout.CAMS],
    "train_affinity": [layout.AFFINITY_LABELS, layout.MODELS / "cam"],
    "random_walk": [layout.CAMS, layout.MODELS / "affinity"],
    "saliency": [layout.INDEX],
    "fuse": [layout.RANDOM_WALK, layout.SALIENCY],
    "refine_crf": [layout.RANDOM_WALK, layout.FUSED],
    "train_deeplab": [layout.PSEUDO_LABELS, layout.MODELS / "cam"],
    "predict": [layout.MODELS / "deeplab"],
    "evaluate": [
        layout.CAMS, layout.CAM_CRF, layout.RANDOM_WALK, layout.SALIENCY, layout.FUSED, layout.PSEUDO_LABELS,
        layout.PREDICTIONS / "deeplab",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("stage", "missing"), [(stage, path) for stage, paths in NEEDS.items() for path in paths])
def test_an_artifact_that_was_not_made(pipeline, stage, missing):
    path = pipeline.folder / missing
    path.rename(pipeline.folder / "elsewhere")
    shutil.rmtree(pipeline.folder / "reports")
    result = pipeline.try_stage(stage)
    message = pipeline.refusal(stage, code=result.exit_code)
    assert str(missing) in message
    assert "dvc repro" in message


@pytest.mark.parametrize(
    ("stage", "file"),
    [("fuse", "data/random_walk/train_00002.npz"), ("refine_crf", "data/fused/train_00002.npz"),
     ("train_affinity", "data/affinity_labels/train_00002.png")],
)  # fmt: skip
def test_an_artifact_that_is_damaged(pipeline, stage, file):
    (pipeline.folder / file).write_bytes(b"PK\x03\x04 cut off")
    message = pipeline.refusal(stage)
    assert file in message
    assert "dvc repro" in message


def maps(pipeline, *, leave_out: str = "", size: tuple[int, int] = (80, 64)) -> None:
    (pipeline.folder / "maps").mkdir()
    for image_id in pipeline.train_ids():
        if image_id != leave_out:
            Image.new("L", size).save(pipeline.folder / f"maps/{image_id}.png")
    pipeline.set(saliency={"method": "folder", "folder": "maps"})


def test_a_folder_that_lacks_saliency_maps(pipeline):
    maps(pipeline, leave_out="train_00003")
    message = pipeline.refusal("saliency")
    assert message.startswith("maps lacks the saliency maps of 1 of 6 images (train_00003)")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_saliency_maps_of_another_size(pipeline, workers):
    maps(pipeline, size=(40, 32))
    message = pipeline.refusal("saliency", WSSS_WORKERS=workers)
    assert "maps/train_0000" in message
    assert "32x40" in message
    assert "resize the map" in message


def test_a_file_in_the_place_of_the_data(workspace):
    (workspace.folder / "data").write_text("")
    message = workspace.refusal("prepare")
    assert f"{workspace.folder / 'data'}" in message
    assert "Not a directory; a file stands where a folder is needed: move it away" in message


def test_a_file_in_the_place_of_the_resume_folder(pipeline):
    (pipeline.folder / "notes.txt").write_text("")
    message = pipeline.refusal("saliency", WSSS_RESUME_DIR="notes.txt")
    assert message.startswith("notes.txt/data-saliency")
    assert "Not a directory; a file stands where a folder is needed" in message


@pytest.mark.parametrize("stage", ["saliency", "train_cam"])
@pytest.mark.parametrize("folder", ["data/saliency", "models/cam/resume"])
def test_a_resume_folder_among_the_outputs(workspace, stage, folder):
    """Told before anything is read: there is no index yet."""
    message = workspace.refusal(stage, WSSS_RESUME_DIR=folder)
    assert message.startswith(f"WSSS_RESUME_DIR is {folder}, which lies in ")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "make it accessible or choose another path"), (errno.ENOSPC, "free some space"),
     (errno.EISDIR, "a folder stands where a file is needed"), (errno.EROFS, "choose another path")],
)  # fmt: skip
def test_any_refusal_that_names_a_file_is_told_with_a_remedy(number, remedy):
    @telling_errors
    def refused() -> None:
        raise OSError(number, os.strerror(number), "out/a.png")

    with pytest.raises(click.ClickException) as caught:
        refused()
    assert caught.value.message.startswith(f"out/a.png: {os.strerror(number)}; ")
    assert remedy in caught.value.message


def test_a_refusal_in_a_worker_process_is_told_too(tmp_path):
    below = [tmp_path / "missing" / name for name in "ab"]
    with pytest.raises(click.ClickException, match=r"missing/[ab]: No such file or directory; put it there or correct"):
        telling_errors(lambda: list(map_in_order(os.mkdir, below, workers=2)))()


def test_a_refusal_that_names_no_file_keeps_its_traceback():
    @telling_errors
    def refused() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        refused()
