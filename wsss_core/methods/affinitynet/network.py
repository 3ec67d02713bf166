"""AffinityNet: features whose distance says whether two neighbouring pixels share a class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.ops.network_cells import at_pixels

INITIAL_GAIN = 4.0
"""Spreads the first distances, so that affinities do not all start near 1 (released code)."""


class AffinityNet(nn.Module):
    """Three taps of a backbone, reduced, concatenated and mixed into one feature per cell.

    Ahn & Kwak, CVPR 2018, sec. 3.2, with the widths of the released code (64, 128, 256; the paper doubles them)
    and its names. `taps` are three indices into the backbone's taps, negative ones from the end. `num_classes` is what
    every network is built with; affinities know no classes.
    DEVIATION: taps of coarser stride are upsampled bilinearly to the finest of the three, so that any backbone
    serves; in ResNet38d all are stride 8 and nothing is resized.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        taps: Sequence[int],
        widths: Sequence[int],
        freeze_backbone: bool,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        backbone.freeze_beyond_taps()
        self.backbone = backbone.requires_grad_(False) if freeze_backbone else backbone
        self.taps = _ascending(taps, len(backbone.taps_channels), backbone.name)
        shallow, middle, deep = (backbone.taps_channels[tap] for tap in self.taps)
        self.f8_3 = nn.Conv2d(shallow, widths[0], 1, bias=False)
        self.f8_4 = nn.Conv2d(middle, widths[1], 1, bias=False)
        self.f8_5 = nn.Conv2d(deep, widths[2], 1, bias=False)
        self.f9 = nn.Conv2d(sum(widths), sum(widths), 1, bias=False)
        for reduction in (self.f8_3, self.f8_4, self.f8_5):
            nn.init.kaiming_normal_(reduction.weight)
        nn.init.xavier_uniform_(self.f9.weight, gain=INITIAL_GAIN)

    @property
    def stride(self) -> int:
        """Pixels to a cell of the features."""
        return self.backbone.taps_strides[self.taps[0]]

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Features of (B, 3, H, W) normalised images."""
        taps = self.backbone.taps(images, self.taps)
        reductions = (self.f8_3, self.f8_4, self.f8_5)
        reduced = [F.elu(reduce(tap)) for reduce, tap in zip(reductions, taps, strict=True)]
        size, strides = reduced[0].shape[-2:], [self.backbone.taps_strides[tap] // self.stride for tap in self.taps]
        aligned = [at_pixels(maps, size, stride=stride) for maps, stride in zip(reduced, strides, strict=True)]
        return {"affinity_features": F.elu(self.f9(torch.cat(aligned, dim=1)))}  # (B, sum widths, h, w)


def _ascending(taps: Sequence[int], count: int, name: str) -> list[int]:
    """The taps counted from 0. Raises ValueError unless they are three, ascending, and exist."""
    indices = [tap % count for tap in taps if -count <= tap < count]
    if len(indices) != 3 or indices != sorted(set(indices)):
        raise ValueError(f"taps {list(taps)} must be three ascending indices into the {count} taps of {name}")
    return indices


NETWORK = AffinityNet
