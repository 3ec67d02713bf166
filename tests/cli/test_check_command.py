"""`wsss check`: the parameters and the data set, without running anything."""

from workspace import error_message

from wsss_core import layout
from wsss_core.cli.main import main

SCENES = "data/raw/scenes_tiny"


def test_sound_parameters_and_data(workspace):
    result = workspace.invoke(main, "check")
    assert result.exit_code == 0, result.output
    assert "params.yaml: parameters are valid" in result.output
    assert "6 images" in result.output
    assert result.output.rstrip().endswith("no problems")


def test_it_writes_nothing_but_the_generated_scenes(workspace):
    workspace.invoke(main, "check")
    assert workspace.artifacts() == {}


def test_all_that_is_wrong_with_a_data_set_at_once(pipeline):
    pipeline.set(dataset={"format": "voc"})
    root = pipeline.folder / SCENES
    (root / "JPEGImages/train_00001.png").write_bytes(b"")
    (root / "JPEGImages/train_00002.png").unlink()
    (root / "SegmentationClass/val_00000.png").write_bytes(b"")
    table = root / "image_labels.csv"
    table.write_text(table.read_text() + "val_00001,comet\n")
    before = pipeline.artifacts()
    result = pipeline.invoke(main, "check")
    assert result.exit_code == 1
    for line in ("error: unreadable image (1)", "error: missing image (1)", "error: unreadable mask (1)",
                 "error: unknown tag (1)"):  # fmt: skip
        assert line in result.output
    assert "Error: " not in result.output, "the report is the message"
    for name in ("train_00001.png", "train_00002", "val_00000.png", "comet"):
        assert name in result.output
    assert pipeline.artifacts() == before


def test_weights_files_that_are_not_there_are_named_by_their_keys(workspace):
    (workspace.folder / "mine.pth").write_bytes(b"")
    workspace.set(
        backbone={"weights": "weights/shared.pth"},
        train_cam={"backbone": {"weights": "weights/cam.pth"}},
        train_affinity={"backbone": {"weights": "mine.pth"}},
        train_deeplab={"backbone": {"weights": "imagenet"}},
        rrm={"backbone": {"weights": "weights/rrm.pth"}},
    )
    result = workspace.invoke(main, "check")
    assert result.exit_code == 1
    assert "error: missing weights (3)" in result.output
    assert "  backbone.weights is weights/shared.pth, and there is no such file; " in result.output
    for section, name in (("train_cam", "cam"), ("rrm", "rrm")):
        assert f"  {section}.backbone.weights is weights/{name}.pth, and there is no such file; " in result.output
    assert "no problems" not in result.output


def test_an_index_older_than_the_data_is_a_note(pipeline):
    pipeline.set(dataset={"format": "voc"}).run("prepare")
    assert "is older than the data" not in pipeline.invoke(main, "check").output
    table = pipeline.folder / SCENES / "image_labels.csv"
    first, row, *others = table.read_text().splitlines()
    image, _, _ = row.partition(",")
    table.write_text("\n".join([first, f"{image},", *others]) + "\n")
    result = pipeline.invoke(main, "check")
    assert result.exit_code == 0, result.output
    assert f"{layout.INDEX} is older than the data: 1 of 9 images differ" in result.output
    assert "run `dvc repro -f prepare`, then `dvc repro`" in result.output


def test_bad_parameters_end_it_with_code_2(workspace):
    workspace.set(fuse={"rule": "sift"}, seed=-1)
    message = error_message(workspace.invoke(main, "check"), code=2)
    assert "params.yaml has 2 errors:" in message
    assert "fuse.rule" in message
    assert "seed" in message


def test_another_params_file(workspace):
    (workspace.folder / "params.yaml").rename(workspace.folder / "other.yaml")
    assert workspace.invoke(main, "check", "--params", "other.yaml").exit_code == 0
    assert "params.yaml does not exist" in error_message(workspace.invoke(main, "check"), code=2)


def test_networks_that_do_not_exist_are_named_by_their_keys_with_the_nearest(workspace):
    workspace.set(backbone={"name": "test_resnett"}, train_cam={"backbone": {"name": "resnet38d"}})
    result = workspace.invoke(main, "check")
    assert result.exit_code == 1
    assert "error: unknown backbone (1)" in result.output
    assert "backbone: backbone.name is 'test_resnett', which neither timm nor this project has" in result.output
