"""Segmentation heads of the DeepLab family: (B, F, h, w) features to (B, K, h, w) logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.segmentation.deeplabv3 import ASPPPooling, DeepLabHead

RATES_STRIDE = 8
"""The papers state atrous rates for features of this stride."""
LARGEFOV_CHANNELS = 512
NUM_GROUPS = 32


class LargeFov(nn.Module):
    """Two 3x3 atrous convolutions, F to `channels` to K.

    The head of PSA's ResNet38 segmentation network (Ahn & Kwak, CVPR 2018): DeepLab-LargeFOV (Chen et al.,
    ICLR 2015) for a backbone without fully connected layers.
    """

    RATE = 12
    """The paper's atrous rate, at stride 8."""

    def __init__(self, in_channels: int, num_outputs: int, *, rate: int, channels: int = LARGEFOV_CHANNELS) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(in_channels, channels, 3, padding=rate, dilation=rate)
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        self.logits = _logits(channels, num_outputs, rate=rate)

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """What the logits are made of: (B, F, h, w) to (B, channels, h, w), rectified."""
        return F.relu(self.hidden(features))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) to (B, K, h, w)."""
        return self.logits(self.embed(features))


class AsppV2(nn.Module):
    """The sum of parallel 3x3 atrous convolutions, F to K (Chen et al., DeepLab-v2, TPAMI 2018, sec. 3.2)."""

    def __init__(self, in_channels: int, num_outputs: int, *, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_logits(in_channels, num_outputs, rate=rate) for rate in rates)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) to (B, K, h, w)."""
        first, *others = self.branches
        logits = first(features)
        for branch in others:
            logits = logits + branch(features)
        return logits


def _logits(in_channels: int, num_outputs: int, *, rate: int) -> nn.Conv2d:
    """A classifying convolution with the initial weights of Caffe's DeepLab, N(0, 0.01)."""
    layer = nn.Conv2d(in_channels, num_outputs, 3, padding=rate, dilation=rate)
    nn.init.normal_(layer.weight, std=0.01)
    layer.bias = nn.Parameter(torch.zeros(num_outputs))
    return layer


def _largefov(in_channels: int, num_outputs: int, rates: Sequence[int]) -> nn.Module:
    if len(rates) != 1:
        raise ValueError(f"head largefov has one atrous rate, not {list(rates)}; give a list of one")
    return LargeFov(in_channels, num_outputs, rate=rates[0])


def _aspp_v2(in_channels: int, num_outputs: int, rates: Sequence[int]) -> nn.Module:
    return AsppV2(in_channels, num_outputs, rates=rates)


def _deeplabv3(in_channels: int, num_outputs: int, rates: Sequence[int]) -> nn.Module:
    """torchvision's head (Chen et al., DeepLabV3, 2017), whose pooled branch has group norm.

    DEVIATION: that branch norms one value a channel and image. Batch norm fails there on a batch of one and
    is noise on a few images; group norm does not depend on the batch.
    """
    head = DeepLabHead(in_channels, num_outputs, atrous_rates=rates)
    for branch in head.modules():
        if isinstance(branch, ASPPPooling):
            branch[2] = nn.GroupNorm(NUM_GROUPS, branch[1].out_channels)
    return head


HEADS: dict[str, tuple[Callable[[int, int, Sequence[int]], nn.Module], tuple[int, ...]]] = {
    "largefov": (_largefov, (LargeFov.RATE,)),
    "aspp_v2": (_aspp_v2, (6, 12, 18, 24)),
    "deeplabv3": (_deeplabv3, (12, 24, 36)),
}
"""Each head's builder and the atrous rates of its paper at stride 8."""


def scaled_rate(rate: int, *, stride: int) -> int:
    """A paper's atrous rate for features of another stride: it sees as far in the image."""
    return max(1, rate * RATES_STRIDE // stride)


def build_head(
    name: str,
    *,
    in_channels: int,
    num_outputs: int,
    stride: int,
    atrous_rates: Sequence[int] | None = None,
) -> nn.Module:
    """A segmentation head with new weights.

    Args:
        name: a key of HEADS.
        in_channels: F.
        num_outputs: K, background included.
        stride: of the features; scales the paper's rates, so that the head sees as far in the image.
        atrous_rates: taken as they are; None gives the paper's.

    Raises:
        ValueError: an unknown name, no rate, a rate below 1, or more than one for `largefov`.
    """
    if name not in HEADS:
        raise ValueError(f"head is {name!r}, expected one of {', '.join(HEADS)}")
    build, paper_rates = HEADS[name]
    rates = atrous_rates
    if rates is None:
        rates = [scaled_rate(rate, stride=stride) for rate in paper_rates]
    if not rates or min(rates) < 1:
        raise ValueError(f"atrous_rates is {list(rates)}, expected one or more numbers from 1 on, or null")
    return build(in_channels, num_outputs, rates)
