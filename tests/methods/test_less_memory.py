"""A batch in parts, and blocks computed again: every training's losses and weights stay what they are."""

from functools import partial

import pytest
import torch
from conftest import NUM_CLASSES, in_padding, scenes
from test_contract import TRAININGS

from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.methods.affinitynet.objective import affinity
from wsss_core.methods.cam.objective import classification
from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.methods.deeplab.objective import segmentation
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.training.recomputing import spare_memory

FROZEN = {"batch_norm": "frozen"}
STEPS = 4
PIPELINE = {
    "cam": (CamNetwork, {"dropout": 0.0}, classification),
    "affinity": (
        AffinityNet, {"taps": [0, 1, 2], "widths": [4, 4, 4], "freeze_backbone": False}, partial(affinity, radius=3),
    ),
    "deeplab": (DeepLab, {"head": "largefov", "atrous_rates": [2]}, segmentation),
}  # fmt: skip
JOINT = [(*training, schedule) for training in TRAININGS for schedule in (None, "init") if schedule is None
         or training[0] in ("rrm", "aalr")]  # fmt: skip
IN_PARTS = {"accumulate": 3, "activation_checkpointing": False}
AGAIN = {"accumulate": 1, "activation_checkpointing": True}
BOTH = {"accumulate": 2, "activation_checkpointing": True}
less_memory = pytest.mark.parametrize("way", [IN_PARTS, AGAIN, BOTH], ids=["in parts", "again", "both"])


def pipeline_network(name: str) -> tuple[torch.nn.Module, object]:
    make, options, losses = PIPELINE[name]
    torch.manual_seed(0)
    backbone = pretrained_backbone(name="test_resnet", output_stride=8, weights="none", **FROZEN)
    return build_network(make, backbone, num_classes=NUM_CLASSES, options=options), losses


def joint_network(build, name: str, *number: int, schedule: str | None) -> tuple[torch.nn.Module, object]:
    changes: dict = {"backbone": FROZEN, **({"schedule": schedule} if schedule else {})}
    if name == "ssnet":
        changes = {step: {"backbone": FROZEN} for step in ("first", "second")}
    made = build(name, *number, **changes)
    return made.network, made.recipe.losses


def trained(network, losses, *, way: dict | None) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """The terms of some steps through all of a run's phases, and the weights after them."""
    if way:
        spare_memory(network, **way)
    optimizer, rows = torch.optim.SGD(network.parameters(), lr=0.01), []
    for step in range(STEPS):
        terms = losses(network.train(), in_padding() if step % 2 else scenes(4, seed=step)[0], step / STEPS)
        optimizer.zero_grad()
        sum(terms.losses.values()).backward()
        optimizer.step()
        rows.append({name: value.item() for name, value in {**terms.losses, **terms.seen}.items()})
    return rows, network.state_dict()


def assert_equal(plain, spared) -> None:
    for expected, found in zip(plain[0], spared[0], strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-7)
    for name, weights in plain[1].items():
        torch.testing.assert_close(spared[1][name], weights, rtol=1e-3, atol=1e-5, msg=lambda text, n=name: n + text)


@less_memory
@pytest.mark.parametrize("name", PIPELINE)
def test_the_pipelines_networks_train_as_with_all_in_memory(name, way):
    plain, spared = (trained(*pipeline_network(name), way=chosen) for chosen in (None, way))
    assert_equal(plain, spared)


@pytest.mark.parametrize("training", JOINT, ids=lambda training: "-".join(map(str, filter(None, training))))
def test_every_phase_of_every_method_trains_as_with_all_in_memory(build, training):
    *training, schedule = training
    plain, spared = (
        trained(*joint_network(build, *training, schedule=schedule), way=chosen) for chosen in (None, BOTH)
    )
    assert_equal(plain, spared)
