"""Photographs of one size through a network that segments: class probabilities, label maps, saliency maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.inference.views import unflipped, views
from wsss_core.ops.crf import dense_crf
from wsss_core.ops.images import limited_size
from wsss_core.ops.network_cells import at_pixels, network_stride
from wsss_core.ops.refinement import ids_of

Read = Callable[[dict[str, torch.Tensor], torch.Size], torch.Tensor]
"""read(outputs, size) -> (B, K, *size): maps of a view of that size."""


def segmentation_probabilities(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, C+1, H, W) float32 class probabilities: softmax of the "seg" logits, by `averaged` with its options."""
    return averaged(model, images, _class_probabilities(model), **options).cpu().numpy()


def saliency_maps(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, H, W) float32 in [0, 1]: the "saliency" output, by `averaged` with its options."""
    read = partial(_saliency, stride=network_stride(model))
    return averaged(model, images, read, **options)[:, 0].clamp(0, 1).cpu().numpy()


def _class_probabilities(model: torch.nn.Module) -> Read:
    logits = _class_logits(model)
    return lambda outputs, size: logits(outputs, size).softmax(dim=1)


def _class_logits(model: torch.nn.Module) -> Read:
    stride = network_stride(model)
    return lambda outputs, size: at_pixels(outputs["seg"].float(), size, stride=stride)


def _saliency(outputs: dict[str, torch.Tensor], size: torch.Size, *, stride: int) -> torch.Tensor:
    return at_pixels(outputs["saliency"].float(), size, stride=stride)


def averaged(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    read: Read,
    *,
    scales: Sequence[float],
    flip: bool,
    max_pixels: int,
    device: torch.device,
) -> torch.Tensor:
    """(B, K, H, W) float32 on the device: maps of a network, averaged over scales and mirrors.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        read: the maps of a view.
        scales, flip, max_pixels: the views.
    """
    size = images[0].shape[:2]
    total = None
    for view in views(images, scales=scales, flip=flip, max_pixels=max_pixels, device=device):
        maps = unflipped(read(model(view), view.shape[-2:]), flip=flip)
        maps = maps / 2 if flip else maps
        if maps.shape[-2:] != size:
            maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
        total = maps if total is None else total + maps
    return total / len(scales) if len(scales) > 1 else total  # type: ignore[operator, return-value]


def marginals(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    *,
    crf: dict | None,
    device: torch.device,
    tags: Sequence[Sequence[int]] | None = None,
    **options,
) -> list[tuple[np.ndarray, torch.Tensor]]:
    """What the label of each pixel is chosen by: `segmentation_probabilities`, after a dense CRF if given.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        crf: keyword arguments of `dense_crf`; None = none.
        tags: class ids that each image may have beside the background; None allows all.
        options: further keyword arguments of `averaged`.

    Returns:
        of each image the labels that it may have, (L,) uint8, and (L, H, W) float32 maps of these. Where tags leave
        classes out and no CRF follows, they do not sum to 1.
    """
    ids, maps = _allowed(averaged(model, images, _class_probabilities(model), device=device, **options), tags)
    if crf is not None:
        refined = dense_crf(images, [one.cpu().numpy() for one in maps], device=device, **crf)
        maps = [torch.from_numpy(q) for q in refined]
    return list(zip(ids, maps, strict=True))


def segment(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    *,
    crf: dict | None,
    device: torch.device,
    tags: Sequence[Sequence[int]] | None = None,
    **options,
) -> list[np.ndarray]:
    """(H, W) uint8 labels each: the most probable of `marginals`, with its arguments."""
    if crf is None and _is_one_view(images, **options):  # whose largest logit is its largest probability
        maps = averaged(model, images, _class_logits(model), device=device, **options)
        chosen = list(zip(*_allowed(maps, tags), strict=True))
    else:
        chosen = marginals(model, images, crf=crf, device=device, tags=tags, **options)
    return [most_probable(ids, maps) for ids, maps in chosen]


def most_probable(ids: np.ndarray, maps: torch.Tensor) -> np.ndarray:
    """(H, W) uint8: of labels (L,) with (L, H, W) maps the one with the largest, of equals the first."""
    return ids[maps.max(dim=0).indices.cpu().numpy()]  # argmax alone takes eight times as long on a CPU


def _allowed(
    maps: torch.Tensor, tags: Sequence[Sequence[int]] | None
) -> tuple[list[np.ndarray], list[torch.Tensor]]:
    """The labels that each image may have, and the maps (L, H, W) of those out of (B, C+1, H, W)."""
    if tags is None:
        return [np.arange(maps.shape[1], dtype=np.uint8)] * len(maps), list(maps)
    ids = [ids_of(np.asarray(own)) for own in tags]
    return ids, [one[own.tolist()] for one, own in zip(maps, ids, strict=True)]


def _is_one_view(images: Sequence[np.ndarray], *, scales: Sequence[float], flip: bool, max_pixels: int) -> bool:
    """Whether the network sees the images as they are, once."""
    size = images[0].shape[:2]
    return len(scales) == 1 and not flip and limited_size(size, scale=scales[0], max_pixels=max_pixels) == size
