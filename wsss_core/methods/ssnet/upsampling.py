"""Upsampling that starts as bilinear interpolation and is trained from there."""

from __future__ import annotations

import torch
from torch import nn


class Upsampling(nn.ConvTranspose2d):
    """A transposed convolution of `channels` maps by an even factor, initialised to bilinear interpolation.

    Weights between different channels start at 0; a constant map stays constant but at its edge, where a transposed
    convolution lacks neighbours (Long et al., CVPR 2015).
    """

    def __init__(self, channels: int, *, factor: int) -> None:
        super().__init__(channels, channels, 2 * factor, stride=factor, padding=factor // 2)
        with torch.no_grad():
            self.weight.zero_()
            self.weight[range(channels), range(channels)] = bilinear_kernel(2 * factor)
            nn.init.zeros_(self.bias)  # type: ignore[arg-type]


def bilinear_kernel(size: int) -> torch.Tensor:
    """(size, size) float: w(i, j) = (1 - |i - c| / f)(1 - |j - c| / f), f = floor((size + 1) / 2)."""
    half = (size + 1) // 2
    centre = half - 1 if size % 2 else half - 0.5
    line = 1 - (torch.arange(size) - centre).abs() / half
    return line[:, None] * line
