"""What every single-stage and joint method keeps: it builds, learns, and survives the batches that training meets."""

import math

import pytest
import torch
import torch.nn.functional as F
from overfitting import backward, train

from wsss_core import registry
from wsss_core.models.segmenter import Segmenter

TRAININGS = [("rrm",), ("aalr",), ("ssnet", 1), ("ssnet", 2), ("auxsegnet", 1), ("auxsegnet", 2)]
every_training = pytest.mark.parametrize("training", TRAININGS, ids=lambda training: "-".join(map(str, training)))
SUPERVISED = {
    "rrm": ("tags", "background", "foreground"),
    "aalr": ("tags", "background", "foreground"),
    "ssnet": ("tags", "saliency", "segmentation"),
    "auxsegnet": ("tags", "saliency", "segmentation"),
}
"""Terms that labels, masks or tags drive to nothing."""


def test_every_method_is_tried_here():
    assert {training[0] for training in TRAININGS} == set(registry.names("recipe"))
    assert {training[0] for training in TRAININGS if len(training) > 1} == {"ssnet", "auxsegnet"}


@every_training
def test_it_trains_by_a_part_of_its_section_a_network_that_segments(build, training):
    made = build(*training)
    section = getattr(made.params, training[0])
    assert made.recipe.section in (section, *(getattr(section, name) for name in type(section).model_fields))
    assert isinstance(made.network, Segmenter)


@every_training
@pytest.mark.parametrize("size", [(48, 48), (33, 50)])
def test_it_predicts_logits_of_the_background_and_each_class(build, training, size):
    network = build(*training).network.eval()
    with torch.no_grad():
        logits = network(torch.zeros(2, 3, *size))["seg"]
    assert logits.shape[:2] == (2, 4)
    assert logits.shape[2:] in (size, (math.ceil(size[0] / 8), math.ceil(size[1] / 8)))


@every_training
def test_losses_are_finite_and_their_gradients_reach_every_trainable_parameter(build, training, any_batch):
    made = build(*training)
    terms = made.terms(any_batch)
    assert all(math.isfinite(value.item()) for value in [*terms.losses.values(), *terms.seen.values()])
    assert {value.ndim for value in terms.losses.values()} == {0}
    backward(terms)
    trainable = {name: p.grad for name, p in made.network.named_parameters() if p.requires_grad}
    assert [name for name, gradient in trainable.items() if gradient is None] == []
    assert all(torch.isfinite(gradient).all() for gradient in trainable.values())


@every_training
def test_raw_values_of_all_terms_are_seen(build, training, batch):
    terms = build(*training).terms(batch)
    assert {f"{name}_raw" for name in terms.losses} <= set(terms.seen)
    assert not any(value.requires_grad for value in terms.seen.values())


@every_training
def test_it_overfits_four_images(build, training, batch, tmp_path):
    made = build(*training, **({"schedule": "cls"} if training[0] in ("rrm", "aalr") else {}))
    rows = train(made, batch, tmp_path, steps=60)
    learnt = [sum(row.get(name, 0) for name in SUPERVISED[training[0]]) for row in rows]
    assert min(learnt[-10:]) < 0.35 * learnt[0]
    with torch.no_grad():
        outputs = made.network.eval()(batch["image"])
        labels = made.recipe.label(made.network, batch) if made.recipe.label else batch["labels"]
    predicted = F.interpolate(outputs["seg"], size=labels.shape[-2:], mode="bilinear").argmax(dim=1)
    known = labels != 255
    assert known.float().mean() > 0.1
    assert set(labels.unique().tolist()) >= {1, 2, 3}
    assert (predicted == labels)[known].float().mean() > (0.6 if training == ("ssnet", 1) else 0.8)
