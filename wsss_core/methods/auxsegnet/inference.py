"""What AuxSegNet's shared affinity makes of photographs: refined class maps, and pictures of the affinity itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.artifacts import Scores
from wsss_core.inference.views import views
from wsss_core.methods.auxsegnet.affinity import refined
from wsss_core.ops import cam, grids
from wsss_core.ops.network_cells import at_pixels, class_maps_at_pixels, network_stride

AFFINITIES = ("seg_affinity", "saliency_affinity", "affinity")
"""Outputs that `affinities_of_peak` shows: each task's own, and the one that both share."""


def refined_cams(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    tags: Sequence[Sequence[int]],
    *,
    renormalise: bool,
    max_pixels: int,
    device: torch.device,
) -> list[np.ndarray]:
    """(K, H, W) float32 >= 0 each: CAMs of each image's own classes, each moved once along AuxSegNet's affinity.

    Args:
        model: in eval mode on `device`; its outputs hold `cam` and, unless it was built without, `affinity`.
        images: (H, W, 3) uint8 RGB each, of one size.
        tags: class ids present in each, ascending.
        renormalise: divide by each map's maximum again. False is the released code: peaks lie below 1 afterwards, or
            above, up to 2, and thresholds apply to them as they are.
        max_pixels: larger images are shrunk to this.

    Xu et al., ICCV 2021, sec. 3.4: one scale, no mirror, one step that is not repeated.
    """
    size = images[0].shape[:2]
    (view,) = views(images, scales=[1.0], flip=False, max_pixels=max_pixels, device=device)
    outputs, shown, stride = model(view), view.shape[-2:], network_stride(model)
    maps = cam.over_maximum(outputs["cam"].float())
    if "affinity" in outputs:  # which was trained on where things are
        maps = at_pixels(refined(outputs["affinity"], maps), shown, stride=stride)
    else:
        maps = class_maps_at_pixels(maps, shown, stride=stride, centre=model.centre)  # type: ignore[arg-type]
    maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    own = [m[[tag - 1 for tag in of_image]].cpu().numpy() for m, of_image in zip(maps, tags, strict=True)]
    return [cam.rectified_over_maximum(m) for m in own] if renormalise else own


def affinities_of_peak(
    model: torch.nn.Module, image: np.ndarray, tags: Sequence[int], *, max_pixels: int, device: torch.device
) -> Scores:
    """Where the first class's map peaks, and how much each cell contributes to that one.

    Args:
        model: in eval mode on `device`; its outputs hold those of AFFINITIES that it was built with.
        image: (H, W, 3) uint8 RGB.
        tags: class ids of the image; without any, the strongest map of all classes counts.
        max_pixels: larger images are shrunk to this.

    Returns:
        maps of the network's stride (or the power of two below it, as stored grids are), each divided by its maximum: 1
        at the chosen cell, then that cell's row of each affinity. Their `classes` are 1 for the cell and 2 + k for
        AFFINITIES[k].
    """
    size = (image.shape[0], image.shape[1])
    (view,) = views([image], scales=[1.0], flip=False, max_pixels=max_pixels, device=device)
    outputs = model(view)
    maps = outputs["cam"][0].float()  # (C, h, w)
    chosen = tags[0] if tags else int(maps.flatten(1).amax(dim=1).argmax()) + 1
    peak = int(maps[chosen - 1].argmax())
    chosen_cell = torch.zeros_like(maps[0]).flatten()
    chosen_cell[peak] = 1
    present = {2 + k: outputs[name][0, peak] for k, name in enumerate(AFFINITIES) if name in outputs}
    rows = {1: chosen_cell, **present}
    shown = cam.over_maximum(torch.stack(list(rows.values())).view(len(rows), *maps.shape[1:]))
    stored = _stored(shown.cpu().numpy(), view.shape[-2:], size, stride=network_stride(model))
    return Scores(np.array(list(rows), dtype=np.uint8), stored, size)


def _stored(maps: np.ndarray, view: grids.Size, size: grids.Size, *, stride: int) -> np.ndarray:
    """Maps on a network's cells of a view, on a stored grid of its image: the same cells where those are one."""
    store_stride = 1 << (stride.bit_length() - 1)
    if tuple(view) == size and store_stride == stride:
        return maps
    return grids.store(grids.stretch(grids.read(maps, view, stride=stride), size), stride=store_stride)
