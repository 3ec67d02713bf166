"""What every single-stage and joint method keeps: it builds, learns, and survives the batches that training meets."""

import copy
import math
from statistics import median

import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from workspace import tiny_params

from wsss_core import layout
from wsss_core.methods import METHODS
from wsss_core.methods.two_branch import weighted
from wsss_core.models.build import NETWORKS, SEGMENTING
from wsss_core.params import validate
from wsss_core.training import checkpoint
from wsss_core.training.checkpoint import Description
from wsss_core.training.loop import fit
from wsss_core.training.optim import build_optimizer, poly_schedule, two_phase_schedule

every_method = pytest.mark.parametrize("method", METHODS)
UNRELIABLE = {"labels": {"keep": 0.0, "background_threshold": 1.0}}
"""No pixel is ever labelled."""
OPTIMIZER = {"lr": 0.005, "momentum": 0, "new_lr_factor": 1, "bias_lr_factor": 1}
INIT = {"schedule": "init", "classification_phase": {"share": 0.5, "lr": 0.01}}


def train(method, batch, folder, *, steps: int) -> list[dict[str, float]]:
    """The history of a training on one batch, by the one loop."""
    descent = build_optimizer(method.network, name="adamw", weight_decay=0, **OPTIMIZER)
    make = method.recipe.schedule or (lambda o, steps: poly_schedule(o, steps=steps, power=0.9, warmup=0))
    return fit(
        method.network, lambda first: iter([batch] * (steps - first)), losses=method.recipe.losses, optimizer=descent,
        scheduler=make(descent, steps=steps), steps=steps, fabric=Fabric(accelerator="cpu", devices=1),
        checkpoint=folder / "checkpoint.pt", name="test",
    ).rows  # fmt: skip


def backward(terms) -> None:
    sum(terms.losses.values()).backward()


@every_method
def test_it_has_its_section_and_a_network_that_segments(build, method):
    made = build(method)
    assert made.recipe.section is getattr(made.params, method)
    assert made.recipe.network in NETWORKS and made.recipe.network in SEGMENTING


@every_method
def test_the_smallest_parameters_are_valid_as_they_are(method):
    assert getattr(validate(tiny_params(), source="tiny"), method).schedule in ("cls", "init")


@every_method
@pytest.mark.parametrize("size", [(48, 48), (33, 50)])
def test_it_predicts_logits_of_the_background_and_each_class(build, method, size):
    network = build(method).network.eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *size))["seg"].shape == (2, 4, math.ceil(size[0] / 8), math.ceil(size[1] / 8))


@every_method
@pytest.mark.parametrize("changes", [{}, UNRELIABLE], ids=["reliable", "unreliable"])
def test_losses_are_finite_and_their_gradients_reach_every_trainable_parameter(build, method, changes, any_batch):
    made = build(method, **changes)
    terms = made.terms(any_batch)
    assert all(math.isfinite(value.item()) for value in [*terms.losses.values(), *terms.seen.values()])
    assert {value.ndim for value in terms.losses.values()} == {0}
    backward(terms)
    trainable = {name: p.grad for name, p in made.network.named_parameters() if p.requires_grad}
    assert [name for name, gradient in trainable.items() if gradient is None] == []
    assert all(torch.isfinite(gradient).all() for gradient in trainable.values())


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
    terms = weighted(raw, {"b": 0.25, "absent": 9.0}, {"share": torch.tensor(0.5)})
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
    trained = checkpoint.build(described).eval()
    checkpoint.save(layout.MODELS / "cam", trained, described)
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
    descent = build_optimizer(made.network, name="sgd", weight_decay=0.1, **OPTIMIZER)
    backward(made.terms(batch, 0.2))
    descent.step()
    assert made.network.fc8.weight.grad.any()
    assert all(torch.equal(p, before[name]) for name, p in made.network.head.named_parameters())


@every_method
def test_the_rates_of_both_phases_are_those_of_the_section(build, method):
    made = build(method, **INIT, optimizer={"lr": 0.002, "poly_power": 1.0, "new_lr_factor": 10})
    descent = build_optimizer(made.network, name="sgd", lr=0.002, momentum=0, weight_decay=0, new_lr_factor=10,
                              bias_lr_factor=1)  # fmt: skip
    schedule = made.recipe.schedule(descent, steps=8)
    expected = two_phase_schedule(descent, steps=8, share=0.5, first_lr=0.01, lr=0.002, power=1.0)
    for k in range(8):
        assert [f(k) for f in schedule.lr_lambdas] == [f(k) for f in expected.lr_lambdas]


@every_method
@pytest.mark.parametrize(("steps", "share"), [(4, 0.5), (5, 0.5)])
def test_the_rates_turn_with_the_losses(build, method, batch, steps, share):
    made = build(method, schedule="init", classification_phase={"share": share, "lr": 0.01},
                 optimizer={"lr": 0.002, "new_lr_factor": 10})  # fmt: skip
    options = OPTIMIZER | {"lr": 0.002, "new_lr_factor": 10}
    descent = build_optimizer(made.network, name="sgd", weight_decay=0, **options)
    lambdas = made.recipe.schedule(descent, steps=steps).lr_lambdas
    for k in range(steps):
        rates = {round(group["initial_lr"] * f(k), 9) for group, f in zip(descent.param_groups, lambdas, strict=True)}
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
