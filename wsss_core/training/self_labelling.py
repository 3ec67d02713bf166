"""Labels that a network in training makes for its own batch, from its class maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.ops import cam
from wsss_core.ops.images import SMALLEST_SIDE, photograph
from wsss_core.ops.network_cells import class_maps_at_pixels, class_maps_on_cells, network_stride
from wsss_core.voc import IGNORE_INDEX

Labels = tuple[list[torch.Tensor], list[torch.Tensor]]
Make = Callable[[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]], Labels]
"""make(images (H, W, 3) uint8, cams (K, H, W), tags (K,)), one of each a photograph -> labels and confidences."""


@dataclass(frozen=True)
class SelfLabels:
    """The labels that a network made for one batch.

    Attributes:
        labels: (B, H, W) int64, IGNORE_INDEX where nothing is sure and on padding.
        confidence: (B, H, W) float32 in [0, 1] of the map that decided the label; 0 where it is ignored.
    """

    labels: torch.Tensor
    confidence: torch.Tensor

    @property
    def share(self) -> torch.Tensor:
        """Of the pixels, padding included, that have a label: a float32 scalar."""
        return (self.labels != IGNORE_INDEX).float().mean()


@torch.no_grad()
def self_labels(
    model: nn.Module,
    batch: dict,
    outputs: dict[str, torch.Tensor],
    *,
    make: Make,
    scales: Sequence[float],
    cam_eval_mode: bool,
    least_presence: float,
) -> SelfLabels:
    """Label a batch from the class maps at several scales.

    Args:
        model: called as model(images, segment=False), gives `cam`, whose cells lie as its
            `stride` and `centre` say.
        batch: `image`, `tags` and `roi` of `TrainingSet`; padding is cut off before anything is made, so that neither
            the maps' maxima nor the CRF see it. DEVIATION: the released code labels padding.
        outputs: of the step's own forward pass: `cam` (B, C, h, w), the maps at scale 1, and `logits` (B, C).
        make: the labels' maker.
        scales: of the views; 1.0 is not computed again.
        cam_eval_mode: no dropout and running batch statistics in the further passes; False as released.
        least_presence: a tag whose probability the classifier puts below this counts as absent from the crop: its map
            is noise, probably, that the maximum would turn into a confident seed. Where its object is there after all,
            that may become background. 0 as released.

    Zhang et al., AAAI 2020, sec. 3.2: raw rectified maps are averaged over the scales, then each class is divided by
    its maximum. No mirrors.
    """
    device = batch["image"].device
    maps = multi_scale_cams(model, batch["image"], outputs["cam"].float(), scales=scales, eval_mode=cam_eval_mode)
    with torch.autocast(device.type, enabled=False):
        present = (batch["tags"] > 0) & (outputs["logits"].float().sigmoid() >= least_presence)
        size = batch["image"].shape[-2:]
        cells = _cells(model)
        counts, parts = _layout(present, batch["roi"])
        own = [order[:count] for order, count in zip(_present_first(present), counts, strict=True)]
        full = [class_maps_at_pixels(m.index_select(0, tags), size, **cells) for m, tags in zip(maps, own, strict=True)]
        pictures = photograph(batch["image"]).permute(0, 2, 3, 1)
        cut = [m[:, rows, columns] for m, (rows, columns) in zip(full, parts, strict=True)]
        made = make(
            [picture[rows, columns] for picture, (rows, columns) in zip(pictures, parts, strict=True)],
            [cam.over_maximum(m) if len(m) else m for m in cut],
            [tags + 1 for tags in own],
        )
    labels = torch.full(batch["roi"].shape, IGNORE_INDEX, dtype=torch.int64, device=device)
    confidence = torch.zeros(batch["roi"].shape, device=device)
    for place, (label, sure, (rows, columns)) in enumerate(zip(*made, parts, strict=True)):
        labels[place, rows, columns] = label
        confidence[place, rows, columns] = sure.where(label != IGNORE_INDEX, 0.0)
    return SelfLabels(labels, confidence)


def multi_scale_cams(
    model: nn.Module, images: torch.Tensor, cams: torch.Tensor, *, scales: Sequence[float], eval_mode: bool
) -> torch.Tensor:
    """(B, C, h, w): the mean of `cams`, those at scale 1, and of the model's maps at the other scales, on their grid.

    Args: as for `self_labels`.
    """
    total, was_training = torch.zeros_like(cams), model.training
    model.train(was_training and not eval_mode)
    for scale in scales:
        if scale == 1:
            total += cams
            continue
        height, width = (max(SMALLEST_SIDE, floor(side * scale)) for side in images.shape[-2:])
        view = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)
        total += class_maps_on_cells(
            model(view, segment=False)["cam"].float(),
            view=(height, width), size=images.shape[-2:], **_cells(model),
        )  # fmt: skip
    model.train(was_training)
    return total / len(scales)


def _cells(model: nn.Module) -> dict[str, Any]:
    """Where the cells of a network that makes class maps lie."""
    return {"stride": network_stride(model), "centre": model.centre}


def _layout(present: torch.Tensor, inside: torch.Tensor) -> tuple[list[int], list[tuple[slice, slice]]]:
    """The number of each image's classes, and the rows and columns of its photograph in a padded crop.

    The device is asked once for all images: each question waits until it has done all that it was given.

    Args:
        present: (B, C) bool.
        inside: (B, H, W) bool, True in a rectangle.
    """
    facts = torch.cat([present, inside.any(dim=2), inside.any(dim=1)], dim=1).cpu().numpy()
    tags, rows, columns = np.split(facts, np.cumsum([present.shape[1], inside.shape[1]]), axis=1)
    parts = [(_stretch(down), _stretch(across)) for down, across in zip(rows, columns, strict=True)]
    return tags.sum(axis=1).tolist(), parts


def _stretch(inside: np.ndarray) -> slice:
    """Where a row of bool is True: from the first place to the last."""
    places = np.flatnonzero(inside)
    return slice(int(places[0]), int(places[-1]) + 1)


def _present_first(present: torch.Tensor) -> torch.Tensor:
    """(B, C) int64: the classes of each image that are present, ascending, then the others."""
    return present.byte().argsort(dim=1, descending=True, stable=True)
