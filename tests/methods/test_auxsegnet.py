"""AuxSegNet's losses and rounds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wsss_core import artifacts, manifests
from wsss_core.data.index import Index, Record
from wsss_core.losses.classification import tag_loss
from wsss_core.losses.saliency import saliency_loss
from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.training.optim import parameter_groups

PLAIN = {"long_side": None, "scale": [1.0, 1.0], "flip": False, "color_jitter": [0, 0, 0, 0], "crop": 48}


def test_the_loss_is_the_weighted_sum_of_five_terms(build, batch):
    made = build("auxsegnet", 1, weights={"tags": 0.5, "segmentation": 2.0, "saliency": 3.0})
    terms = made.terms(batch)
    outputs, stride = made.network(batch["image"]), made.network.stride
    expected = {
        "tags": 0.5 * tag_loss(outputs["logits"], batch["tags"]),
        "segmentation": 2 * segmentation_loss(outputs["seg"], batch["labels"], stride=stride),
        "segmentation_first": 2 * segmentation_loss(outputs["seg_first"], batch["labels"], stride=stride),
        "saliency": 3 * saliency_loss(outputs["saliency_logits"], batch["saliency"], batch["roi"], stride=stride),
        "saliency_first": 3 * saliency_loss(outputs["saliency_first"], batch["saliency"], batch["roi"], stride=stride),
    }
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms.losses[name], value)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"weights": {"tags": 0.0, "saliency": 0.0}, "affinity": "none"}, ["segmentation"]),
        ({"weights": {"saliency": 0.0}, "affinity": "none"}, ["tags", "segmentation"]),
        ({"affinity": "none"}, ["tags", "segmentation", "saliency"]),
        ({"affinity": "own"}, ["tags", "segmentation", "segmentation_first", "saliency", "saliency_first"]),
    ],
)
def test_ablations_leave_terms_out(build, batch, changes, left):
    assert list(build("auxsegnet", 1, **changes).terms(batch).losses) == left


def test_padding_has_no_part_in_the_losses(build, batch):
    made = build("auxsegnet", 1)
    batch["roi"][:, :, 30:] = False
    batch["labels"][:, :, 30:] = 255
    before = made.terms(batch)
    batch["saliency"][:, :, 30:] = 1 - batch["saliency"][:, :, 30:]
    after = made.terms(batch)
    assert {k: v.item() for k, v in before.losses.items()} == {k: v.item() for k, v in after.losses.items()}


def test_the_first_round_starts_from_the_cam_network_and_later_ones_from_the_round_before(build):
    first, second = (build("auxsegnet", number).recipe for number in (1, 2))
    assert first.start.inputs == (Path("models/cam/model.pt"),)
    assert second.start.inputs == (Path("models/auxsegnet/round_1/model.pt"),)


def test_a_round_learns_labels_and_saliency_of_the_round_before(build):
    inputs = [build("auxsegnet", number).recipe.inputs for number in (1, 2, 3)]
    assert inputs[0] == (Path("data/pseudo_labels/auxsegnet/round_0"), Path("data/saliency"))
    for number, given in enumerate(inputs[1:], start=1):
        assert {path.name for path in given} == {f"round_{number}"}


@pytest.mark.parametrize(("number", "salient"), [(1, True), (2, False)])
def test_faint_maps_of_a_detector_are_cut_by_its_rule_and_those_of_a_network_at_half(
    build, tmp_path, monkeypatch, number, salient
):
    monkeypatch.chdir(tmp_path)
    recipe = build("auxsegnet", number, first_saliency="otsu", augment=PLAIN).recipe
    faint = np.zeros((48, 48))
    faint[:, 20:] = 0.4
    for folder, write, plane in zip(
        recipe.inputs, (artifacts.write_labels, artifacts.write_grey), (np.zeros((48, 48), np.uint8), faint),
        strict=True,
    ):  # fmt: skip
        write(folder, "a", plane)
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save("a.png")
    index = Index("folder", ".", ("cat", "cow", "dog"), {"train": ("a",)},
                  {"a": Record("a", "a.png", (1,), 48, 48, manifests.file_digest(Path("a.png")))}, "tags")
    learnt = recipe.samples(index)[0]["saliency"]
    np.testing.assert_array_equal(learnt, (faint > 0) * salient)


def test_every_new_part_learns_at_the_rate_of_new_parts(build):
    network = build("auxsegnet", 1).network
    groups = parameter_groups(network, lr=1.0, weight_decay=0.0, new_lr_factor=10, bias_lr_factor=1)
    fast = {id(p) for group in groups if group["lr"] == 10 for p in group["params"]}
    names = {name for name, p in network.named_parameters() if id(p) in fast}
    assert names == {name for name, p in network.named_parameters() if not name.startswith("backbone.")}
    assert sum(len(group["params"]) for group in groups) == sum(p.requires_grad for p in network.parameters())
