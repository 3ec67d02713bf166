"""Two processes make what one makes: the same bytes of every image, and the same training up to rounding."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from workspace import QUIET, ROOT, STAGES, Workspace, graph_of, steps_of

from wsss_core import layout, registry

IN_RANKS = Path(__file__).with_name("in_ranks.py")
CPUS = {"WSSS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
TRAININGS = {
    "train_cam": ("cam", "train_cam"),
    "train_affinity": ("affinity", "train_affinity"),
    "train_deeplab": ("deeplab", "deeplab"),
    "train_joint,--method,rrm": ("rrm", "rrm"),
    "train_joint,--method,aalr": ("aalr", "aalr"),
    **{f"train_joint,--method,{method},--round,{number}": (f"{method}/round_{number}", f"{method}_round_{number}")
       for method in ("ssnet", "auxsegnet") for number in (1, 2)},
}  # fmt: skip
"""Command -> folder of its model, and its history: the three networks of the pipeline, each phase of each method."""
NUM_STEPS, NUM_IMAGES, BATCH = 20, 6, 2
PHASES = {"classification_phase": {"share": 0.3}, "schedule": "init"}
SETTLED = {"batch": BATCH, "epochs": NUM_STEPS * BATCH / NUM_IMAGES}
BACKBONE = {"backbone": {"batch_norm": "frozen"}}
SETTINGS = {
    **BACKBONE,
    **{stage: {**SETTLED} for stage in ("train_cam", "train_affinity", "train_deeplab")},
    **{method: {**SETTLED, **PHASES, "dropout": 0.0} for method in ("rrm", "aalr")},
    "ssnet": {"first": SETTLED, "second": SETTLED},
    "auxsegnet": {**SETTLED, "dropout": 0.0},
}
"""Without what differs between one process and two: dropout, and batch norms that see the batch (see `in_ranks`)."""
FROM_CAM = {method: {"schedule": "cls"} for method in ("rrm", "aalr")}
"""One phase, which begins with the trained CAM network."""


def in_processes(workspace: Workspace, count: int, commands: Iterable[str]) -> None:
    """Run the commands in so many processes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **QUIET, **CPUS, "WSSS_DEVICES": str(count)}
    ended = subprocess.run(
        [sys.executable, IN_RANKS, str(count), *commands], cwd=workspace.folder, text=True, capture_output=True,
        check=False, env={name: value for name, value in environment.items() if value is not None},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def per_image_commands(joint: Workspace) -> list[str]:
    """What makes an artifact of many images, of the default graph and of the methods' graphs."""
    steps = [step for method in registry.names("recipe") for step in
             steps_of(graph_of(method), rounds=joint.params["auxsegnet"]["rounds"])]  # fmt: skip
    commands = [",".join(step.command) for step in steps]
    rest = ("prepare", "digests", "evaluate", "evaluate_tags", "report")
    return [c for c in [*STAGES, *commands] if not c.startswith(("train", *rest))]


@pytest.mark.graphs
def test_every_stage_of_many_images_gives_the_same_bytes(joint_finished, joint):
    for folder in ("cam", "cam_crf", "affinity_labels", "random_walk", "saliency", "fused", "pseudo_labels",
                   "predictions", "predicted_saliency", "affinity_maps"):  # fmt: skip
        shutil.rmtree(joint.folder / "data" / folder, ignore_errors=True)
    in_processes(joint, 2, per_image_commands(joint))
    assert joint.artifacts() == joint_finished.artifacts()


@pytest.mark.graphs
def test_every_training_has_the_losses_and_the_weights_of_one_process(joint, tmp_path):
    joint.set(**SETTINGS)
    both = joint.copied_to(tmp_path / "two")
    assert_same_trainings(joint, both, TRAININGS)
    for workspace in (joint, both):
        workspace.set(**FROM_CAM)
    assert_same_trainings(joint, both, [command for command in TRAININGS if command.endswith(tuple(FROM_CAM))])


def assert_same_trainings(one: Workspace, two: Workspace, commands: Collection[str]) -> None:
    in_processes(one, 1, commands)
    in_processes(two, 2, commands)
    for folder, history in (TRAININGS[command] for command in commands):
        assert_same_losses(one, two, history)
        assert_same_weights(one, two, folder)


def assert_same_losses(one: Workspace, two: Workspace, name: str) -> None:
    tables = [(w.folder / layout.HISTORY / f"{name}.tsv").read_text().splitlines() for w in (one, two)]
    (names, *first), (others, *second) = ([line.split("\t") for line in table] for table in tables)
    assert names == others, name
    assert len(first) == len(second) == NUM_STEPS, name
    for a, b in zip(first, second, strict=True):
        for column, x, y in zip(names, a, b, strict=True):
            assert (x == y == "") or np.isclose(float(x), float(y), rtol=1e-4, atol=1e-7), (name, a[0], column, x, y)


def assert_same_weights(one: Workspace, two: Workspace, folder: str) -> None:
    first, second = (_weights(w.folder / layout.MODELS / folder / "model.pt") for w in (one, two))
    assert first.keys() == second.keys()
    for key, values in first.items():
        if key.endswith("affinity.key.bias"):
            continue  # a softmax does not see it: its gradient is rounding, of which AdamW makes steps
        apart = (second[key].double() - values.double()).norm()
        assert apart <= 1e-3 * values.double().norm() + 1e-6, (folder, key, apart)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state"]
