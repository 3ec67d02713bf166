"""What is written on the device is read anywhere, and goes on where it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from comparing import assert_close
from lightning_fabric import Fabric
from torch import nn

from wsss_core.models import model_file, trained
from wsss_core.runtime import devices
from wsss_core.training import loop
from wsss_core.training.loop import Terms
from wsss_core.training.optim import build_optimizer, poly_schedule

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("_exact")]

STEPS, KILLED = 8, 5
NETWORK = 1e-3
"""Share of the largest value: convolutions of some layers, each device by an algorithm of its own."""


@pytest.fixture(autouse=True)
def _every_step(monkeypatch, _on_device) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


class Network(nn.Module):
    """Convolution, batch norm, dropout: weights, running statistics, and random numbers drawn on the device."""

    def __init__(self, *, dropout: float) -> None:
        super().__init__()
        # A bias before batch norm has a gradient of rounding errors alone, which AdamW makes as large as any.
        first = nn.Conv2d(3, 8, 3, bias=False)
        self.layers = nn.Sequential(first, nn.BatchNorm2d(8), nn.Dropout2d(dropout), nn.Conv2d(8, 2, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def batches(first: int) -> Iterator[dict]:
    for step in itertools.count(first):
        yield {"id": ["a"], "image": torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(step))}


def squares(model: nn.Module, batch: dict, progress: float) -> Terms:
    return Terms({"squares": (model(batch["image"]) - 1).square().mean()})


def killed(model: nn.Module, batch: dict, progress: float) -> Terms:
    if round(progress * STEPS) == KILLED:
        raise KeyboardInterrupt
    return squares(model, batch, progress)


def train(checkpoint: Path, *, losses=squares, dropout: float = 0.5, fabric: Fabric | None = None) -> nn.Module:
    """The network, on the CPU, of a training by a launched fabric, or by one that is launched here on the device."""
    fabric = fabric or devices.launch(seed=0)
    torch.manual_seed(0)
    model = Network(dropout=dropout)
    optimizer = build_optimizer(
        model, name="adamw", lr=0.01, momentum=0.0, weight_decay=0.01, new_lr_factor=1, bias_lr_factor=1
    )
    schedule = poly_schedule(optimizer, steps=STEPS, power=0.9, warmup=0)
    loop.fit(model, batches, losses=losses, optimizer=optimizer, scheduler=schedule, steps=STEPS, fabric=fabric,
             checkpoint=checkpoint, name="test")  # fmt: skip
    return model.cpu()


def equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_killed_training_goes_on_to_the_weights_of_one_never_stopped_dropout_included(tmp_path):
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed.pt", losses=killed)
    assert equal(train(tmp_path / "killed.pt"), whole)


def test_a_training_draws_from_the_device_s_generator(tmp_path):
    assert not equal(train(tmp_path / "a.pt", dropout=0.5), train(tmp_path / "b.pt", dropout=0.0))


def test_the_checkpoint_of_a_training_opens_on_the_cpu_and_another_goes_on_there(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "c.pt", losses=killed, dropout=0.0)
    state = model_file.load_state(tmp_path / "c.pt")
    assert state["step"] == KILLED
    assert {tensor.device.type for tensor in state["model"].values()} == {"cpu"}
    here = train(tmp_path / "c.pt", dropout=0.0, fabric=Fabric(accelerator="cpu", devices=1))
    there = train(tmp_path / "other.pt", dropout=0.0)
    for found, expected in zip(here.parameters(), there.parameters(), strict=True):
        assert_close(found, expected, share=0.01)  # AdamW divides small gradients by themselves


@pytest.mark.parametrize("method", ["cam", "affinity", "deeplab"])
def test_the_file_of_a_model_holds_tensors_of_the_cpu(on_device, method):
    content = torch.load(on_device.folder / f"models/{method}/model.pt", weights_only=True)
    assert {tensor.device.type for tensor in content["state"].values()} == {"cpu"}


@torch.inference_mode()
def test_a_model_written_on_the_device_answers_alike_on_the_cpu_and_back_on_the_device(on_device, device, tmp_path):
    from wsss_core.models import model_file

    images = torch.randn(2, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    model, description = trained.load(on_device.folder / "models/deeplab")
    here = model(images)["seg"]
    there = model.to(device)(images.to(device))["seg"]
    assert np.ptp(here.numpy()) > 0
    assert_close(there, here, share=NETWORK)
    model_file.save(tmp_path, model, description)  # its weights lie on the device
    again, _ = trained.load(tmp_path)
    torch.testing.assert_close(again(images)["seg"], here, rtol=0, atol=0)
