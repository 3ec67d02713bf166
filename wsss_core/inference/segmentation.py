"""Photographs of one size through a network that segments: class probabilities, label maps, saliency maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.inference.views import unflipped, views
from wsss_core.ops.crf import dense_crf
from wsss_core.ops.network_cells import at_pixels, network_stride
from wsss_core.ops.refinement import ids_of


def segmentation_probabilities(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, C+1, H, W) float32 class probabilities: softmax of the "seg" logits, by `averaged` with its options."""
    return averaged(model, images, partial(_class_probabilities, stride=network_stride(model)), **options)


def saliency_maps(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, H, W) float32 in [0, 1]: the "saliency" output, by `averaged` with its options."""
    return averaged(model, images, partial(_saliency, stride=network_stride(model)), **options)[:, 0].clip(0, 1)


def _class_probabilities(outputs: dict[str, torch.Tensor], size: torch.Size, *, stride: int) -> torch.Tensor:
    return at_pixels(outputs["seg"].float(), size, stride=stride).softmax(dim=1)


def _saliency(outputs: dict[str, torch.Tensor], size: torch.Size, *, stride: int) -> torch.Tensor:
    return at_pixels(outputs["saliency"].float(), size, stride=stride)


def averaged(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    read: Callable[[dict[str, torch.Tensor], torch.Size], torch.Tensor],
    *,
    scales: Sequence[float],
    flip: bool,
    max_pixels: int,
    device: torch.device,
) -> np.ndarray:
    """(B, K, H, W) float32: maps of a network, averaged over scales and mirrors.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        read: read(outputs, size) -> (B, K, *size) maps of a view of that size.
        scales, flip, max_pixels: the views.
    """
    size = images[0].shape[:2]
    total: torch.Tensor | float = 0.0
    for view in views(images, scales=scales, flip=flip, max_pixels=max_pixels, device=device):
        maps = unflipped(read(model(view), view.shape[-2:]), flip=flip) / (1 + flip)
        total = total + F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return (total / len(scales)).cpu().numpy()  # type: ignore[union-attr]


def segment(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    *,
    crf: dict | None,
    device: torch.device,
    tags: Sequence[Sequence[int]] | None = None,
    **options,
) -> list[np.ndarray]:
    """(H, W) uint8 labels each: the most probable class of `segmentation_probabilities`, after a dense CRF if given.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        crf: keyword arguments of `dense_crf`; None = none.
        tags: class ids that each image may have beside the background; None allows all.
        options: further keyword arguments of `segmentation_probabilities`.
    """
    probabilities = segmentation_probabilities(model, images, device=device, **options)
    everything = np.arange(probabilities.shape[1], dtype=np.uint8)
    allowed = [everything] * len(images) if tags is None else [ids_of(np.asarray(own)) for own in tags]
    maps = [p[ids] for p, ids in zip(probabilities, allowed, strict=True)]
    if crf is not None:
        maps = dense_crf(images, maps, device=device, **crf)
    return [ids[p.argmax(axis=0)] for p, ids in zip(maps, allowed, strict=True)]
