"""The last three feature maps of a backbone; of a DenseNet those that the literature takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wsss_core.models.backbones import Backbone

POOLED = {"transition2": 8, "transition3": 16}
"""DenseNet's layers whose convolution is a tap, and the stride before their pooling where none was cut."""


class ThreeTaps(nn.Module):
    """Features for a network that reads three of them and nothing else: what they do not need is frozen.

    Of a DenseNet: the outputs of the 1x1 convolutions inside transitions 2 and 3, before their pooling, and of the last
    norm without the ReLU that a classifier would apply (for DenseNet-169 256, 640 and 1664 channels). timm's own taps
    end before the transitions. Zeng et al., ICCV 2019, released code.

    Attributes:
        channels, strides: of each tap, shallow to deep.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        features: Any = getattr(backbone.net, "features", None)
        self.dense = hasattr(features, "denseblock4")
        if self.dense:
            features.norm5.act = nn.Identity()
            widths = [features.get_submodule(name).conv.out_channels for name in POOLED]
            strides = [min(stride, backbone.output_stride) for stride in POOLED.values()]
            self.channels = (*widths, features.norm5.num_features)
            self.strides = (*strides, backbone.output_stride)
        else:
            backbone.freeze_beyond_taps()
            self.channels, self.strides = backbone.taps_channels[-3:], backbone.taps_strides[-3:]

    def forward(self, backbone: Backbone, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) images to three (B, channels[k], ceil(H / strides[k]), ceil(W / strides[k])) maps."""
        if not self.dense:
            count = len(backbone.taps_channels)
            return backbone.forward_taps(images, range(count - 3, count))
        taps, maps = [], images
        for name, layer in backbone.net.features.named_children():
            if name in POOLED:
                taps.append(layer.conv(layer.norm(maps)))  # timm's norm holds the ReLU too
                maps = layer.pool(taps[-1])
            else:
                maps = layer(maps)
        return [*taps, maps]
