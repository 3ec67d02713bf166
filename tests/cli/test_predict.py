"""`wsss predict`: a model, photographs, label maps."""

import shutil

import numpy as np
import pytest
from PIL import Image
from workspace import told

from wsss_core import artifacts, layout, voc
from wsss_core.cli.main import main
from wsss_core.data.index import Index

IMAGES = "data/raw/scenes_tiny/JPEGImages"
MASKS = {"a b.c.png", "näh/er/x.png"}


def predict(workspace, *arguments):
    return workspace.invoke(main, "predict", *arguments)


@pytest.fixture
def photographs(pipeline):
    """The finished run and a folder with odd names, nested folders and a file that is no photograph."""
    folder = pipeline.folder / "photos"
    for name in ("a b.c.png", "näh/er/x.PNG"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pipeline.folder / IMAGES / "val_00000.png", folder / name)
    (folder / "notes.txt").write_text("not a photograph")
    return pipeline


def test_a_folder_of_photographs(photographs):
    result = predict(photographs, "models/deeplab", "photos", "--out", "out")
    assert result.exit_code == 0, result.output
    out = photographs.folder / "out"
    assert set(photographs.files("out")) == {*MASKS, "classes.txt"}
    with Image.open(out / "a b.c.png") as picture:
        assert (picture.mode, picture.size) == ("P", (80, 64))
        assert picture.getpalette() == list(voc.palette())


def test_its_labels_are_those_of_the_stage(photographs):
    predict(photographs, "models/deeplab/model.pt", "photos/a b.c.png", "--out", "out")
    ours = artifacts.read_labels(photographs.folder / "out", "a b.c")
    np.testing.assert_array_equal(
        ours, artifacts.read_labels(photographs.folder / layout.PREDICTIONS / "deeplab", "val_00000")
    )


def test_the_names_of_the_labels_are_written_beside_them(photographs):
    predict(photographs, "models/deeplab", "photos", "--out", "out")
    names = ("background", *Index.open(photographs.folder / layout.INDEX).classes)
    lines = (photographs.folder / "out/classes.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{label} {name}" for label, name in enumerate(names)]


@pytest.mark.parametrize(
    ("model", "source", "reason"),
    [
        ("models/nothing", "photos", "models/nothing/model.pt is missing"),
        ("params.yaml", "photos", "params.yaml is no model of this project"),
        ("models/cam", "photos", "does not segment; take models/deeplab"),
        ("models/deeplab", "nowhere", "nowhere does not exist"),
        ("models/deeplab", "models", "models holds no photograph"),
    ],
)
def test_what_cannot_be_used_is_named(photographs, model, source, reason):
    message = told(predict(photographs, model, source, "--out", "out"), code=1)
    assert reason in message
    assert not (photographs.folder / "out").exists()


def test_two_photographs_of_one_name(photographs):
    shutil.copyfile(photographs.folder / "photos/a b.c.png", photographs.folder / "photos/a b.c.bmp")
    message = told(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert "a b.c.bmp" in message
    assert "rename one" in message


def test_corrupt_photographs_are_named_and_the_others_segmented(photographs):
    for name in ("b.jpg", "a b.c.png"):
        (photographs.folder / "photos" / name).write_bytes(b"")
    message = told(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert message.splitlines() == [
        "2 of 3 photographs could not be segmented:",
        "  photos/a b.c.png cannot be decoded (no known image format); replace the file or leave it out",
        "  photos/b.jpg cannot be decoded (no known image format); replace the file or leave it out",
    ]
    assert set(photographs.files("out")) == {"näh/er/x.png", "classes.txt"}


@pytest.mark.parametrize(("source", "out"), [("photos", "photos"), ("photos/a b.c.png", "photos"), ("photos", "link")])
def test_a_label_map_never_replaces_a_photograph(photographs, source, out):
    (photographs.folder / "link").symlink_to("photos")
    before = photographs.files("photos")
    message = told(predict(photographs, "models/nothing", source, "--out", out), code=1)  # told before a model is read
    assert message == f"{out}/a b.c.png is no label map, and one would replace it; choose another --out"
    assert photographs.files("photos") == before


@pytest.mark.parametrize(("source", "out"), [("photos/b.jpg", "photos"), ("photos", "photos/below")])
def test_nor_one_that_is_not_segmented_itself(photographs, source, out):
    """Beside the photograph that is, or below --out, where photographs are not looked for."""
    Image.new("RGB", (40, 40)).save(photographs.folder / "photos/b.jpg")
    stranger = photographs.folder / out / "b.png"
    stranger.parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4)).save(stranger)
    before = stranger.read_bytes()
    message = told(predict(photographs, "models/nothing", source, "--out", out), code=1)
    assert message == f"{out}/b.png is no label map, and one would replace it; choose another --out"
    assert stranger.read_bytes() == before


def test_label_maps_below_the_photographs_are_not_photographs(photographs):
    for _ in range(2):
        result = predict(photographs, "models/deeplab", "photos", "--out", "photos/masks")
        assert result.exit_code == 0, result.output
        assert set(photographs.files("photos/masks")) == {*MASKS, "classes.txt"}


def test_photographs_are_what_the_data_sets_take_for_images(photographs):
    photo = photographs.folder / "photos/a b.c.png"
    Image.open(photo).save(photographs.folder / "photos/moving.gif")
    (photographs.folder / "photos/._a.jpg").write_bytes(b"what macOS notes of a.jpg")
    result = predict(photographs, "models/deeplab", "photos", "--out", "out")
    assert result.exit_code == 0, result.output
    assert set(photographs.files("out")) == {*MASKS, "moving.png", "classes.txt"}


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("params.yaml", "params.yaml: File exists; a file stands where a folder is needed"),
        ("params.yaml/out", "Not a directory; a file stands where a folder is needed"),
        ("x" * 300, "File name too long; give it a shorter name"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named(photographs, out, reason):
    message = told(predict(photographs, "models/deeplab", "photos", "--out", out), code=1)
    assert out in message
    assert reason in message
    assert "\n" not in message
