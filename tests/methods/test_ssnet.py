"""SSNet's losses in both steps."""

from pathlib import Path

import pytest
import torch

from wsss_core.losses.classification import tag_loss
from wsss_core.losses.saliency import aggregated_saliency_loss
from wsss_core.losses.segmentation import bootstrapped_loss, segmentation_loss


def both(network, batch):
    """What it makes of the tagged photographs and of the saliency set, in one pass as in training."""
    outputs = network(torch.cat([batch["image"], batch["saliency_image"]]))
    return ({name: value[part] for name, value in outputs.items()} for part in (slice(0, 4), slice(4, 8)))


def saliency_of(outputs, batch, form: str):
    return aggregated_saliency_loss(
        outputs["saliency"], outputs["background"], outputs["weights"][:, :1], batch["saliency_mask"],
        batch["saliency_roi"], form=form,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["bce", "linear_bg", "linear_old"])
def test_step_one_learns_tags_from_means_of_both_logits_and_saliency_from_the_other_set(build, batch, form):
    made = build("ssnet", 1, saliency_loss=form, saliency_weight=0.5)
    terms = made.terms(batch)
    tagged, other = both(made.network, batch)
    expected = {
        "tags": tag_loss(tagged["seg"][:, 1:].mean(dim=(2, 3)), batch["tags"]),
        "coarse_tags": tag_loss(tagged["coarse"][:, 1:].mean(dim=(2, 3)), batch["tags"]),
        "saliency": 0.5 * saliency_of(other, batch, form),
    }
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms.losses[name], value)


def test_step_two_learns_labels_tags_of_the_classifier_and_saliency(build, batch):
    made = build("ssnet", 2, bootstrap=0.25)
    terms = made.terms(batch)
    tagged, other = both(made.network, batch)
    expected = {
        "segmentation": bootstrapped_loss(tagged["seg"], batch["labels"], batch["tags"], share=0.25),
        "tags": tag_loss(tagged["logits"], batch["tags"]),
        "saliency": saliency_of(other, batch, "bce"),
    }
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms.losses[name], value)


def test_without_bootstrapping_step_two_learns_its_labels_alone(build, batch):
    made = build("ssnet", 2, bootstrap=0.0)
    terms = made.terms(batch)
    tagged, _ = both(made.network, batch)
    torch.testing.assert_close(terms.losses["segmentation"], segmentation_loss(tagged["seg"], batch["labels"]))


def test_the_background_s_logit_has_no_part_in_the_tags(build, batch):
    network = build("ssnet", 1).network
    loss = tag_loss(network(batch["image"])["seg"][:, 1:].mean(dim=(2, 3)), batch["tags"])
    loss.backward()
    assert not network.head.full.weight.grad[:, 0].any(), "no logit of the background is upsampled for them"


def test_step_two_starts_anew_and_reads_the_labels_of_step_one(build):
    first, second = (build("ssnet", number).recipe for number in (1, 2))
    assert (first.start.inputs, second.start.inputs) == ((), ())
    labels = Path("data/pseudo_labels/ssnet")
    assert labels in second.inputs and labels not in first.inputs


def test_without_a_set_the_maps_of_the_saliency_stage_are_its_input(build):
    recipe = build("ssnet", 1, saliency_set={"images": None, "masks": None}).recipe
    assert recipe.inputs == (Path("data/saliency"),)
