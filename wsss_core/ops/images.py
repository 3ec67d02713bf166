"""Photographs as network inputs: normalisation, scales, padding."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
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
    mean, std = _statistics(tensor.device)
    return (tensor.float() / 255 - mean) / std


def photograph(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) uint8 RGB of network inputs: what `normalise` was given, to the bit."""
    mean, std = _statistics(images.device)
    return ((images.float() * std + mean) * 255).round_().clamp_(0, 255).to(torch.uint8)


@cache
def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(3, 1, 1) MEAN and STD, sent to a device once: who sends waits for all that the device has yet to do."""
    with torch.inference_mode(False):  # else the first who asks would keep trainings from theirs
        mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (MEAN, STD))
    return mean, std


def limited_size(size: tuple[int, int], *, scale: float, max_pixels: int) -> tuple[int, int]:
    """`size` = (H, W) times `scale`, shrunk further to at most max_pixels, no side below SMALLEST_SIDE."""
    height, width = size
    scale = min(scale, sqrt(max_pixels / (height * width)))
    return max(SMALLEST_SIDE, round(height * scale)), max(SMALLEST_SIDE, round(width * scale))


def stacked(images: Sequence[np.ndarray], device: torch.device) -> torch.Tensor:
    """(B, 3, H, W) uint8 on the device, of (H, W, 3) uint8 images of one size."""
    return torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2)


def resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(B, 3, H, W) uint8 images at another size, normalised: (B, 3, h, w) float32, contiguous, where they are.

    Bicubic, antialiased where it shrinks. GPUs resize as `resized_in_floats` does.
    """
    if images.shape[2:] != size:
        resize = _bicubic if images.device.type == "cpu" else resized_in_floats
        images = resize(images, size)
    return normalise(images).contiguous()  # channels last would have cuDNN plan each size: see `build.memory_format`


def resized_in_floats(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What a CPU makes of (B, 3, H, W) uint8 images at another size, without its operator for bytes: (B, 3, h, w).

    Columns first, then rows, whole levels after each, as the CPU's operator does in fixed point: of its values 99 % are
    these, the others off by one of 255 levels.
    """
    height, width = images.shape[2], size[1]
    columns = (_bicubic(images.float(), (height, width)) + 0.5).floor_().clamp_(0, 255)
    return (_bicubic(columns, size) + 0.5).floor_().clamp_(0, 255)


def _bicubic(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(images, size=size, mode="bicubic", antialias=True)


def pad_to_multiple(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    """(..., H, W) with zeros (the mean colour) at the bottom and the right up to multiples of `multiple`."""
    height, width = tensor.shape[-2:]
    return F.pad(tensor, (0, -width % multiple, 0, -height % multiple))
