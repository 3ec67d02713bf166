"""What a network sees of photographs: all of one size, at several scales, and their mirrors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from wsss_core.ops.images import limited_size, resized, stacked


def views(
    images: Sequence[np.ndarray], *, scales: Sequence[float], flip: bool, max_pixels: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """The images at each scale, (B, 3, h, w), or with their mirrors behind them (2B, 3, h, w)."""
    pictures = stacked(images, device)
    for scale in scales:
        size = limited_size(images[0].shape[:2], scale=scale, max_pixels=max_pixels)
        inputs = resized(pictures, size)
        yield torch.cat([inputs, inputs.flip(-1)]) if flip else inputs


def unflipped(maps: torch.Tensor, *, flip: bool) -> torch.Tensor:
    """Sum of a view's maps and its mirrors', turned back: (B or 2B, C, h, w) -> (B, C, h, w)."""
    if not flip:
        return maps
    straight, mirrored = maps.chunk(2)
    return straight + mirrored.flip(-1)
