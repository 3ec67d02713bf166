"""Where artifacts lie and which command makes them."""

from pathlib import Path

import pytest

from wsss_core import layout


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
    assert layout.made_by(Path(root + path)) == command


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("data/cam/a.npz", "chmod -R u+w data/cam && dvc repro"),
        ("models/cam/model.pt", "chmod -R u+w models/cam && dvc repro train_cam"),
        ("/home/me/model.pt", "dvc repro train_deeplab"),
    ],
)
def test_what_is_damaged_is_made_writable_first_so_that_dvc_reads_it(path, command):
    assert layout.made_anew(Path(path)) == command
