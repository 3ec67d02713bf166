"""What RRM and AA&LR keep: both start in either way, learn from their own labels, and survive having none."""

import copy
import math
from statistics import median

import pytest
import torch
import torch.nn.functional as F
from overfitting import OPTIMIZER, backward, train
from workspace import tiny_params

from wsss_core import layout
from wsss_core.models import model_file
from wsss_core.models.model_file import Description
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.params import validate
from wsss_core.training import start
from wsss_core.training.loop import Terms
from wsss_core.training.optim import build_optimizer, two_phase_schedule

every_method = pytest.mark.parametrize("method", ["rrm", "aalr"])
UNRELIABLE = {"labels": {"keep": 0.0, "background_threshold": 1.0}}
"""No pixel is ever labelled."""
INIT = {"schedule": "init", "classification_phase": {"share": 0.5, "lr": 0.01}}


@every_method
def test_the_smallest_parameters_are_valid_as_they_are(method):
    assert getattr(validate(tiny_params(), source="tiny"), method).schedule in ("cls", "init")


@every_method
def test_losses_without_any_label_are_finite_and_reach_every_trainable_parameter(build, method, any_batch):
    made = build(method, **UNRELIABLE)
    terms = made.terms(any_batch)
    assert all(math.isfinite(value.item()) for value in [*terms.losses.values(), *terms.seen.values()])
    backward(terms)
    assert [name for name, p in made.network.named_parameters() if p.requires_grad and p.grad is None] == []


@every_method
def test_both_branches_and_the_backbone_learn(build, method, batch):
    network = (made := build(method)).network
    backward(made.terms(batch))
    for part in ("fc8", "head.hidden", "head.logits"):
        assert network.get_submodule(part).weight.grad.any()
    assert sum(bool(p.grad.any()) for p in network.backbone.parameters() if p.requires_grad) > 10


@every_method
def test_without_a_reliable_pixel_only_the_tags_are_learnt_from_labels(build, method, batch):
    terms = build(method, **UNRELIABLE).terms(batch)
    assert terms.seen["reliable_share"] == 0
    assert terms.losses["background"] == terms.losses["foreground"] == 0
    assert terms.losses["tags"] > 0


@every_method
def test_losses_are_their_weights_times_the_raw_values_that_are_seen(build, method, batch):
    made = build(method, foreground_weight=0.5)
    for terms in (made.terms(batch), made.terms({name: value[:2] for name, value in batch.items()})):
        assert {f"{name}_raw" for name in terms.losses} <= set(terms.seen)
        for name, weight in {"tags": 1, "background": 1, "foreground": 0.5}.items():
            assert terms.losses[name].item() == weight * terms.seen[f"{name}_raw"].item()
        assert not any(value.requires_grad for value in terms.seen.values())


def test_a_term_without_a_weight_has_weight_1():
    raw = {"a": torch.tensor(3.0, requires_grad=True), "b": torch.tensor(-2.0, requires_grad=True)}
    terms = Terms.weighted(raw, {"b": 0.25, "absent": 9.0}, {"share": torch.tensor(0.5)})
    assert {name: value.item() for name, value in terms.losses.items()} == {"a": 3, "b": -0.5}
    assert {name: value.item() for name, value in terms.seen.items()} == {"a_raw": 3, "b_raw": -2, "share": 0.5}
    backward(terms)
    assert (raw["a"].grad, raw["b"].grad) == (1, 0.25)


@every_method
def test_a_start_from_the_trained_classifier_has_all_losses_from_the_first_step(build, method, batch):
    made = build(method, schedule="cls")
    assert made.recipe.start.inputs == (layout.MODELS / "cam/model.pt",)
    assert made.recipe.schedule is None
    assert {"tags", "background", "foreground"} <= set(made.terms(batch, 0.0).losses)


@every_method
def test_a_start_from_the_trained_classifier_has_its_backbone_and_its_class_maps(build, method, batch, tmp_path,
                                                                                monkeypatch):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    made = build(method, schedule="cls")
    torch.manual_seed(5)
    values = {"classes": ("a", "b", "c"), "backbone": made.params.backbone.model_dump(), "options": {"dropout": 0.5}}
    described = Description(method="cam", network="cam", params={}, **values)
    trained = start.build(described, CamNetwork).eval()
    model_file.save(layout.MODELS / "cam", trained, described)
    head = copy.deepcopy(made.network.head.state_dict())
    made.recipe.start.initialise(made.network.eval())
    with torch.no_grad():
        torch.testing.assert_close(made.network(batch["image"])["cam"], trained.cams(batch["image"]).relu())
    assert all(torch.equal(value, head[name]) for name, value in made.network.head.state_dict().items())


