"""Class masks from image tags, and a saliency map made of them: the two networks of SSNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from wsss_core.methods.ssnet.aggregation import SaliencyAggregation, aggregated, initialise
from wsss_core.methods.ssnet.upsampling import Upsampling
from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.heads import AsppV2, scaled_rate
from wsss_core.models.segmenter import Segmenter

RATES = (6, 12, 18, 24)
"""The atrous rates of the second step's head, at stride 8."""


class SSNet(Segmenter):
    """Segmentation at full resolution, and the sum of its salient classes as a saliency map.

    Args:
        backbone: its last three taps, before pooling; what they do not need is frozen.
        num_classes: C, without the background.
        step: 1: `FcnHead` on three taps; 2: `AtrousHead` on the deepest, with a classifier of tags.
        aggregation_grid: see `SaliencyAggregation`; 0 leaves it out, and the saliency map is 1 - H_0 (an ablation).
        atrous_rates: of step 2; None gives the paper's, scaled to the backbone's stride.

    Zeng et al., ICCV 2019, as released.
    """

    finds_saliency = True
    stride = 1
    """The stride of `seg` and `saliency`."""

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        step: int,
        aggregation_grid: int,
        atrous_rates: Sequence[int] | None,
    ) -> None:
        super().__init__()
        backbone.tap_before_pooling()
        backbone.freeze_beyond_taps()
        self.backbone, num_labels = backbone, num_classes + 1
        channels, strides = backbone.taps_channels[-3:], backbone.taps_strides[-3:]
        if step == 1:
            self.head: nn.Module = FcnHead(channels, num_labels, strides=strides)
        else:
            rates = atrous_rates or [scaled_rate(rate, stride=backbone.stride) for rate in RATES]
            self.head = AtrousHead(channels[-1], num_labels, rates=rates, stride=strides[-1])
        self.aggregation = (
            SaliencyAggregation(channels[-1], num_labels, grid=aggregation_grid) if aggregation_grid else None
        )

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Segment (B, 3, H, W) normalised images and find what is salient in them."""
        taps = self.backbone.taps(images, (-3, -2, -1))
        logits, further = self.head(taps, images.shape[-2:])
        masks = logits.float().softmax(dim=1)
        weights = torch.ones_like(masks[:, :, :1, :1]) if self.aggregation is None else self.aggregation(taps[-1])
        return {
            "seg": logits,  # (B, C+1, H, W)
            "saliency": aggregated(weights, masks),  # (B, 1, H, W) in [0, 1]
            "background": masks[:, :1],  # (B, 1, H, W) in [0, 1], H_0
            "weights": weights,  # (B, C+1, 1, 1) in (0, 1), v; 1 without aggregation
            **further,  # of the head
        }


class FcnHead(nn.Module):
    """1x1 classifiers on three taps, summed from coarse to fine with trained upsampling (FCN-8s).

    Args:
        channels, strides: of the taps, shallow to deep.
        num_labels: C+1.
    """

    def __init__(self, channels: Sequence[int], num_labels: int, *, strides: Sequence[int]) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(_classifier(width, num_labels) for width in channels)
        factors = [strides[1] // strides[0], strides[2] // strides[1]]
        self.upsamplings = nn.ModuleList(_upsampling(num_labels, factor) for factor in factors)
        self.full = _upsampling(num_labels, strides[0])

    def forward(self, taps: Sequence[torch.Tensor], size: torch.Size) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """(B, C+1, H, W) logits of a `size` and, under `coarse`, (B, C+1, h, w) those of the deepest tap alone."""
        fine, middle, coarse = (layer(tap) for layer, tap in zip(self.classifiers, taps, strict=True))
        to_fine, to_middle = self.upsamplings
        logits = middle + _cut(to_middle(coarse), middle.shape[-2:])
        logits = fine + _cut(to_fine(logits), fine.shape[-2:])
        return _cut(self.full(logits), size), {"coarse": coarse}


class AtrousHead(nn.Module):
    """Parallel atrous convolutions, summed and upsampled, and a classifier of tags on the averaged features.

    Args:
        in_channels: F, of the deepest tap.
        num_labels: C+1.
        rates: of the convolutions.
        stride: of the tap.
    """

    def __init__(self, in_channels: int, num_labels: int, *, rates: Sequence[int], stride: int) -> None:
        super().__init__()
        self.aspp = AsppV2(in_channels, num_labels, rates=rates)
        self.full = _upsampling(num_labels, stride)
        self.tags = nn.Linear(in_channels, num_labels - 1)
        for layer in (*self.aspp.branches, self.tags):
            initialise(layer)

    def forward(self, taps: Sequence[torch.Tensor], size: torch.Size) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """(B, C+1, H, W) logits of a `size` and, under `logits`, (B, C) those of the tags."""
        logits = _cut(self.full(self.aspp(taps[-1])), size)
        return logits, {"logits": self.tags(taps[-1].mean(dim=(2, 3)))}


def _classifier(in_channels: int, num_labels: int) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, num_labels, 1)
    initialise(layer)
    return layer


def _upsampling(channels: int, factor: int) -> nn.Module:
    return Upsampling(channels, factor=factor) if factor > 1 else nn.Identity()


def _cut(maps: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Without what sticks out at the bottom and the right, where a side does not divide by the stride."""
    return maps[..., : size[0], : size[1]]


NETWORK = SSNet
