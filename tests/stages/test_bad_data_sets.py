"""Data sets and masks that are wrong: stages tell what, with a way out, and change no artifact."""

import shutil

import numpy as np
import pytest
from PIL import Image
from workspace import STAGES

from wsss_core import layout

ROOT = "data/raw/scenes_tiny"


@pytest.fixture
def data(pipeline):
    """The finished run, its scenes now read as a data set of the user's in VOC's layout."""
    pipeline.set(dataset={"format": "voc", "masks": None}).run("prepare")
    return pipeline


def write_list(data, split: str, *lines: str) -> None:
    path = data.folder / ROOT / f"ImageSets/Segmentation/{split}.txt"
    path.write_text("".join(f"{line}\n" for line in lines))


def set_tags(data, image_id: str, tags: str | None) -> None:
    path = data.folder / ROOT / "image_labels.csv"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{image_id},")]
    path.write_text("\n".join([*lines, *([] if tags is None else [f"{image_id},{tags}"])]) + "\n")


def test_a_missing_image(data):
    (data.folder / ROOT / "JPEGImages/train_00001.png").unlink()
    message = data.refusal("prepare")
    assert "train_00001" in message
    assert "JPEGImages" in message
    assert "take it out of the list" in message


@pytest.mark.parametrize("content", [b"", b"no image at all", "half"], ids=["empty", "text", "cut off"])
def test_a_corrupt_image(data, content):
    path = data.folder / ROOT / "JPEGImages/train_00001.png"
    path.write_bytes(path.read_bytes()[:2000] if content == "half" else content)
    message = data.refusal("prepare")
    assert "JPEGImages/train_00001.png" in message
    assert "replace the file" in message


def test_all_bad_images_are_named_at_once(data):
    for name in ("train_00001", "val_00000"):
        (data.folder / ROOT / f"JPEGImages/{name}.png").write_bytes(b"")
    message = data.refusal("prepare")
    assert "train_00001.png" in message
    assert "val_00000.png" in message


def test_an_image_that_the_tags_lack(data):
    set_tags(data, "train_00001", None)
    message = data.refusal("prepare")
    assert "train_00001 is missing from the tags; add it" in message


def test_a_tag_that_is_no_class(data):
    set_tags(data, "train_00001", "starr")
    message = data.refusal("prepare")
    assert "image_labels.csv: tag 'starr' of image train_00001 is no class; did you mean 'star'?" in message


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split(data, split):
    write_list(data, split)
    message = data.refusal("prepare")
    assert f"split {split}" in message
    assert f"set dataset.{split}" in message


def test_a_list_that_is_not_there(data):
    data.set(dataset={"train": "trainaug"})
    message = data.refusal("prepare")
    assert "trainaug.txt" in message
    assert "train, val" in message


def test_a_root_that_is_not_there(data):
    data.set(dataset={"root": "nowhere"})
    message = data.refusal("prepare")
    assert "nowhere" in message
    assert "dataset.root" in message


def test_scenes_never_replace_a_folder_of_someone_else(workspace):
    photographs = workspace.folder / "photographs"
    photographs.mkdir()
    (photographs / "a.jpg").write_bytes(b"mine")
    workspace.set(dataset={"root": "photographs"})
    message = workspace.refusal("prepare")
    assert "photographs" in message
    assert "choose another root" in message
    assert (photographs / "a.jpg").read_bytes() == b"mine"


def test_no_tags_at_all_mean_background_everywhere(data):
    for image_id in ("train_00001", "val_00000"):
        set_tags(data, image_id, "")
    data.run(*STAGES)
    with np.load(data.folder / layout.CAMS / "train_00001.npz") as cam:
        assert cam["scores"].shape == (0, 16, 20)
    for folder in (layout.PSEUDO_LABELS, layout.CAM_CRF):
        with Image.open(data.folder / folder / "train_00001.png") as labels:
            assert not np.array(labels).any()


@pytest.mark.parametrize(
    ("stage", "workers"),
    [("train_cam", "0"), ("train_cam", "2"), ("infer_cam", "0"), ("saliency", "0"),
     ("saliency", "2"), ("refine_crf", "2")],
)  # fmt: skip
def test_an_image_that_vanished_after_prepare(data, stage, workers):
    (data.folder / ROOT / "JPEGImages/train_00003.png").unlink()
    message = data.refusal(stage, WSSS_WORKERS=workers)
    assert message.startswith(f"{ROOT}/JPEGImages/train_00003.png is gone")
    assert "\n" not in message


def test_an_image_that_changed_after_prepare(data):
    Image.new("RGB", (30, 20)).save(data.folder / ROOT / "JPEGImages/train_00003.png")
    message = data.refusal("refine_crf")
    assert "JPEGImages/train_00003.png has changed since the index was made; put it back" in message


@pytest.mark.parametrize("image_id", ["train_00002", "val_00002"])
def test_a_mask_of_another_size(pipeline, image_id):
    mask = pipeline.folder / ROOT / f"SegmentationClass/{image_id}.png"
    Image.new("L", (10, 8)).save(mask)
    shutil.rmtree(pipeline.folder / "reports")
    message = pipeline.refusal("evaluate")
    assert f"SegmentationClass/{image_id}.png is 8 x 10 pixels" in message
    assert "64 x 80" in message


def test_a_mask_with_a_value_that_is_no_class(pipeline):
    Image.new("L", (80, 64), 99).save(pipeline.folder / ROOT / "SegmentationClass/train_00002.png")
    message = pipeline.refusal("evaluate")
    assert "train_00002.png holds the value 99" in message


def test_full_supervision_without_masks(pipeline):
    for mask in (pipeline.folder / ROOT / "SegmentationClass").iterdir():
        mask.unlink()
    assert pipeline.refusal("train_deeplab", "--masks", "--method", "full_supervision", code=2) == (
        f"full supervision needs masks, and no training image of {ROOT} has one; set dataset.masks to their folder,"
        " where each bears its image's name, or to an instances JSON with outlines"
    )
