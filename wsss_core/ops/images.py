"""Photographs as network inputs: normalisation, scales, padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
import torch.nn.functional as F

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet statistics of RGB in [0, 1]: what every supported backbone was trained with."""

SMALLEST_SIDE = 32
"""Inputs are at least this large, so that no backbone pools an image away."""


def normalise(image: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(..., 3, H, W) float32 network input from an (H, W, 3) uint8 RGB array or a (..., 3, H, W) uint8 tensor."""
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1) if isinstance(image, np.ndarray) else image
    mean, std = (torch.tensor(v, device=tensor.device).view(3, 1, 1) for v in (MEAN, STD))
    return (tensor.float() / 255 - mean) / std


def photograph(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) uint8 RGB of network inputs: what `normalise` was given, to the bit."""
    mean, std = (torch.tensor(v, device=images.device).view(3, 1, 1) for v in (MEAN, STD))
    return ((images.float() * std + mean) * 255).round_().clamp_(0, 255).to(torch.uint8)


def limited_size(size: tuple[int, int], *, scale: float, max_pixels: int) -> tuple[int, int]:
    """`size` = (H, W) times `scale`, shrunk further to at most max_pixels, no side below SMALLEST_SIDE."""
    height, width = size
    scale = min(scale, sqrt(max_pixels / (height * width)))
    return max(SMALLEST_SIDE, round(height * scale)), max(SMALLEST_SIDE, round(width * scale))


def resized(images: Sequence[np.ndarray], size: tuple[int, int], *, device: torch.device) -> torch.Tensor:
    """(H, W, 3) uint8 images of one size at another, normalised: (B, 3, h, w) on the device.

    Bicubic, antialiased where it shrinks. GPUs know no such operator for bytes: they compute in float32 and round once,
    the CPU between its two passes too, so that about a fifth of the values differ, by one of 255 levels.
    """
    tensor = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2)
    if tensor.shape[2:] != size:
        is_cpu = device.type == "cpu"
        tensor = F.interpolate(tensor if is_cpu else tensor.float(), size=size, mode="bicubic", antialias=True)
        tensor = tensor if is_cpu else tensor.round_().clamp_(0, 255)
    return normalise(tensor)


def pad_to_multiple(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    """(..., H, W) with zeros (the mean colour) at the bottom and the right up to multiples of `multiple`."""
    height, width = tensor.shape[-2:]
    return F.pad(tensor, (0, -width % multiple, 0, -height % multiple))
