"""ResNet38d as a backbone: one stride, its own dilations, and weights that come from a file."""

from __future__ import annotations

import torch
from torch import nn

from wsss_core.models import resnet38d
from wsss_core.models.backbones.convolutional import ConvolutionalBackbone

NAME = "resnet38d"


class WideResNet(ConvolutionalBackbone):
    """`models.resnet38d`, which speaks timm's protocol."""

    @classmethod
    def knows(cls, name: str) -> bool:
        """It has one name."""
        return name == NAME

    @classmethod
    def strides(cls, name: str) -> tuple[int, ...]:
        """It has one."""
        return (resnet38d.OUTPUT_STRIDE,)

    @classmethod
    def make_net(cls, name: str, *, output_stride: int, dilate: bool = True) -> nn.Module:
        """The published network. Raises ValueError without dilation."""
        if not dilate:
            raise ValueError("resnet38d is defined with its dilations; set backbone.dilate to true")
        return resnet38d.ResNet38d()

    @classmethod
    def pretrained(cls, name: str) -> dict[str, torch.Tensor]:
        """Raises ValueError: nobody offers them for download."""
        raise ValueError(
            "resnet38d has no weights to download; set backbone.weights to the path of its .params or .pth"
        )
