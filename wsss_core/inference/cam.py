"""Photographs of one size through a classifier: their class activation maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.artifacts import Scores
from wsss_core.inference.views import views
from wsss_core.models.tag_classifier import TagClassifier
from wsss_core.ops import cam, grids, network_cells


def class_activation_maps(
    model: TagClassifier,
    images: Sequence[np.ndarray],
    tags: Sequence[Sequence[int]],
    *,
    scales: Sequence[float],
    flip: bool,
    sqrt: bool,
    store_stride: int,
    max_pixels: int,
    device: torch.device,
) -> list[Scores]:
    """CAMs of each image's own classes, summed over scales and mirrors, then divided by each class's maximum.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        tags: class ids present in each, ascending; others get no map.
        scales, flip: the views; each is rectified before the sum, so that none cancels another.
        sqrt: element-wise square root of each rectified view (PSA, VGG16 only).
        store_stride: pixels a stored cell covers.
        max_pixels: larger views are shrunk to this. DEVIATION: bounds memory; VOC images never reach it.

    Ahn & Kwak, CVPR 2018, sec. 3.1, as released: normalisation follows the sum, so scales weigh as they respond.
    """
    size = (images[0].shape[0], images[0].shape[1])
    grid = grids.grid_size(size, stride=store_stride)
    wanted = sorted({tag for of_image in tags for tag in of_image})
    channels = torch.tensor([tag - 1 for tag in wanted], dtype=torch.long, device=device)
    total = torch.zeros(len(images), len(wanted), *grid, device=device)
    inputs = views(images, scales=scales, flip=flip, max_pixels=max_pixels, device=device)
    for view in inputs if wanted else ():
        maps = F.relu(model.cams(view).float()[:, channels])
        for mirrored, part in enumerate((maps.sqrt() if sqrt else maps).split(len(images))):
            total += network_cells.class_maps_on_grid(
                part, view=(view.shape[-2], view.shape[-1]), size=size, stride=model.stride,
                centre=model.centre, store_stride=store_stride, mirrored=bool(mirrored),
            )  # fmt: skip
    place = {tag: channel for channel, tag in enumerate(wanted)}
    return [
        Scores(np.asarray(own, dtype=np.uint8), cam.rectified_over_maximum(maps[[place[tag] for tag in own]]), size)
        for own, maps in zip(tags, total.cpu().numpy(), strict=True)
    ]
