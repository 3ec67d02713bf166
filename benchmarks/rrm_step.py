"""Where a training step of RRM spends its time: each part of it against the whole step.

The paper's crop and batch, MobileNetV2 at stride 8 with random weights. These find nothing, so that smooth evidence
stands for its class maps: what labels cost depends on how many classes an image has, not on how good the maps are.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.measure import Floor, Row, describe, seconds
from benchmarks.photographs import NAMES, evidence, photograph
from wsss_core.methods.rrm import recipe as rrm
from wsss_core.methods.two_branch import Energy, Objective
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.two_branch import TwoBranchNetwork
from wsss_core.ops.images import normalise
from wsss_core.ops.mean_field import Kernels
from wsss_core.ops.reliable_labels import Reliability, reliable_labels
from wsss_core.training.self_labelling import multi_scale_cams, self_labels

BATCH, CROP, CLASSES, REPEATS = 4, 321, 20, 5
SCALES = (1.0, 0.5, 1.5, 2.0)
TAGS = (9, 15)  # of each image
BACKBONE = {"name": "mobilenetv2_100", "output_stride": 8, "weights": "none", "batch_norm": "frozen"}
RULE = Reliability(
    background_exponent_low=4, background_exponent_high=32, keep=0.4, cam_threshold=0.1, background_threshold=0.8,
    crf_threshold=0.8, agree=False, iterations=10, kernels=Kernels(3, 3, 80, 13, 10),
)  # fmt: skip
ENERGY = Energy(
    weight=1e-7, sigma_xy=100, sigma_rgb=15, scale=0.5, reference_crop=321, gated=True, grad="released", crop=CROP
)


class _WithEvidence(nn.Module):
    """The network with maps that say something in the place of its own, at their price."""

    def __init__(self, network: nn.Module, maps: torch.Tensor) -> None:
        super().__init__()
        self.network, self.maps = network, maps

    def forward(self, images: torch.Tensor, *, segment: bool = True) -> dict[str, torch.Tensor]:
        return self.network(images, segment=segment) | {"cam": self.maps}


def rows(device: torch.device) -> list[Row]:
    parts = _parts(device)
    whole = parts.pop("step")
    times: dict[str, list[float]] = {name: [] for name in ("step", *parts)}
    for _ in range(REPEATS + 1):  # the first warms up
        for name, run in (("step", whole), *parts.items()):
            times[name].append(seconds(run, device))
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    total = medians.pop("step")
    medians["network"] = total - sum(medians.values())
    size = f"batch {BATCH}, crop {CROP}, {len(TAGS)} tags, MobileNetV2 stride 8, scales {SCALES}"
    return [
        Row(f"rrm_step_{name}", taken, total, total / taken, f"{taken / total:.1%} of the step", size,
            describe(device), Floor().seconds(device))
        for name, taken in medians.items()
    ]  # fmt: skip


def _parts(device: torch.device) -> dict[str, Callable[[], object]]:
    """The whole step, and those of its parts that can run alone."""
    options = {"dropout": 0.5, "head_channels": 512, "atrous_rate": None}
    network = build_network(TwoBranchNetwork, pretrained_backbone(**BACKBONE), num_classes=CLASSES, options=options)
    maps = torch.from_numpy(np.stack([evidence(CLASSES, 41, 41, seed=i) for i in range(BATCH)])).to(device)
    model = _WithEvidence(network, maps).to(device).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.0007)
    batch = _batch(device)
    make = partial(reliable_labels, rule=RULE)
    label = partial(self_labels, make=make, scales=SCALES, cam_eval_mode=False, least_presence=0.0)
    objective = Objective(label, 0.0, 1.0, ENERGY)
    with torch.no_grad():
        step = objective.step(model, batch)
    upsampled = step.logits.contiguous(memory_format=torch.channels_last).requires_grad_()

    def whole() -> None:
        terms = rrm.losses(model, batch, 0.5, objective=objective).losses
        optimizer.zero_grad(set_to_none=True)
        sum(terms.values()).backward()  # type: ignore[union-attr]
        optimizer.step()

    @torch.no_grad()
    def cam_passes() -> None:
        multi_scale_cams(model, batch["image"], maps, scales=SCALES, eval_mode=False)

    def energy() -> None:
        upsampled.grad = None
        ENERGY.raw(upsampled, batch, step.made.labels).backward()

    return {
        "step": whole,
        "cam_passes": cam_passes,
        "labels": partial(label, model, batch, step.outputs, scales=(1.0,)),
        "energy": energy,
    }


def _batch(device: torch.device) -> dict[str, torch.Tensor]:
    pictures = np.stack([photograph(NAMES[i % 3], CROP, CROP) for i in range(BATCH)])
    tags = torch.zeros(BATCH, CLASSES)
    tags[:, [tag - 1 for tag in TAGS]] = 1
    image = normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    roi = torch.ones(BATCH, CROP, CROP, dtype=torch.bool)
    return {"image": image.to(device), "tags": tags.to(device), "roi": roi.to(device)}
