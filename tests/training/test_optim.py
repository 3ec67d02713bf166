"""Parameter groups, optimisers and the polynomial schedule."""

import pytest
import torch
from torch import nn

from wsss_core.training.optim import build_optimizer, parameter_groups, poly_schedule

OPTIONS = {"lr": 0.1, "weight_decay": 5e-4, "new_lr_factor": 10, "bias_lr_factor": 2}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1))
        self.head = nn.Conv2d(2, 5, 1)
        self.backbone[2].requires_grad_(False)


def test_groups_are_the_caffe_convention_of_1_2_10_and_20_times():
    network = Network()
    found = parameter_groups(network, **OPTIONS)
    groups = {tuple(id(p) for p in group["params"]): (group["lr"], group["weight_decay"]) for group in found}
    conv, norm, head = network.backbone[0], network.backbone[1], network.head
    assert groups == {
        (id(conv.weight),): (0.1, 5e-4),
        (id(conv.bias), id(norm.weight), id(norm.bias)): (0.2, 0),
        (id(head.weight),): (1.0, 5e-4),
        (id(head.bias),): (2.0, 0),
    }


def test_a_model_without_trainable_parameters_is_refused():
    with pytest.raises(ValueError, match="no trainable parameter; unfreeze"):
        parameter_groups(Network().requires_grad_(False), **OPTIONS)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum_is_momentum_and_decay_is_decay(momentum):
    optimizer = build_optimizer(Network(), name="sgd", momentum=momentum, **OPTIONS)
    assert isinstance(optimizer, torch.optim.SGD)
    assert {g["momentum"] for g in optimizer.param_groups} == {momentum}
    assert [g["weight_decay"] for g in optimizer.param_groups] == [5e-4, 0, 5e-4, 0]


def test_adamw_gets_the_groups_too():
    optimizer = build_optimizer(Network(), name="adamw", momentum=0.9, **OPTIONS)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.1, 0.2, 1.0, 2.0])


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(ValueError, match="optimizer is sgd or adamw, not 'adam'"):
        build_optimizer(Network(), name="adam", momentum=0, **OPTIONS)


def rates(*, steps: int, warmup: float = 0.0, power: float = 0.9) -> list[float]:
    """The rate that each update uses."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = poly_schedule(optimizer, steps=steps, power=power, warmup=warmup)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*used, optimizer.param_groups[0]["lr"]]


def test_poly_rates_are_those_of_the_author_s_log():
    used = rates(steps=3305)
    assert [round(used[k], 4) for k in (0, 100, 2300)] == [0.1, 0.0973, 0.0343]
    assert used[3305] == 0


def test_power_0_keeps_the_rate():
    assert rates(steps=10, power=0)[:10] == [0.1] * 10


def test_warmup_rises_linearly_and_joins_the_schedule():
    used, plain = rates(steps=100, warmup=0.1), rates(steps=100)
    assert used[10:] == plain[10:]
    rising = [u / p for u, p in zip(used[:10], plain, strict=False)]
    assert rising == pytest.approx([(k + 1) / 11 for k in range(10)])
