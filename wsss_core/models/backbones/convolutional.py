"""Convolutional networks as backbones: where their cells lie is measured, so that no network needs code of its own."""

from __future__ import annotations

from typing import Any

import torch

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.receptive import centre_of_first_cell, pads_by_size


class ConvolutionalBackbone(Backbone):
    """A net that speaks timm's protocol: `forward_features`, `forward_intermediates`, `group_matcher`.

    Networks that round down (ConvNeXt's patches), or whose own padding changes with the size (TensorFlow's), get their
    images padded; all others take them as they are.
    """

    def _cells(self) -> tuple[float, int]:
        takes_any = not pads_by_size(self.net) and _rounds_up(self.net, self.stride)
        centre = centre_of_first_cell(self.net, torch.zeros(1, 3, 2 * self.stride, 2 * self.stride))
        return centre, 1 if takes_any else self.stride

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        return self.net.forward_features(images)

    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        return self.net.forward_intermediates(images, indices=indices, intermediates_only=True)


def _rounds_up(net: Any, stride: int) -> bool:
    """Whether sides that do not divide by the stride give ceil(side / stride) cells."""
    # stride + 1 is odd at every stage but the last, so that no rounding down goes unseen
    for side, cells in ((1, 1), (stride + 1, 2)):
        try:
            with torch.no_grad():
                features = net.forward_features(torch.zeros(1, 3, side, side))
        except RuntimeError:  # HRNet adds maps whose sizes then differ, ConvNeXt's patch is larger than 1x1
            return False
        if features.shape[-2:] != (cells, cells):
            return False
    return True
