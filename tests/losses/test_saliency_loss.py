"""Losses of saliency maps: by hand, their bounds, and pixels that have no part in them."""

import math

import pytest
import torch

from wsss_core.losses.saliency import FORMS, aggregated_saliency_loss, saliency_loss
from wsss_core.methods.ssnet.aggregation import aggregated


def maps(*values: float) -> torch.Tensor:
    """(1, 1, 1, n)."""
    return torch.tensor(values).view(1, 1, 1, -1)


def loss(form: str, saliency, background, truth, *, weight: float = 0.5, valid=None) -> float:
    truth = torch.tensor(truth).view(1, 1, -1)
    valid = torch.ones_like(truth, dtype=torch.bool) if valid is None else torch.tensor(valid).view(1, 1, -1)
    v = torch.full((1, 1, 1, 1), weight)
    return aggregated_saliency_loss(maps(*saliency), maps(*background), v, truth, valid, form=form).item()


def test_each_form_by_hand():
    given = ([0.75, 0.25], [0.25, 0.5], [1.0, 0.0])
    assert loss("bce", *given) == pytest.approx(-math.log(0.75))
    assert loss("linear_bg", *given) == pytest.approx(-(0.75 + 0.5) / 2)
    assert loss("linear_old", *given) == pytest.approx(-(0.75 + 0.5 * 0.5) / 2)


@pytest.mark.parametrize("form", FORMS)
def test_maps_of_half_precision_lose_nothing_but_their_own_rounding(form):
    saliency, background, weight = (torch.rand(2, 1, side, side).bfloat16() for side in (4, 4, 1))
    truth, valid = torch.rand(2, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool)
    half, full = (
        aggregated_saliency_loss(kind(saliency), kind(background), kind(weight), truth, valid, form=form)
        for kind in (torch.Tensor.bfloat16, torch.Tensor.float)
    )
    assert half.dtype == torch.float32
    assert half == full


def test_soft_truth_is_a_mixture_of_both():
    assert loss("linear_bg", [0.75], [0.25], [0.25]) == pytest.approx(-(0.25 * 0.75 + 0.75 * 0.25))


@pytest.mark.parametrize("form", ["linear_bg", "linear_old"])
def test_linear_forms_stay_between_minus_one_and_nothing(form):
    masks = torch.randn(3, 4, 8, 8).softmax(dim=1)
    truth = (torch.rand(3, 8, 8) > 0.5).float()
    value = aggregated_saliency_loss(
        masks[:, 1:].sum(dim=1, keepdim=True), masks[:, :1], torch.rand(3, 1, 1, 1), truth, truth >= 0, form=form
    )
    assert -1 <= value <= 0


def test_a_map_of_zeros_and_ones_has_a_finite_loss_and_gradient():
    saliency = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    truth = torch.tensor([1.0, 0.0, 0.0, 1.0]).view(1, 1, 4)
    value = aggregated_saliency_loss(
        saliency.view(1, 1, 1, 4), maps(1, 0, 1, 0), torch.ones(1, 1, 1, 1), truth, truth >= 0, form="bce"
    )
    value.backward()
    assert value.item() == pytest.approx(-math.log(1e-6) / 2, rel=1e-3)
    assert torch.isfinite(saliency.grad).all()


def test_classes_that_are_not_salient_cost_nothing_where_nothing_is():
    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    masks, nothing = logits.softmax(dim=1), torch.zeros(2, 8, 8)
    saliency = aggregated(torch.zeros(2, 4, 1, 1), masks)
    value = aggregated_saliency_loss(saliency, masks[:, :1], torch.zeros(2, 1, 1, 1), nothing, nothing == 0, form="bce")
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-5)
    assert not logits.grad.any()


@pytest.mark.parametrize("form", FORMS)
def test_padding_has_no_part(form):
    inside = loss(form, [0.75, 0.25], [0.25, 0.5], [1.0, 0.0])
    assert loss(form, [0.75, 0.25, 0.9], [0.25, 0.5, 0.1], [1.0, 0.0, 0.0], valid=[True, True, False]) == inside


@pytest.mark.parametrize("form", FORMS)
def test_nothing_but_padding_is_no_loss(form):
    assert loss(form, [0.75], [0.25], [1.0], valid=[False]) == 0


def test_the_loss_of_logits_is_binary_cross_entropy_at_the_truth_s_resolution():
    logits, truth = torch.full((1, 1, 2, 2), 2.0), torch.ones(1, 8, 8)
    expected = math.log(1 + math.exp(-2))
    assert saliency_loss(logits, truth, truth > 0, stride=4).item() == pytest.approx(expected)
    assert saliency_loss(logits, 1 - truth, truth > 0, stride=4).item() == pytest.approx(2 + expected)


def test_padding_has_no_part_in_the_loss_of_logits():
    logits, truth = torch.full((1, 1, 4, 4), 2.0), torch.ones(1, 4, 4)
    truth[..., 2:] = 0
    valid = truth > 0
    assert saliency_loss(logits, truth, valid) == saliency_loss(logits, torch.ones(1, 4, 4), truth >= 0)
    assert saliency_loss(logits, truth, torch.zeros_like(valid)) == 0
