"""ResNet38d: the wide ResNet-38 of PSA, SEAM, RRM and AuxSegNet, with the names of their checkpoints.

Wu et al., Pattern Recognition 2019 (model A1), dilated as by Ahn & Kwak, CVPR 2018. It speaks timm's protocol
(`forward_features`, `forward_intermediates`, `group_matcher`), so that its adapter treats it as any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.models.backbones.convolutional import ConvolutionalBackbone

NAME = "resnet38d"
OUTPUT_STRIDE = 8


def _conv(
    in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        dilation=dilation,
        padding=dilation * (kernel_size // 2),
        bias=False,
    )


class _PreActivation(nn.Module, ABC):
    """What both kinds of block share: norm and ReLU first, then a shortcut beside the branch."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        if in_channels != out_channels or stride > 1:
            self.conv_branch1 = _conv(in_channels, out_channels, 1, stride=stride)

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        """The block's input after its first norm and ReLU; this is what AffinityNet taps."""
        return F.relu(self.bn_branch2a(x), inplace=True)

    def shortcut(self, x: torch.Tensor, activated: torch.Tensor) -> torch.Tensor:
        # A projection starts from the activated input, the identity from the raw one.
        return self.conv_branch1(activated) if hasattr(self, "conv_branch1") else x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.add_branches(x, self.activate(x))

    def add_branches(self, x: torch.Tensor, activated: torch.Tensor) -> torch.Tensor:
        """The block's output from its input and `activate` of it, for callers that tap the latter."""
        return self.shortcut(x, activated) + self.branch(activated)

    @abstractmethod
    def branch(self, activated: torch.Tensor) -> torch.Tensor:
        """The convolutions beside the shortcut: (B, in_channels, h, w) to (B, out_channels, h / stride, w / stride)."""


class ResidualBlock(_PreActivation):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        *,
        stride: int,
        first_dilation: int,
        dilation: int,
    ) -> None:
        super().__init__(in_channels, out_channels, stride=stride)
        self.conv_branch2a = _conv(in_channels, mid_channels, 3, stride=stride, dilation=first_dilation)
        self.bn_branch2b1 = nn.BatchNorm2d(mid_channels)
        self.conv_branch2b1 = _conv(mid_channels, out_channels, 3, dilation=dilation)

    def branch(self, activated: torch.Tensor) -> torch.Tensor:
        """Both 3x3 convolutions."""
        return self.conv_branch2b1(F.relu(self.bn_branch2b1(self.conv_branch2a(activated)), inplace=True))


