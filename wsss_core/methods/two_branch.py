"""What RRM and AA&LR share: a network that classifies and segments, and makes the labels of every step itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Literal

import torch
from torch import nn

from wsss_core import layout
from wsss_core.losses.classification import tag_loss
from wsss_core.losses.energy import dense_energy
from wsss_core.losses.segmentation import balanced_segmentation_loss
from wsss_core.methods.recipe import Recipe
from wsss_core.ops.images import photograph
from wsss_core.ops.mean_field import Kernels
from wsss_core.ops.network_cells import at_pixels, network_stride
from wsss_core.ops.reliable_labels import Reliability, reliable_labels
from wsss_core.sections.two_branch import TwoBranch
from wsss_core.training.loop import Losses, Terms
from wsss_core.training.optim import two_phase_schedule
from wsss_core.training.self_labelling import SelfLabels, self_labels
from wsss_core.training.start import start_of

LabelBatch = Callable[..., SelfLabels]
"""label(model, batch, outputs): `self_labels` with its options bound."""


def recipe(p: TwoBranch, losses: Losses, *, label: LabelBatch, **options) -> Recipe:
    """How a section's network starts and trains.

    `cls` starts from backbone and classifier of the trained CAM network; `init` from the backbone's own weights, with
    a classification phase first. `options` are further ones of the network.
    """
    first, joint, cls = p.classification_phase, p.optimizer, p.schedule == "cls"
    two_phases = partial(
        two_phase_schedule, share=first.share, first_lr=first.lr, lr=joint.lr, power=joint.poly_power
    )
    return Recipe(
        section=p,
        options={
            "dropout": p.dropout, "head_channels": p.head_channels, "atrous_rate": p.atrous_rate, **options,
        },
        losses=losses,
        start=start_of("cam" if cls else "backbone", layout.MODELS / "cam", parts=("backbone", "fc8")),
        schedule=None if cls else two_phases,
        label=partial(_labels_of, label=label),
        moments=p.moments,
    )  # fmt: skip


def reliable_labelling(p: TwoBranch) -> LabelBatch:
    """RRM's reliable labels, from two CRF runs."""
    values = p.labels.model_dump()
    kernels = Kernels(**{field.name: values.pop(field.name) for field in fields(Kernels)})
    make = partial(reliable_labels, rule=Reliability(kernels=kernels, **values))
    return partial(self_labels, make=make, **p.class_maps.model_dump())


def _labels_of(model: nn.Module, batch: dict, *, label: LabelBatch) -> torch.Tensor:
    return label(model, batch, model(batch["image"], segment=False)).labels


@dataclass(frozen=True)
class Energy:
    """The dense energy of a batch, with weight and reach stated for crops of one size and scaled to any.

    Attributes:
        weight: of the term, for crops of `reference_crop` pixels.
        sigma_xy: reach of the kernel, pixels of such crops.
        reference_crop: None takes both as they are. Else they scale with the crop: the reach in proportion, the weight
            with the fourth power of the inverse, since the energy sums over pairs of pixels (small crops would not
            feel it).
        crop: of the training, pixels.
        sigma_rgb, scale, gated, grad: as in `dense_energy`.
    """

    weight: float
    sigma_xy: float
    sigma_rgb: float
    scale: float
    reference_crop: int | None
    gated: bool
    grad: Literal["released", "exact"]
    crop: int

    @classmethod
    def of(cls, p: TwoBranch) -> Energy:
        """The energy of a method's section."""
        return cls(crop=p.augment.crop, **p.energy.model_dump())

    @property
    def factor(self) -> float:
        """Side of the crop, in crops for which the parameters are stated."""
        return self.crop / self.reference_crop if self.reference_crop else 1.0

    @property
    def scaled_weight(self) -> float:
        """Of the raw energy of this crop."""
        return self.weight / self.factor**4

    def raw(self, logits: torch.Tensor, batch: dict, labels: torch.Tensor) -> torch.Tensor:
        """The energy, unweighted: a scalar <= 0, of (B, C+1, H, W) logits and (B, H, W) labels."""
        return dense_energy(
            logits.softmax(dim=1), photograph(batch["image"]), labels, batch["roi"], weight=1.0, scale=self.scale,
            sigma_xy=self.sigma_xy * self.factor, sigma_rgb=self.sigma_rgb, gated=self.gated, grad=self.grad,
        )  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step of the joint phase.

    Attributes:
        outputs: of the network.
        logits: (B, C+1, H, W) float32 of the segmentation branch, at every pixel.
        made: the labels that the network made for the batch.
        raw: the terms so far, unweighted.
        weights: of terms whose weight is not 1.
    """

    outputs: dict[str, torch.Tensor]
    logits: torch.Tensor
    made: SelfLabels
    raw: dict[str, torch.Tensor]
    weights: dict[str, float]


@dataclass(frozen=True)
class Objective:
    """Tags, balanced cross entropy on the network's own labels, dense energy: what every method here minimises.

    Attributes:
        label: makes the batch's labels, anew at every step from the weights of that step.
        classification_share: of the run, in which the tags' loss is alone; 0 for `cls`.
        foreground_weight: of the objects' part of the balanced cross entropy (1).
        energy: of weight 0: without.
    """

    label: LabelBatch
    classification_share: float
    foreground_weight: float
    energy: Energy

    @classmethod
    def of(cls, p: TwoBranch, label: LabelBatch) -> Objective:
        """The objective of a method's section."""
        share = p.classification_phase.share if p.schedule == "init" else 0.0
        return cls(label, share, p.foreground_weight, Energy.of(p))

    def classification(self, model: nn.Module, batch: dict) -> Terms:
        """Of the first phase: the segmentation branch does not run, so that not even weight decay touches it."""
        return Terms.weighted({"tags": tag_loss(model(batch["image"], segment=False)["logits"], batch["tags"])}, {}, {})

    def step(self, model: nn.Module, batch: dict) -> Step:
        """The terms of a step of the joint phase: `tags`, `background`, `foreground` and `energy`."""
        outputs = model(batch["image"])
        made = self.label(model, batch, outputs)
        size = batch["image"].shape[-2:]
        logits = at_pixels(outputs["seg"].float(), size, stride=network_stride(model))
        raw = {"tags": tag_loss(outputs["logits"], batch["tags"]), **balanced_segmentation_loss(logits, made.labels)}
        if self.energy.weight:
            raw["energy"] = self.energy.raw(logits, batch, made.labels)
        weights = {"foreground": self.foreground_weight, "energy": self.energy.scaled_weight}
        return Step(outputs, logits, made, raw, weights)
