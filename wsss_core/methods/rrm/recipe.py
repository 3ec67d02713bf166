"""RRM: a few reliable pixels by cross entropy, all others by dense energy (Zhang et al., AAAI 2020; docs/rrm.md)."""

from __future__ import annotations

from functools import partial

from torch import nn

from wsss_core.methods import two_branch
from wsss_core.methods.recipe import Recipe
from wsss_core.methods.rrm.section import Rrm
from wsss_core.methods.two_branch import Objective
from wsss_core.params import Params
from wsss_core.training.loop import Terms


def recipe(params: Params) -> Recipe:
    """How RRM trains, by its section of the parameters."""
    p: Rrm = params.rrm
    label = two_branch.reliable_labelling(p)
    return two_branch.recipe(p, partial(losses, objective=Objective.of(p, label)), label=label)


def losses(model: nn.Module, batch: dict, progress: float, *, objective: Objective) -> Terms:
    """Tags, balanced cross entropy on the reliable pixels, dense energy.

    Args:
        model: the two-branch network.
        batch: of `TrainingSet`.
        progress: of the run, in [0, 1).
        objective: the terms and their weights.

    Zhang et al., AAAI 2020, sec. 3.3, as released: all weights are 1 but the energy's.
    """
    if progress < objective.classification_share:
        return objective.classification(model, batch)
    step = objective.step(model, batch)
    return Terms.weighted(step.raw, step.weights, {"reliable_share": step.made.share})
