"""Every method on the device: a step of training, labels, predictions; and the records say so."""

from pathlib import Path

import numpy as np
import pytest
from comparing import agreement
from workspace import Workspace, graph_of, steps_of

from wsss_core import artifacts, layout
from wsss_core.data.index import Index

pytestmark = pytest.mark.gpu

NETWORKS = (
    "models/cam", "data/cam", "models/affinity", "data/random_walk", "models/deeplab", "data/predictions/deeplab",
)  # fmt: skip
"""Made by networks."""
CRFS = {
    "cam_crf": "data/pseudo_labels/cam_crf",
    "affinity_labels": "data/affinity_labels",
    "refine_crf": "data/pseudo_labels/affinitynet",
}
"""Stage -> what it makes."""
METHODS = {
    "rrm": ("models/rrm", "data/predictions/rrm", "data/pseudo_labels/rrm", "models/rrm_two_step"),
    "aalr": ("models/aalr", "data/predictions/aalr"),
    "ssnet": ("models/ssnet/round_1", "data/pseudo_labels/ssnet", "models/ssnet/round_2", "data/predictions/ssnet"),
    "auxsegnet": ("models/auxsegnet/round_1", "data/pseudo_labels/auxsegnet/round_1", "data/predictions/auxsegnet"),
    "full_supervision": ("models/full_supervision", "data/predictions/full_supervision"),
}
"""Some of what each method's graph makes on a device."""
REPORTING = ("evaluate", "report")


def record(workspace: Workspace, artifact: str) -> dict:
    return artifacts.read_json(workspace.folder / layout.provenance_of(Path(artifact)))


def labels(workspace: Workspace, folder: str, split: str) -> list[np.ndarray]:
    index = Index.open(workspace.folder / layout.INDEX)
    return [artifacts.read_labels(workspace.folder / folder, image_id) for image_id in index.ids(split)]


@pytest.mark.parametrize("artifact", [*NETWORKS, *CRFS.values()])
def test_the_record_of_every_artifact_of_the_root_graph_names_the_device(on_device, device, artifact):
    made = record(on_device, artifact)
    assert (made["device"], made["processes"]) == (device.type, 1)
    assert bool(made["gpu"]) == (device.type == "cuda")


@pytest.mark.parametrize("name", ["train_cam", "train_affinity", "deeplab"])
def test_the_time_of_every_training_names_the_device(on_device, device, name):
    assert artifacts.read_json(on_device.folder / layout.TIMES / f"{name}.json")["device"] == device.type


def test_trainings_are_deterministic_in_all_bits_and_inference_is_what_the_device_does_best(on_device, device):
    training, inference = record(on_device, "models/cam"), record(on_device, "data/cam")
    assert (training["precision"], training["deterministic"]) == ("32-true", True)
    assert inference["deterministic"] is False
    assert inference["precision"].endswith("-mixed") == (device.type == "cuda")


@pytest.mark.parametrize(("stage", "folder"), CRFS.items())
def test_labels_of_crfs_are_those_that_the_cpu_makes_of_the_same(on_device, pipeline, stage, folder):
    result = pipeline.try_stage(stage, WSSS_DEVICES="cpu")
    assert result.exit_code == 0, result.output
    found, expected = (labels(one, folder, "train") for one in (on_device, pipeline))
    assert agreement(found, expected) >= 0.999  # of small pictures; rounding decides where two labels are as probable


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_labels_and_predicts(on_device, tmp_path, device, method):
    for package in ("scipy", "skimage") if method == "auxsegnet" else ():  # which cut its saliency maps
        pytest.importorskip(package)
    made = on_device.copied_to(tmp_path / method)
    for step in steps_of(graph_of(method), rounds=made.params["auxsegnet"]["rounds"]):
        stage, *options = step.command
        if stage not in REPORTING:
            made.run_with(stage, *options)
    assert {artifact: record(made, artifact)["device"] for artifact in METHODS[method]} == dict.fromkeys(
        METHODS[method], device.type
    )
    predicted = labels(made, f"data/predictions/{method}", "val")
    num_classes = len(Index.open(made.folder / layout.INDEX).classes)
    assert all(one.max() <= num_classes for one in predicted)
