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
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        "a b.c.png", "näh/er/x.png", "classes.txt",
    }  # fmt: skip
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


def test_a_corrupt_photograph(photographs):
    (photographs.folder / "photos/a b.c.png").write_bytes(b"")
    message = told(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert "photos/a b.c.png" in message
    assert "replace the file" in message
