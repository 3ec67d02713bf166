"""Parameter groups, optimisers and the polynomial schedule."""

import pytest
import torch
from torch import nn

from wsss_core.training.optim import build_optimizer, parameter_groups, poly_schedule, two_phase_schedule

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


def phases(*, steps=10, share=0.5, first_lr=0.5, power=0.9) -> list[list[float]]:
    """The four groups' rates that each update uses, and those after the last; lr is 0.1, factors 1, 2, 10, 20."""
    optimizer = build_optimizer(Network(), name="sgd", momentum=0, **OPTIONS)
    scheduler = two_phase_schedule(
        optimizer, steps=steps, share=share, first_lr=first_lr, lr=OPTIONS["lr"], power=power
    )
    used = []
    for _ in range(steps):
        used.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return [*used, [group["lr"] for group in optimizer.param_groups]]


def test_the_first_phase_starts_at_its_own_rate_times_each_groups_factor():
    assert phases()[0] == pytest.approx([0.5, 1.0, 5.0, 10.0])


def test_the_first_phase_decays_to_0_at_the_turn():
    used = phases()
    for k in range(5):
        assert used[k] == pytest.approx([0.5 * factor * (1 - k / 5) ** 0.9 for factor in (1, 2, 10, 20)])


def test_the_second_phase_has_one_rate_for_all_groups_and_starts_in_full():
    used = phases()
    assert used[5] == pytest.approx([0.1] * 4)
    for k in range(5, 10):
        assert used[k] == pytest.approx([0.1 * (1 - (k - 5) / 5) ** 0.9] * 4)


def test_both_phases_end_at_0():
    assert phases()[10] == [0] * 4
    assert phases(steps=7, share=0.3)[7] == [0] * 4


@pytest.mark.parametrize(
    ("steps", "share"), [(10, 0.25), (8, 0.25), (5, 0.5), (10, 0.3), (3, 0.9), (1, 0.5), (100, 0.07), (100, 0.55)]
)
def test_the_turn_is_at_the_first_step_whose_progress_has_reached_the_share(steps, share):
    used = phases(steps=steps, share=share)[:steps]
    assert [len(set(rates)) == 4 for rates in used] == [k / steps < share for k in range(steps)]


def test_two_phases_resume_in_the_middle_as_if_never_stopped():
    optimizer, again = (build_optimizer(Network(), name="sgd", momentum=0, **OPTIONS) for _ in range(2))
    options = {"steps": 10, "share": 0.5, "first_lr": 0.5, "lr": 0.1, "power": 0.9}
    scheduler = two_phase_schedule(optimizer, **options)
    for _ in range(6):
        optimizer.step()
        scheduler.step()
    resumed = two_phase_schedule(again, **options)
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    for _ in range(4):
        assert [g["lr"] for g in again.param_groups] == [g["lr"] for g in optimizer.param_groups]
        for descent, schedule in ((optimizer, scheduler), (again, resumed)):
            descent.step()
            schedule.step()


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_one_operator_for_all_weights_updates_them_as_many_do(name):
    """Of drawn gradients: AdamW makes a whole step of one that is but a rounding error."""
    updated = []
    for fused in (False, True):
        torch.manual_seed(0)
        network = Network()
        optimizer = build_optimizer(network, name=name, momentum=0.9, fused=fused, **OPTIONS)
        for _ in range(3):
            for weights in network.parameters():
                weights.grad = torch.randn_like(weights)
            optimizer.step()
        updated.append(network.state_dict())
    for key, weights in updated[0].items():
        torch.testing.assert_close(updated[1][key], weights, rtol=1e-5, atol=1e-6, msg=key)