@every_method
def test_a_start_from_the_backbone_classifies_first(build, method, batch):
    made = build(method, **INIT)
    assert made.recipe.start.inputs == ()
    for progress in (0.0, 0.4999):
        assert list(made.terms(batch, progress).losses) == ["tags"]
    assert {"tags", "background", "foreground"} <= set(made.terms(batch, 0.5).losses)


@every_method
def test_the_segmentation_head_stays_as_it_is_while_it_classifies(build, method, batch):
    made = build(method, **INIT)
    before = {name: p.clone() for name, p in made.network.head.named_parameters()}
    optimizer = build_optimizer(made.network, name="sgd", weight_decay=0.1, **OPTIMIZER)
    backward(made.terms(batch, 0.2))
    optimizer.step()
    assert made.network.fc8.weight.grad.any()
    assert all(torch.equal(p, before[name]) for name, p in made.network.head.named_parameters())


@every_method
def test_the_rates_of_both_phases_are_those_of_the_section(build, method):
    made = build(method, **INIT, optimizer={"lr": 0.002, "poly_power": 1.0, "new_lr_factor": 10})
    optimizer = build_optimizer(made.network, name="sgd", lr=0.002, momentum=0, weight_decay=0, new_lr_factor=10,
                              bias_lr_factor=1)  # fmt: skip
    schedule = made.recipe.schedule(optimizer, steps=8)
    expected = two_phase_schedule(optimizer, steps=8, share=0.5, first_lr=0.01, lr=0.002, power=1.0)
    for k in range(8):
        assert [f(k) for f in schedule.lr_lambdas] == [f(k) for f in expected.lr_lambdas]


@every_method
@pytest.mark.parametrize(("steps", "share"), [(4, 0.5), (5, 0.5)])
def test_the_rates_turn_with_the_losses(build, method, batch, steps, share):
    made = build(method, schedule="init", classification_phase={"share": share, "lr": 0.01},
                 optimizer={"lr": 0.002, "new_lr_factor": 10})  # fmt: skip
    options = OPTIMIZER | {"lr": 0.002, "new_lr_factor": 10}
    optimizer = build_optimizer(made.network, name="sgd", weight_decay=0, **options)
    lambdas = made.recipe.schedule(optimizer, steps=steps).lr_lambdas
    for k in range(steps):
        rates = {round(group["initial_lr"] * f(k), 9) for group, f in zip(optimizer.param_groups, lambdas, strict=True)}
        assert (len(rates) == 1) == ("foreground" in made.terms(batch, k / steps).losses)


@every_method
def test_labels_of_whole_photographs_have_their_size_and_only_their_tags(build, method, batch):
    made = build(method)
    with torch.no_grad():
        labels = made.recipe.label(made.network.eval(), batch)
    assert (labels.shape, labels.dtype) == ((4, 48, 48), torch.int64)
    for label, tags in zip(labels, batch["tags"], strict=True):
        assert set(label.unique().tolist()) <= {0, int(tags.argmax()) + 1, 255}


@every_method
def test_padding_takes_no_part_in_the_labels_of_a_step(build, method, batch):
    made = build(method)
    batch["roi"][:, :, 30:] = False
    assert not (made.recipe.label(made.network.eval(), batch)[..., 30:] != 255).any()
    assert made.terms(batch).seen["reliable_share"] <= 30 / 48


@every_method
def test_a_training_of_two_phases_repeats_itself(build, method, batch, tmp_path):
    made = [build(method, **INIT) for _ in range(2)]
    rows = [train(each, batch, tmp_path / str(place), steps=4) for place, each in enumerate(made)]
    assert rows[0] == rows[1]
    assert ["foreground" in row for row in rows[0]] == [False, False, True, True]
    first, second = (each.network.state_dict() for each in made)
    assert all(torch.equal(first[name], second[name]) for name in first)


@every_method
def test_it_overfits_four_images(build, method, batch, tmp_path):
    made = build(method, schedule="cls")
    rows = train(made, batch, tmp_path, steps=40)
    supervised = [row["tags"] + row["background"] + row["foreground"] for row in rows]
    assert median(supervised[-10:]) < 0.25 * supervised[0]                   # labels change on the way: it may jump
    with torch.no_grad():
        labels = made.recipe.label(made.network.eval(), batch)
        logits = F.interpolate(made.network(batch["image"])["seg"], size=labels.shape[-2:], mode="bilinear")
    known = labels != 255
    assert known.float().mean() > 0.1
    assert set(labels.unique().tolist()) >= {1, 2, 3}
    assert (logits.argmax(dim=1) == labels)[known].float().mean() > 0.8
