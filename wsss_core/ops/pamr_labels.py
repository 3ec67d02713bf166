"""Labels from class activation maps by pixel-adaptive refinement and a threshold for each class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from wsss_core.ops import cam
from wsss_core.ops.grids import grid_size
from wsss_core.ops.network_cells import at_pixels
from wsss_core.ops.pamr import pamr
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


@torch.no_grad()
def pamr_labels(
    images: list[torch.Tensor],
    cams: list[torch.Tensor],
    tags: list[torch.Tensor],
    *,
    background_exponent: float,
    stride: int,
    dilations: Sequence[int],
    iterations: int,
    background_ratio: float,
    foreground_ratio: float,
    floor: float,
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Label the pixels on which exactly one class is strong after refinement; ignore the rest.

    PAMR refines the masks m = [(1 - max_c cam_c)^background_exponent, cams], divided by their sum. A pixel i
    gets class c iff c alone has m_c(i) > theta_c = max(floor, ratio_c max_i m_c(i)), per image and class.

    Args:
        images: (H, W, 3) uint8 RGB each; their sizes may differ.
        cams: (K, H, W) float in [0, 1) each, map k of class tags[k].
        tags: (K,) int64 each, ids in 1..C.
        background_exponent: the higher, the weaker the background.
        stride: pixels of the image to a cell of the grid on which PAMR runs (4).
        dilations: of PAMR, in cells ((1, 2, 4, 8, 12, 24)).
        iterations: of PAMR (10).
        background_ratio: the background's ratio_c (0.7).
        foreground_ratio: the ratio_c of every class (0.6).
        floor: smallest theta_c (0.2): a class that is weak everywhere labels nothing.

    Returns:
        labels, (H, W) int64 each: BACKGROUND, a tag, or IGNORE_INDEX; confidences, (H, W) float32 in [0, 1] each:
        max_c m_c.

    Raises:
        ValueError: an image and its cams differ in height or width.

    Araslanov & Roth, CVPR 2020, thresholds as released (visinf/1-stage-wseg). DEVIATION: they refine the
    softmax of the network's own masks; here it is the CAM stack of RRM (Zhang et al., AAAI 2020), for models
    with two heads. They resize with align_corners=True, here it is False as everywhere.
    """
    labels, confidences = [], []
    for image, maps, own in zip(images, cams, tags, strict=True):
        if image.shape[:2] != maps.shape[1:]:
            raise ValueError(f"cams are {tuple(maps.shape[1:])}, their image {tuple(image.shape[:2])}; resize the cams")
        soft = _with_background(maps.float(), exponent=background_exponent)
        masks = _refined(image.permute(2, 0, 1), soft, stride=stride, dilations=dilations, iterations=iterations)
        ids = F.pad(own, (1, 0), value=BACKGROUND)                                         # (K+1,)
        ratios = F.pad(masks.new_full(own.shape, foreground_ratio), (1, 0), value=background_ratio)
        thresholds = (ratios * masks.amax(dim=(1, 2))).clamp(min=floor)                    # (K+1,)
        above = masks > thresholds[:, None, None]
        labels.append(torch.where(above.sum(dim=0) == 1, ids[above.byte().argmax(dim=0)], IGNORE_INDEX))
        confidences.append(masks.amax(dim=0))
    return labels, confidences


def _with_background(cams: torch.Tensor, *, exponent: float) -> torch.Tensor:
    """(K+1, H, W) masks of (K, H, W) maps, the background's first, that sum to 1."""
    masks = torch.cat([cam.background(cams, exponent=exponent)[None], cams])
    return masks / masks.sum(dim=0)


def _refined(
    image: torch.Tensor, masks: torch.Tensor, *, stride: int, dilations: Sequence[int], iterations: int
) -> torch.Tensor:
    """(K+1, H, W) masks after PAMR on the grid of `stride`."""
    height, width = image.shape[-2:]
    # In float64: float32 leaves rounding errors in flat regions, which PAMR, blind to scale, takes for edges.
    wide = image.to(_device_of_float64(image.device)).double()
    small = _on_cells(wide, stride=stride).to(masks)  # the type that PAMR computes in
    refined = pamr(small[None], _on_cells(masks, stride=stride)[None], dilations=dilations, iterations=iterations)
    return at_pixels(refined, (height, width), stride=stride)[0].clamp(max=1)


def _device_of_float64(device: torch.device) -> torch.device:
    """The device itself, or the CPU beside one that has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _on_cells(maps: torch.Tensor, *, stride: int) -> torch.Tensor:
    """(K, H, W) maps in the middle of each cell of a grid, bilinear; beyond the image its edge repeats."""
    (height, width), (rows, columns) = maps.shape[-2:], grid_size(maps.shape[-2:], stride=stride)
    beyond = (0, columns * stride - width, 0, rows * stride - height)
    whole = F.pad(maps[None], beyond, mode="replicate")
    return F.interpolate(whole, size=(rows, columns), mode="bilinear", align_corners=False)[0]
