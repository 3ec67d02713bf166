"""What every single-stage and joint method gives to `stages.train_joint`: one module, one function `recipe`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from wsss_core.joint_sections import TwoBranch
from wsss_core.params import Params
from wsss_core.training.loop import Losses
from wsss_core.training.snapshots import Label
from wsss_core.training.train import Schedule, Start


@dataclass(frozen=True)
class Recipe:
    """How a method trains.

    Attributes:
        section: the method's own of params.yaml.
        network: its kind in `models.build.NETWORKS`.
        options: keyword arguments of the network.
        losses: what the loop minimises.
        start: where the weights come from.
        schedule: of the learning rate; None = the usual one.
        label: the labels that the network makes for itself, for pictures of them.
    """

    section: TwoBranch
    network: str
    options: dict
    losses: Losses
    start: Start
    schedule: Schedule | None
    label: Label


def recipe_of(method: str) -> Callable[[Params], Recipe]:
    """The function `recipe` of a method's module."""
    return import_module(f"wsss_core.methods.{method}").recipe
