"""What every single-stage and joint method keeps: it builds, learns, and survives the batches that training meets."""

import math

import pytest
import torch
import torch.nn.functional as F
from overfitting import backward, train

from wsss_core import registry
from wsss_core.models.segmenter import Segmenter
from wsss_core.params import Params

ROUNDS = {name: () if Params().last_round(name) is None else (1, 2) for name in registry.names("recipe")}
TRAININGS = [(name, *number) for name, rounds in ROUNDS.items() for number in [(k,) for k in rounds] or [()]]
"""All methods of one network; the first two rounds of one in rounds stand for all."""
every_training = pytest.mark.parametrize("training", TRAININGS, ids=lambda training: "-".join(map(str, training)))
AGREES = {("ssnet", 1): 0.6}
"""With how much of the labels a network agrees that overfitted, where that is not 0.8: this one learns tags alone."""


def test_methods_in_one_go_and_in_rounds_are_tried_here():
    assert {("rrm",), ("ssnet", 1), ("ssnet", 2), ("auxsegnet", 2)} <= set(TRAININGS)


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
    has_phases = "schedule" in type(getattr(Params(), training[0])).model_fields
    made = build(*training, **({"schedule": "cls"} if has_phases else {}))
    names = made.terms(batch).losses
    rows = train(made, batch, tmp_path, steps=60)
    terms = [name for name in names if rows[0].get(name, 0) > 0]  # a dense energy is below 0, what is ramped up yet 0
    learnt = [sum(row[name] for name in terms) for row in rows]
    assert min(learnt[-10:]) < 0.35 * learnt[0]
    with torch.no_grad():
        outputs = made.network.eval()(batch["image"])
        labels = made.recipe.label(made.network, batch) if made.recipe.label else batch["labels"]
    predicted = F.interpolate(outputs["seg"], size=labels.shape[-2:], mode="bilinear").argmax(dim=1)
    known = labels != 255
    assert known.float().mean() > 0.1
    assert set(labels.unique().tolist()) >= {1, 2, 3}
    assert (predicted == labels)[known].float().mean() > AGREES.get(training, 0.8)
