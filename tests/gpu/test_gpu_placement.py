"""What a launch puts where, and how it computes there."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from wsss_core.models.build import on_device
from wsss_core.runtime import devices, placement
from wsss_core.training import loop
from wsss_core.training.loop import Terms
from wsss_core.training.optim import build_optimizer, poly_schedule

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("_on_device")]


def half_bits(device: torch.device) -> str:
    """The precision in which networks infer by themselves."""
    if device.type == "cpu":
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def test_a_training_has_network_and_batches_on_the_device(device, tmp_path):
    seen = set()

    def losses(model: nn.Module, batch: dict, progress: float) -> Terms:
        seen.add((batch["image"].device.type, next(model.parameters()).device.type, batch["id"][0]))
        return Terms({"mean": model(batch["image"]).square().mean()})

    model = nn.Linear(4, 2)
    optimizer = build_optimizer(
        model, name="adamw", lr=0.1, momentum=0.0, weight_decay=0.0, new_lr_factor=1, bias_lr_factor=1
    )
    batch = {"id": ["a"], "image": torch.ones(3, 4)}
    history = loop.fit(
        model, lambda first: itertools.repeat(batch), losses=losses, optimizer=optimizer, steps=3, name="test",
        scheduler=poly_schedule(optimizer, steps=3, power=0.9, warmup=0), checkpoint=tmp_path / "c.pt",
        fabric=devices.launch(seed=0),
    )  # fmt: skip
    assert seen == {(device.type, device.type, "a")}
    assert len(history.rows) == 3 and all(np.isfinite(row["mean"]) for row in history.rows)


def test_inference_has_half_the_bits_where_the_device_can_and_trainings_have_all(device):
    expected = {None: half_bits(device), 0: "32-true"}
    assert {seed: devices.launch(seed=seed)._precision.precision for seed in expected} == expected


def test_products_of_inference_are_made_in_that_precision(device):
    fabric = devices.launch()
    with fabric.autocast(), torch.inference_mode():
        made = nn.Linear(4, 4).to(fabric.device)(torch.ones(1, 4, device=fabric.device))
    kind = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}[half_bits(device)]
    assert (made.device.type, made.dtype) == (device.type, kind)


def test_a_network_with_depthwise_convolutions_has_its_channels_first_on_a_gpu(device):
    placed = on_device(nn.Sequential(nn.Conv2d(3, 32, 3), nn.Conv2d(32, 32, 3, groups=32)), device)
    assert {p.device.type for p in placed.parameters()} == {device.type}
    assert placed[0].weight.is_contiguous() == (device.type == "cuda")


def test_only_trainings_ask_for_deterministic_operators():
    asked = []
    for seed in (0, None):
        devices.launch(seed=seed)
        asked.append(torch.are_deterministic_algorithms_enabled())
    assert asked == [True, False]


def test_work_on_arrays_gets_the_device_and_batches_where_that_is_a_gpu(device):
    where = placement.place(gpu=True)
    assert torch.device(where.device).type == device.type
    if device.type == "cuda":
        assert where.batch_pixels > 0 and where.workers == 0 and where.processes.world_size == 1
    assert placement.place(gpu=False).device == "cpu"


def test_samples_made_beside_a_training_draw_nothing_from_the_device(device):
    from wsss_core.data.training_set import _seeded

    torch.manual_seed(5)
    expected = torch.rand(4, device=device)
    torch.manual_seed(5)
    with _seeded(7):
        torch.rand(1)
    assert torch.equal(torch.rand(4, device=device), expected)
