"""RRM: a few reliable pixels by cross entropy, all others by dense energy (Zhang et al., AAAI 2020; docs/rrm.md)."""

from __future__ import annotations

from functools import partial

from torch import nn

from wsss_core.methods import two_branch
from wsss_core.methods.recipe import Recipe
from wsss_core.methods.two_branch import Energy, LabelBatch, Step
from wsss_core.params import Params
from wsss_core.training.loop import Terms


def recipe(params: Params) -> Recipe:
    """How RRM trains, by its section of the parameters."""
    p = params.rrm
    label = two_branch.reliable_labelling(p)
    objective = partial(
        losses,
        label=label,
        classification_share=two_branch.classification_share(p),
        foreground_weight=p.foreground_weight,
        energy=Energy.of(p),
    )
    return two_branch.recipe(p, objective, label=label)


def losses(
    model: nn.Module,
    batch: dict,
    progress: float,
    *,
    label: LabelBatch,
    classification_share: float,
    foreground_weight: float,
    energy: Energy,
) -> Terms:
    """Tags, balanced cross entropy on the reliable pixels, dense energy.

    Args:
        model: the two-branch network.
        batch: of `TrainingSet`.
        progress: of the run, in [0, 1).
        label: makes the batch's labels, anew at every step from the weights of that step.
        classification_share: of the run, in which the tags' loss is alone.
        foreground_weight: of the objects' part of the balanced cross entropy (1).
        energy: of weight 0: without.

    Zhang et al., AAAI 2020, sec. 3.3, as released: all weights are 1 but the energy's.
    """
    if progress < classification_share:
        return two_branch.classification_only(model, batch)
    step = Step.of(model, batch)
    made, logits = label(model, batch, step.outputs), step.logits()
    raw = step.supervised(logits, made.labels)
    if energy.weight:
        raw["energy"] = energy.raw(logits, batch, made.labels)
    weights = {"foreground": foreground_weight, "energy": energy.scaled_weight}
    return two_branch.weighted(raw, weights, {"reliable_share": made.share})
