"""DenseNets of timm, with the taps that the literature takes besides timm's own."""

from __future__ import annotations

import torch
from timm.models import is_model_in_modules
from torch import nn

from wsss_core.models.backbones.timm_cnn import TimmCnn

POOLED = {"transition2": 8, "transition3": 16}
"""Layers whose convolution is a tap, and the stride before their pooling where none was cut."""


class DenseNet(TimmCnn):
    """timm's taps end before the transitions, unless `tap_before_pooling` was called."""

    before_pooling = False

    @classmethod
    def knows(cls, name: str) -> bool:
        """Whether it is one of timm's DenseNets."""
        return super().knows(name) and is_model_in_modules(name, ("densenet",))

    def tap_before_pooling(self) -> None:
        """Tap the 1x1 convolutions inside transitions 2 and 3 before their pooling, and the last norm.

        That norm gives up the ReLU that a classifier would apply, for good. Of DenseNet-169 the taps have 256, 640 and
        1664 channels. Zeng et al., ICCV 2019, released code.
        """
        features = self.net.features
        features.norm5.act = nn.Identity()
        widths = [features.get_submodule(name).conv.out_channels for name in POOLED]
        self.taps_channels = (*widths, features.norm5.num_features)
        self.taps_strides = (*(min(stride, self.stride) for stride in POOLED.values()), self.stride)
        self.before_pooling, self._beyond_taps = True, []

    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        if not self.before_pooling:
            return super()._taps(images, indices)
        taps, maps = [], images
        for name, layer in self.net.features.named_children():
            if name in POOLED:
                taps.append(layer.conv(layer.norm(maps)))  # timm's norm holds the ReLU too
                maps = layer.pool(taps[-1])
            else:
                maps = layer(maps)
        taps.append(maps)
        return taps if indices is None else [taps[i] for i in indices]
