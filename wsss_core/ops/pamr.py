"""Pixel-adaptive mask refinement: masks that follow the colours of their image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F

RING = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))
"""The 3 x 3 neighbourhood without its centre."""

CONTRAST = 0.1
"""Share of the local standard deviation that a difference in colour is measured in."""

EPSILON = 1e-8


def pamr(
    images: torch.Tensor, masks: torch.Tensor, *, dilations: Sequence[int], iterations: int
) -> torch.Tensor:
    """Masks of which each pixel has become the mean of its neighbours, those of its own colour first.

    m_i <- sum_j a_ij m_j over the neighbours j of i, with a_i = softmax_j k_ij fixed and, I the image,
    k_ij = mean_channels -|I_i - I_j| / (1e-8 + 0.1 sigma_i); sigma_i is the standard deviation about i. A
    pixel's own value has no part in the sum, what the masks sum to over C is kept, and their range shrinks.

    Args:
        images: (B, 3, h, w), on the masks' grid. Any scale and offset of intensity give the same result.
        masks: (B, C, h, w) float.
        dilations: of the 3 x 3 rings of neighbours, in cells of the grid, each >= 1 ((1, 2, 4, 8, 12, 24): 48
            neighbours). Those outside the image are the nearest cell of its border.
        iterations: how often the masks are averaged (10); 0 leaves them.

    Returns:
        (B, C, h, w), without a gradient; float64 for float64 masks, else float32, whatever autocast says.

    Raises:
        ValueError: images and masks differ in height or width, or dilations are empty or not all positive.

    Araslanov & Roth, CVPR 2020, as released (visinf/1-stage-wseg). DEVIATION: the released module resizes
    masks that do not fit the image; here the grid is the caller's decision.
    """
    if images.shape[-2:] != masks.shape[-2:]:
        sizes = f"images are {_size(images)}, masks are {_size(masks)}"
        raise ValueError(f"{sizes}; resize the images to the masks' grid first")
    if min(dilations, default=0) < 1:
        raise ValueError(f"dilations are {list(dilations)}; give at least one, each 1 or more")
    dtype = torch.float64 if masks.dtype == torch.float64 else torch.float32
    with torch.no_grad(), torch.autocast(masks.device.type, enabled=False):
        affinity = _affinity(images.to(dtype), dilations).split(1, dim=1)                # 8 D of (B, 1, h, w)
        refined = masks.detach().to(dtype)
        for _ in range(iterations):
            neighbours = _neighbours(refined, dilations)
            refined = torch.zeros_like(refined)
            for weight, values in zip(affinity, neighbours, strict=True):
                refined.addcmul_(weight, values)
    return refined


def _affinity(images: torch.Tensor, dilations: Sequence[int]) -> torch.Tensor:
    """(B, 8 D, h, w) weights of each pixel's neighbours at D dilations, summing to 1."""
    neighbours = torch.stack(list(_neighbours(images, dilations)), dim=2)
    differences = neighbours - images[:, :, None]                                          # (B, 3, 8 D, h, w)
    # sigma_i is the unbiased standard deviation of nine samples a dilation: the ring and its centre, whose
    # difference is 0. With a ninth of the samples at 0, the subtraction costs no more than a digit.
    samples = 9 * len(dilations)
    squares, sums = (terms.sum(dim=2, keepdim=True) for terms in (differences.square(), differences))
    deviation = ((squares - sums.square() / samples) / (samples - 1)).sqrt()
    distances = differences.abs_().div_(EPSILON + CONTRAST * deviation).mean(dim=1)
    return distances.neg_().softmax(dim=1)


def _neighbours(maps: torch.Tensor, dilations: Sequence[int]) -> Iterator[torch.Tensor]:
    """The 8 D neighbours of every pixel of (B, C, h, w) maps, one (B, C, h, w) view after the other."""
    margin = max(dilations)
    height, width = maps.shape[-2:]
    padded = F.pad(maps, (margin,) * 4, mode="replicate")
    for dilation in dilations:
        for y, x in RING:
            top, left = margin + y * dilation, margin + x * dilation
            yield padded[..., top : top + height, left : left + width]


def _size(maps: torch.Tensor) -> str:
    return f"{maps.shape[-2]}x{maps.shape[-1]}"