class BottleneckBlock(_PreActivation):
    """1x1 to a quarter, dilated 3x3 to a half, 1x1 to all of the channels, with dropout of whole channels."""

    def __init__(self, in_channels: int, out_channels: int, *, dilation: int, dropout: float) -> None:
        super().__init__(in_channels, out_channels, stride=1)
        self.conv_branch2a = _conv(in_channels, out_channels // 4, 1)
        self.bn_branch2b1 = nn.BatchNorm2d(out_channels // 4)
        self.conv_branch2b1 = _conv(out_channels // 4, out_channels // 2, 3, dilation=dilation)
        self.bn_branch2b2 = nn.BatchNorm2d(out_channels // 2)
        self.conv_branch2b2 = _conv(out_channels // 2, out_channels, 1)
        self.dropout = nn.Dropout2d(dropout)

    def branch(self, activated: torch.Tensor) -> torch.Tensor:
        """The three convolutions, dropout before the second and the third."""
        quarter = self.dropout(F.relu(self.bn_branch2b1(self.conv_branch2a(activated)), inplace=True))
        half = self.dropout(F.relu(self.bn_branch2b2(self.conv_branch2b1(quarter)), inplace=True))
        return self.conv_branch2b2(half)


class ResNet38d(nn.Module):
    """(B, 3, H, W) normalised images to 64 * `width` channels at stride 8; a side n gives ceil(n / 8) cells.

    Args:
        width: channels of the first convolution, of which all others are multiples. 64 is the published
            network (105 million weights), the only one for which there are checkpoints.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.conv1a = _conv(3, width, 3)
        self._add_stage("b2", 3, width, 2 * width, 2 * width, stride=2)
        self._add_stage("b3", 3, 2 * width, 4 * width, 4 * width, stride=2)
        self._add_stage("b4", 6, 4 * width, 8 * width, 8 * width, stride=2)
        self._add_stage("b5", 3, 8 * width, 8 * width, 16 * width, dilation=2)
        self.b6 = BottleneckBlock(16 * width, 32 * width, dilation=4, dropout=0.3)
        self.b7 = BottleneckBlock(32 * width, 64 * width, dilation=4, dropout=0.5)
        self.bn7 = nn.BatchNorm2d(64 * width)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def _add_stage(
        self,
        name: str,
        num_blocks: int,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        first = ResidualBlock(
            in_channels, mid_channels, out_channels, stride=stride, first_dilation=1, dilation=dilation
        )
        self.add_module(name, first)
        for k in range(1, num_blocks):
            block = ResidualBlock(
                out_channels, mid_channels, out_channels, stride=1, first_dilation=dilation, dilation=dilation
            )
            self.add_module(f"{name}_{k}", block)

    def _blocks(self, *stages: str) -> Iterator[Any]:
        """The blocks of these stages in order; b4 is b4, b4_1, b4_2, ..."""
        return (block for name, block in self.named_children() if name.partition("_")[0] in stages)

    def forward_intermediates(
        self, x: torch.Tensor, indices: Sequence[int] | None = None, *, intermediates_only: bool = True
    ) -> list[torch.Tensor]:
        """AffinityNet's three taps, all at stride 8, or those of `indices`.

        Returns:
            For width 64, in this order: (B, 512, h, w) the activated input of b5, (B, 1024, h, w) the
            activated input of b6, (B, 4096, h, w) the end of the network.

        Raises:
            ValueError: `intermediates_only` is False; the last tap is all there is besides.
        """
        if not intermediates_only:
            raise ValueError("the last tap of ResNet38d is its features; ask for intermediates_only=True")
        x = self.conv1a(x)
        for block in self._blocks("b2", "b3", "b4"):
            x = block(x)
        first, *others = self._blocks("b5")
        enters_b5 = first.activate(x)
        x = first.add_branches(x, enters_b5)
        for block in others:
            x = block(x)
        enters_b6 = self.b6.activate(x)
        x = self.b7(self.b6.add_branches(x, enters_b6))
        taps = [enters_b5, enters_b6, F.relu(self.bn7(x), inplace=True)]
        return taps if indices is None else [taps[i] for i in indices]

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 4096, h, w) for width 64, not negative."""
        return self.forward_intermediates(x, [-1])[0]

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Pattern of the stem's names: what PSA never trains."""
        return {"stem": r"^conv1a\.|^b2[._]"}


class WideResNet(ConvolutionalBackbone):
    """`ResNet38d` as a backbone: one stride, its own dilations, and weights that come from a file."""

    @classmethod
    def knows(cls, name: str) -> bool:
        """It has one name."""
        return name == NAME

    @classmethod
    def strides(cls, name: str) -> tuple[int, ...]:
        """It has one."""
        return (OUTPUT_STRIDE,)

    @classmethod
    def make_net(cls, name: str, *, output_stride: int, dilate: bool = True) -> nn.Module:
        """The published network. Raises ValueError without dilation."""
        if not dilate:
            raise ValueError("resnet38d is defined with its dilations; set backbone.dilate to true")
        return ResNet38d()

    @classmethod
    def pretrained(cls, name: str) -> dict[str, torch.Tensor]:
        """Raises ValueError: nobody offers them for download."""
        raise ValueError(
            "resnet38d has no weights to download; set backbone.weights to the path of its .params or .pth"
        )
