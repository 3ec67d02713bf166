"""AA&LR: RRM's network and labels, two losses against their errors (Zhang et al., ACM MM 2021; docs/aalr.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from wsss_core.losses.adaptive_affinity import adaptive_affinity_loss
from wsss_core.losses.class_centres import class_centres, updated_bank, with_bank
from wsss_core.losses.label_reassign import label_reassign_loss, share_reassigned
from wsss_core.methods import two_branch
from wsss_core.methods.aalr.section import Aalr, AdaptiveAffinity, LabelReassign, Ramp
from wsss_core.methods.recipe import Recipe
from wsss_core.methods.two_branch import Objective
from wsss_core.ops.grids import grid_size
from wsss_core.ops.network_cells import network_stride
from wsss_core.ops.pamr_labels import pamr_labels
from wsss_core.params import Params
from wsss_core.training.loop import Terms
from wsss_core.training.self_labelling import SelfLabels, self_labels


def recipe(params: Params) -> Recipe:
    """How AA&LR trains, by its section of the parameters."""
    p: Aalr = params.aalr
    refined = partial(self_labels, make=partial(pamr_labels, **p.pamr.model_dump()), **p.class_maps.model_dump())
    label = refined if p.label_source == "pamr" else two_branch.reliable_labelling(p)
    objective = partial(
        losses,
        objective=Objective.of(p, label),
        affinity=Affinity(p.adaptive_affinity),
        reassign=Reassign(p.label_reassign, p.foreground_weight),
    )
    return two_branch.recipe(p, objective, label=label, centre_bank=p.label_reassign.bank_momentum is not None)


def losses(
    model: nn.Module, batch: dict, progress: float, *, objective: Objective, affinity: Affinity, reassign: Reassign
) -> Terms:
    """L_tags + L_ce + a L_AA + b L_LR, and RRM's energy on demand.

    Args:
        model: the two-branch network.
        batch: of `TrainingSet`.
        progress: of the run, in [0, 1).
        objective: RRM's terms. Its energy is off (weight 0) by default: L_AA takes its role.
        affinity, reassign: L_AA and L_LR, with their weights and ramps.

    The sum is the paper's; weights, ramps and L_LR are our reconstruction (docs/aalr.md).
    """
    first = objective.classification_share
    if progress < first:
        return objective.classification(model, batch)
    joint = (progress - first) / (1 - first)
    step = objective.step(model, batch)
    raw, seen = step.raw, {"reliable_share": step.made.share}
    weights = {**step.weights, **affinity.weights(joint), **reassign.weights(joint)}
    cells = on_grid(step.made, stride=network_stride(model))
    if affinity.p.weight:
        on_pixels = affinity.p.grid == "image"
        raw |= affinity.raw(step.logits, step.made) if on_pixels else affinity.raw(step.outputs["seg"], cells)
    if weights["reassign"]:
        raw["reassign"], new = reassign.raw(model, step.outputs, cells)
        seen["reassigned_share"] = share_reassigned(cells.labels, new)
    return Terms.weighted(raw, weights, seen)


@dataclass(frozen=True)
class Affinity:
    """L_AA as its section has it."""

    p: AdaptiveAffinity

    def weights(self, joint: float) -> dict[str, float]:
        """Of its two parts, so far into the joint phase."""
        weight = self.p.weight * risen(joint, self.p.ramp)
        return {"attract": weight * self.p.attract_weight, "repel": weight * self.p.repel_weight}

    def raw(self, logits: torch.Tensor, made: SelfLabels) -> dict[str, torch.Tensor]:
        """`attract` and `repel` of logits and labels on one grid."""
        p = self.p
        return adaptive_affinity_loss(
            logits.float().softmax(dim=1), made.labels, made.confidence,
            radius=p.radius, margin=p.margin, split_negative=p.split_negative,
        )  # fmt: skip


@dataclass(frozen=True)
class Reassign:
    """L_LR as its section has it."""

    p: LabelReassign
    foreground_weight: float

    def weights(self, joint: float) -> dict[str, float]:
        """Of the loss, so far into the joint phase."""
        return {"reassign": self.p.weight * risen(joint, self.p.ramp)}

    def raw(self, model: nn.Module, outputs: dict, cells: SelfLabels) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss and the new labels. The network's running centres, where they are used, move on."""
        p, logits, embeddings = self.p, outputs["seg"], outputs["embeddings"]
        centres = class_centres(
            embeddings, cells.labels, cells.confidence, num_labels=logits.shape[1], least_points=p.least_points
        )
        if p.bank_momentum is not None:
            bank: torch.Tensor = model.centres  # type: ignore[assignment]  # a buffer
            bank.copy_(updated_bank(bank, *centres, momentum=p.bank_momentum))
            centres = with_bank(*centres, bank)
        return label_reassign_loss(
            logits, embeddings, cells.labels, cells.confidence, variant=p.variant, temperature=p.temperature,
            threshold=p.threshold, least_points=p.least_points, foreground_weight=self.foreground_weight,
            centres=centres,
        )  # fmt: skip


def risen(joint: float, ramp: Ramp) -> float:
    """The share of a weight: 0 up to the ramp's start, then linear over its length to 1."""
    if joint < ramp.start:
        return 0.0
    return min(1.0, (joint - ramp.start) / ramp.length) if ramp.length else 1.0


def on_grid(made: SelfLabels, *, stride: int) -> SelfLabels:
    """Label and confidence of each cell: of the pixel in its middle, or of the last one where that lies beyond."""
    size = made.labels.shape[-2:]
    rows, columns = (
        (torch.arange(cells, device=made.labels.device) * stride + stride // 2).clamp(max=side - 1)
        for cells, side in zip(grid_size(size, stride=stride), size, strict=True)
    )
    return SelfLabels(*(maps[:, rows[:, None], columns] for maps in (made.labels, made.confidence)))
