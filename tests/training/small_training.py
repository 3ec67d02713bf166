"""A training of twelve steps that takes milliseconds."""

from collections.abc import Iterator
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from wsss_core.training.loop import Terms, fit
from wsss_core.training.optim import build_optimizer, poly_schedule

STEPS = 12


class Network(nn.Module):
    """Dropout draws random numbers and batch norm keeps statistics: both must survive a restart."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def batch_of(step: int) -> dict:
    generator = torch.Generator().manual_seed(step)
    return {"id": [f"image{step}a", f"image{step}b"], "image": torch.randn(6, 4, generator=generator)}


def batches(first: int) -> Iterator[dict]:
    return (batch_of(step) for step in range(first, STEPS))


def squares(model: nn.Module, batch: dict, progress: float) -> Terms:
    output = model(batch["image"])
    return Terms({"fit": (output - 1).square().mean(), "decay": 0.01 * output.square().mean()})


def killed_at(step: int, losses=squares):
    """The losses of a run whose process is killed when it computes this step."""

    def broken(model, batch, progress):
        if round(progress * STEPS) == step:
            raise KeyboardInterrupt
        return losses(model, batch, progress)

    return broken


def train(checkpoint: Path, *, losses=squares, steps=STEPS, optimizer="sgd", after_step=None, batches=batches):
    """A run of a new process: seeded model, optimiser and schedule, whatever it finds at `checkpoint`."""
    torch.manual_seed(0)
    model = Network()
    options = {"momentum": 0.9, "lr": 0.05, "weight_decay": 0.01, "new_lr_factor": 1, "bias_lr_factor": 2}
    built = build_optimizer(model, name=optimizer, **options)
    history = fit(
        model, batches, losses=losses, optimizer=built, fabric=Fabric(accelerator="cpu", devices=1), steps=steps,
        scheduler=poly_schedule(built, steps=steps, power=0.9, warmup=0.2), checkpoint=checkpoint, name="test",
        after_step=after_step,
    )  # fmt: skip
    return model.state_dict(), history.rows


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
