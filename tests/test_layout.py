"""Where artifacts lie and which command makes them."""

from pathlib import Path

import pytest
from workspace import ROOT, steps_of

from wsss_core import registry, remedies

PIPELINES = ROOT / "pipelines"


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("data/cam/a.npz", "dvc repro"),
        ("data/pseudo_labels/affinitynet/a.png", "dvc repro"),
        ("data/pseudo_labels/cam_crf/a.png", "dvc repro"),
        ("models/cam/model.pt", "dvc repro train_cam"),
        ("models/auxsegnet/round_3/model.pt", "dvc repro pipelines/auxsegnet/dvc.yaml"),
        ("models/rrm_two_step/model.pt", "dvc repro pipelines/rrm/dvc.yaml"),
        ("data/pseudo_labels/auxsegnet/round_0/a.png", "dvc repro pipelines/auxsegnet/dvc.yaml"),
        ("data/predictions/ssnet_round_1/a.png", "dvc repro pipelines/ssnet/dvc.yaml"),
        ("data/predicted_saliency/ssnet/val/a.png", "dvc repro pipelines/ssnet/dvc.yaml"),
        ("data/snapshots/aalr/step_2/a.png", "dvc repro pipelines/aalr/dvc.yaml"),
        ("reports/metrics/cam.json", "dvc repro"),
    ],
)
@pytest.mark.parametrize("root", ["", "/somewhere/project/"])
def test_an_artifact_names_the_command_that_makes_it(root, path, command):
    assert remedies.made_by(Path(root + path)) == command
    assert remedies.is_made(Path(root + path))


@pytest.mark.parametrize(
    "path",
    ["params.yaml", "model.pt", "data/raw/mine/a.png", "data/pseudo_labels/mine/a.png", "models/mine/model.pt",
     "models", "data", "data/camera/a.png", "my_models/cam/model.pt", "presets/voc12.yaml"],
)  # fmt: skip
@pytest.mark.parametrize("root", ["", "/somewhere/project/"])
def test_what_no_stage_writes_is_told_by_its_place(root, path):
    assert not remedies.is_made(Path(root + path))


def test_every_graph_is_known():
    assert {path.parent.name for path in PIPELINES.glob("*/dvc.yaml")} == {*registry.names("page")} - {"affinitynet"}


def test_everything_that_the_graphs_make_lies_in_a_known_place():
    graphs = [Path(PIPELINES.parent / "dvc.yaml"), *PIPELINES.glob("*/dvc.yaml")]
    made = {name for graph in graphs for step in steps_of(graph, rounds=["1"]) for name in step.makes}
    assert [name for name in sorted(made) if not remedies.is_made(Path(name))] == []
    assert len(made) > 100


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("data/cam/a.npz", "chmod -R u+w data/cam && dvc repro"),
        ("models/cam/model.pt", "chmod -R u+w models/cam && dvc repro train_cam"),
        ("/home/me/model.pt", "dvc repro train_deeplab"),
    ],
)
def test_what_is_damaged_is_made_writable_first_so_that_dvc_reads_it(path, command):
    assert remedies.made_anew(Path(path)) == command
