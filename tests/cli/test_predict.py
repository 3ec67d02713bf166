"""`wsss predict`: a model, photographs, label maps."""

import shutil

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML
from workspace import ROOT, Workspace, error_message

from wsss_core import artifacts, layout, voc
from wsss_core.cli.main import main
from wsss_core.cli.predict import CRF
from wsss_core.data.index import Index
from wsss_core.sections.labels import Predict

IMAGES = "data/raw/scenes_tiny/JPEGImages"
MASKS = {"a b.c.png", "näh/er/x.png"}
OWN = {"classes.txt", "predicted.jsonl"}


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
    assert set(photographs.files("out")) == {*MASKS, *OWN}
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
        ("models/deeplab", "models", "models holds no photograph that can be read"),
    ],
)
def test_what_cannot_be_used_is_named(photographs, model, source, reason):
    message = error_message(predict(photographs, model, source, "--out", "out"), code=1)
    assert reason in message
    assert not (photographs.folder / "out").exists()


def test_two_photographs_of_one_name(photographs):
    shutil.copyfile(photographs.folder / "photos/a b.c.png", photographs.folder / "photos/a b.c.bmp")
    message = error_message(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert "a b.c.bmp" in message
    assert "rename one" in message


def test_corrupt_photographs_are_named_and_the_others_segmented(photographs):
    for name in ("b.jpg", "a b.c.png"):
        (photographs.folder / "photos" / name).write_bytes(b"")
    message = error_message(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert message.splitlines() == [
        "2 of 3 photographs could not be segmented:",
        "  photos/a b.c.png cannot be decoded (no known image format); replace the file or leave it out",
        "  photos/b.jpg cannot be decoded (no known image format); replace the file or leave it out",
    ]
    assert set(photographs.files("out")) == {"näh/er/x.png", *OWN}


@pytest.fixture
def plain(tmp_path):
    """A photograph and no model: what is refused before a model is read."""
    workspace = Workspace(tmp_path / "plain")
    (workspace.folder / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(workspace.folder / "photos/b.jpg")
    return workspace


def refused(workspace, out: str) -> str:
    """The message; nothing in the folder has changed."""
    before = workspace.files(".")
    message = error_message(predict(workspace, "models/nothing", "photos", "--out", out), code=1)
    assert workspace.files(".") == before
    return message


def test_label_maps_of_a_network_with_other_classes_keep_their_legend(photographs):
    artifacts.write_text(photographs.folder / "out/classes.txt", "0 background\n1 zebra\n")
    message = error_message(predict(photographs, "models/deeplab", "photos", "--out", "out"), code=1)
    assert message.startswith("out/classes.txt is of a network with other classes, whose label maps lie there; choose")
    assert photographs.files("out") == {"classes.txt": b"0 background\n1 zebra\n"}


@pytest.mark.parametrize(
    ("legend", "label_map", "reason"),
    [
        ("cat\ndog\n", False, "out/classes.txt is none that this command wrote, and would be replaced; choose another"),
        ("cat\ndog\n", True, "out/classes.txt is none that this command wrote"),
        ("", False, "out/classes.txt is none that this command wrote"),
        (None, True, "1 label maps would be replaced (out/b.png), and out holds no classes.txt to tell"),
        ("0 background\n1 cat\n", True, "models/nothing/model.pt is missing"),
        ("0 background\n1 cat\n", False, "models/nothing/model.pt is missing"),
        (None, False, "models/nothing/model.pt is missing"),
    ],
)
def test_only_what_this_command_wrote_is_replaced(plain, legend, label_map, reason):
    if legend is not None:
        artifacts.write_text(plain.folder / "out/classes.txt", legend)
    if label_map:
        artifacts.write_labels(plain.folder / "out", "b", np.ones((4, 4)))
    assert reason in refused(plain, "out")


def test_a_label_map_that_is_looked_at_itself_is_not_replaced(plain):
    (plain.folder / "photos/b.jpg").unlink()
    artifacts.write_text(plain.folder / "photos/classes.txt", "0 background\n1 cat\n")
    artifacts.write_labels(plain.folder / "photos", "b", np.ones((4, 4)))
    assert refused(plain, "photos") == "photos/b.png is read here and would be replaced; choose another --out"


def test_names_that_no_label_map_can_bear_are_all_told_before_the_first_photograph(plain):
    long = "x" * 245
    for name in ("b.png/a.jpg", f"{long}.jpg", "c.jpg", "c.bmp", "classes.txt/d.jpg", "file/e.jpg"):
        (plain.folder / "photos" / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(plain.folder / "photos" / name)
    artifacts.write_text(plain.folder / "out/file", "")
    heading, *problems = refused(plain, "out").splitlines()
    assert heading == "5 label maps cannot be written:"
    for name in ("photos/b.png/a.jpg: its folder b.png is also", f"{long}.jpg: its name is", "would both become c.png",
                 "out/classes.txt is a file and", "out/file is a file and would have to be a folder"):  # fmt: skip
        assert any(name in problem for problem in problems), name


@pytest.mark.parametrize(("source", "out"), [("photos", "photos"), ("photos/a b.c.png", "photos"), ("photos", "link")])
def test_a_label_map_never_replaces_a_photograph(photographs, source, out):
    (photographs.folder / "link").symlink_to("photos")
    before = photographs.files("photos")
    message = error_message(predict(photographs, "models/nothing", source, "--out", out), code=1)  # before any model is
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
    message = error_message(predict(photographs, "models/nothing", source, "--out", out), code=1)
    assert message == f"{out}/b.png is no label map, and one would replace it; choose another --out"
    assert stranger.read_bytes() == before


def test_label_maps_below_the_photographs_are_not_photographs(photographs):
    for _ in range(2):
        result = predict(photographs, "models/deeplab", "photos", "--out", "photos/masks")
        assert result.exit_code == 0, result.output
        assert set(photographs.files("photos/masks")) == {*MASKS, *OWN}


def test_photographs_are_what_the_data_sets_take_for_images(photographs):
    photo = photographs.folder / "photos/a b.c.png"
    Image.open(photo).save(photographs.folder / "photos/moving.gif")
    (photographs.folder / "photos/._a.jpg").write_bytes(b"what macOS notes of a.jpg")
    result = predict(photographs, "models/deeplab", "photos", "--out", "out")
    assert result.exit_code == 0, result.output
    assert set(photographs.files("out")) == {*MASKS, "moving.png", *OWN}


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("params.yaml", "params.yaml: File exists; a file stands where a folder is needed"),
        ("params.yaml/out", "Not a directory; a file stands where a folder is needed"),
        ("x" * 300, "File name too long; give it a shorter name"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named(photographs, out, reason):
    message = error_message(predict(photographs, "models/deeplab", "photos", "--out", out), code=1)
    assert out in message
    assert reason in message
    assert "\n" not in message


# ---- what it takes and what it passes over


def test_it_needs_nothing_but_the_model(photographs, tmp_path):
    alone = Workspace(tmp_path / "alone")
    (alone.folder / "params.yaml").unlink()
    model, photos = photographs.folder / "models/deeplab/model.pt", photographs.folder / "photos"
    shutil.copyfile(model, alone.folder / "model.pt")
    result = predict(alone, "model.pt", photos, "--out", "out")
    assert result.exit_code == 0, result.output
    assert "out: 2 label maps (scales 1, mirrored too, no CRF)" in result.output
    predict(photographs, "models/deeplab", "photos", "--out", "out")
    assert alone.files("out") == photographs.files("out")


def test_the_defaults_are_those_that_params_yaml_is_shipped_with():
    read = YAML(typ="safe").load
    assert read((ROOT / "params.yaml").read_text(encoding="utf-8"))["predict"] == Predict().model_dump()
    assert read((ROOT / "presets/voc12.yaml").read_text(encoding="utf-8"))["predict"]["crf"] == CRF.model_dump()


@pytest.mark.parametrize("broken", ["predict: {scales: [9]}", "not: [yaml", ""])
def test_a_params_file_of_the_working_folder_is_not_read(photographs, broken):
    expected = predict(photographs, "models/deeplab", "photos", "--out", "out").output
    (photographs.folder / "params.yaml").write_text(broken)
    shutil.rmtree(photographs.folder / "out")
    assert predict(photographs, "models/deeplab", "photos", "--out", "out").output.endswith(expected[-60:])


@pytest.mark.parametrize(
    ("options", "described"),
    [
        (("--scales", "0.5,1", "--no-flip"), "scales 0.5, 1, no mirror, no CRF"),
        (("--crf",), "scales 1, mirrored too, a CRF"),
        (("--params", "mine.yaml"), "scales 0.75, mirrored too, a CRF"),
        (("--params", "mine.yaml", "--no-crf", "--scales", "2"), "scales 2, mirrored too, no CRF"),
    ],
)
def test_options_go_before_a_named_file_and_that_before_the_defaults(photographs, options, described):
    crf = CRF.model_copy(update={"iterations": 2}).model_dump()
    mine = {"predict": {"scales": [0.75], "crf": crf}, "unknown": 1}  # as a preset, with the keys that differ
    with (photographs.folder / "mine.yaml").open("w") as file:
        YAML(typ="safe").dump(mine, file)
    result = predict(photographs, "models/deeplab", "photos", "--out", "out", *options)
    assert result.exit_code == 0, result.output
    assert f"2 label maps ({described})" in result.output


def test_options_change_the_labels(photographs):
    for folder, options in (("plain", ()), ("crf", ("--crf",)), ("small", ("--max-pixels", "200"))):
        predict(photographs, "models/deeplab", "photos", "--out", folder, *options)
    plain, crf, small = (photographs.files(folder)["a b.c.png"] for folder in ("plain", "crf", "small"))
    assert plain != crf
    assert plain != small


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--scales", "1,x"), "'1,x' is no list of factors"),
        (("--scales", "0"), "'0' is no list of factors"),
        (("--scales", "nan"), "'nan' is no list of factors"),
        (("--scales", ""), "'' is no list of factors"),
        (("--max-pixels", "0"), "0 is not in the range"),
        (("--params", "none.yaml"), "none.yaml does not exist"),
        (("--params", "bad.yaml"), "predict.scale: unknown key; did you mean `scales`?"),
    ],
)
def test_bad_options_are_named(photographs, options, reason):
    (photographs.folder / "bad.yaml").write_text("predict: {scale: [1.0]}\n")
    assert reason in error_message(predict(photographs, "models/deeplab", "photos", "--out", "out", *options), code=2)


def test_photographs_that_cannot_be_opened_are_counted_and_end_it_with_code_1(photographs):
    for name in ("a.psd", "näh/b.dng"):
        (photographs.folder / "photos" / name).write_bytes(b"whatever")
    result = predict(photographs, "models/deeplab", "photos", "--out", "out")
    assert error_message(result, code=1).splitlines() == [
        "2 of 4 photographs could not be segmented:",
        "  photos/a.psd is passed over, for .psd cannot be opened here: convert to JPEG or PNG",
        "  photos/näh/b.dng is passed over, for .dng cannot be opened here: convert to JPEG or PNG",
    ]
    assert set(photographs.files("out")) == {*MASKS, *OWN}, "the others are segmented all the same"


def test_one_that_is_named_itself(photographs):
    (photographs.folder / "a.psd").write_bytes(b"whatever")
    message = error_message(predict(photographs, "models/deeplab", "a.psd", "--out", "out"), code=1)
    assert message == "a.psd cannot be segmented, for .psd cannot be opened here: convert to JPEG or PNG"


def test_files_that_are_no_photographs_are_counted_and_named(photographs, caplog):
    (photographs.folder / "photos/Thumbs.db").write_bytes(b"")
    assert predict(photographs, "models/deeplab", "photos", "--out", "out").exit_code == 0
    assert "photos: 1 texts and tables are passed over: notes.txt" in caplog.text
    assert "photos: 1 is passed over, for '.db' is no suffix of an image: Thumbs.db" in caplog.text


def test_a_folder_of_nothing_but_such_says_what_lies_there(photographs):
    folder = photographs.folder / "raw"
    folder.mkdir()
    (folder / "a.dng").write_bytes(b"whatever")
    message = error_message(predict(photographs, "models/deeplab", "raw", "--out", "out"), code=1)
    assert message.startswith("raw holds no photograph that can be read (.jpg, ")
    assert message.endswith("raw/a.dng is passed over, for .dng cannot be opened here: convert to JPEG or PNG")
