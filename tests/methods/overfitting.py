"""A training on one batch, by the one loop."""

from __future__ import annotations

from lightning_fabric import Fabric

from wsss_core.training.loop import fit
from wsss_core.training.optim import build_optimizer, poly_schedule

OPTIMIZER = {"lr": 0.005, "momentum": 0, "new_lr_factor": 1, "bias_lr_factor": 1}


def train(method, batch, folder, *, steps: int) -> list[dict[str, float]]:
    """The history of a training on one batch, by the one loop."""
    optimizer = build_optimizer(method.network, name="adamw", weight_decay=0, **OPTIMIZER)
    make = method.recipe.schedule or (lambda o, steps: poly_schedule(o, steps=steps, power=0.9, warmup=0))
    return fit(
        method.network, lambda first: iter([batch] * (steps - first)), losses=method.recipe.losses, optimizer=optimizer,
        scheduler=make(optimizer, steps=steps), steps=steps, fabric=Fabric(accelerator="cpu", devices=1),
        checkpoint=folder / "checkpoint.pt", name="test",
    ).rows  # fmt: skip


def backward(terms) -> None:
    sum(terms.losses.values()).backward()
