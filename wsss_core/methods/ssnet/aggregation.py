"""A saliency map made of class masks: SSNet's saliency aggregation module."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SaliencyAggregation(nn.Module):
    """How salient each class would be in this image, from the deepest features: v in (0, 1) for each of C+1 labels.

    Args:
        in_channels: F.
        num_labels: C+1; the background's v is used by one form of the loss only.
        grid: cells of each side to which features are averaged first, so that images of any size fit (16 in stage 1,
            32 in stage 2). DEVIATION: the released convolution is as large as the features of a 256-pixel square,
            and takes no other; its weights have the same shape. 1 is global pooling: few weights.

    Zeng et al., ICCV 2019, sec. 3.3.
    """

    def __init__(self, in_channels: int, num_labels: int, *, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.weigh = nn.Conv2d(in_channels, num_labels, grid)
        initialise(self.weigh)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) to (B, C+1, 1, 1) in (0, 1)."""
        return self.weigh(F.adaptive_avg_pool2d(features, self.grid)).float().sigmoid()


def initialise(layer: nn.Conv2d | nn.Linear) -> None:
    """The initial weights of all new layers of SSNet, as released: N(0, 0.02), and biases of 0."""
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def aggregated(weights: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The saliency map S = sum over classes of v_k H_k, 0 <= S <= 1 - H_0: (B, 1, H, W) float.

    Args:
        weights: (B, C+1, 1, 1) float in [0, 1], v; the background's, first, has no part in it.
        masks: (B, C+1, H, W) float, H: probabilities of the labels at each pixel.
    """
    return (weights[:, 1:] * masks[:, 1:]).sum(dim=1, keepdim=True)
