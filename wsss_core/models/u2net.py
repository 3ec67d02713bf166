"""U²-Net (Qin et al., Pattern Recognition 2020): a saliency network, full and small, that any picture size fits.

Modules bear the published names, so that the authors' state dicts load as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

INPUT_SIZE = 320
"""Pixels a side of the pictures that the published weights were trained on."""

FLAT = "4F"
"""The height of a block that keeps its resolution and dilates instead."""


class BlockSize(NamedTuple):
    """The size of one residual U-block: its height (levels, or FLAT) and its channels."""

    height: int | str
    channels: int
    middle: int
    out: int


def _small(height: int | str, channels: int) -> BlockSize:
    return BlockSize(height, channels, 16, 64)


VARIANTS: dict[str, dict[str, BlockSize]] = {
    "u2net": {
        "stage1": BlockSize(7, 3, 32, 64), "stage2": BlockSize(6, 64, 32, 128), "stage3": BlockSize(5, 128, 64, 256),
        "stage4": BlockSize(4, 256, 128, 512), "stage5": BlockSize(FLAT, 512, 256, 512),
        "stage6": BlockSize(FLAT, 512, 256, 512), "stage5d": BlockSize(FLAT, 1024, 256, 512),
        "stage4d": BlockSize(4, 1024, 128, 256), "stage3d": BlockSize(5, 512, 64, 128),
        "stage2d": BlockSize(6, 256, 32, 64), "stage1d": BlockSize(7, 128, 16, 64),
    },
    "u2netp": {
        "stage1": _small(7, 3), "stage2": _small(6, 64), "stage3": _small(5, 64), "stage4": _small(4, 64),
        "stage5": _small(FLAT, 64), "stage6": _small(FLAT, 64), "stage5d": _small(FLAT, 128),
        "stage4d": _small(4, 128), "stage3d": _small(5, 128), "stage2d": _small(6, 128), "stage1d": _small(7, 128),
    },
}  # fmt: skip
"""The blocks of each network in the order of their definition, which is that of the weights in an ONNX file."""

NUM_LEVELS = 6


class Unit(nn.Module):
    """3x3 convolution, batch norm, ReLU; the size stays."""

    def __init__(self, channels: int, out: int, *, dilation: int) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation)
        self.bn_s1: nn.Module = nn.BatchNorm2d(out)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn_s1(self.conv_s1(maps)))

    def fold(self) -> None:
        """Put the batch norm's running statistics into the convolution: equal in evaluation, and quicker."""
        if isinstance(self.bn_s1, nn.BatchNorm2d):
            self.conv_s1 = fuse_conv_bn_eval(self.conv_s1.eval(), self.bn_s1.eval())
            self.bn_s1 = nn.Identity()


class ResidualUBlock(nn.Module):
    """A small U-Net whose result is added to its input's first features: RSU-L, or RSU-4F (sec. 3.1, 3.2)."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        height, channels, middle, out = size
        self.pools = height != FLAT
        dilations = [1] * (int(height) - 1) + [2] if height != FLAT else [1, 2, 4, 8]
        self.levels = len(dilations)
        self.rebnconvin = Unit(channels, out, dilation=1)
        for level, dilation in enumerate(dilations, start=1):
            self.add_module(f"rebnconv{level}", Unit(out if level == 1 else middle, middle, dilation=dilation))
        for level, dilation in reversed(list(enumerate(dilations[:-1], start=1))):
            unit = Unit(2 * middle, out if level == 1 else middle, dilation=dilation)
            self.add_module(f"rebnconv{level}d", unit)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, out, h, w) of (B, channels, h, w): what the U finds, added to what it starts from."""
        start = self.rebnconvin(maps)
        maps, skips = start, []
        for level in range(1, self.levels):
            maps = self.get_submodule(f"rebnconv{level}")(maps)
            skips.append(maps)
            if self.pools and level < self.levels - 1:  # the bottom keeps the size of the level above
                maps = _pooled(maps)
        maps = self.get_submodule(f"rebnconv{self.levels}")(maps)
        for level in range(self.levels - 1, 0, -1):
            skip = skips[level - 1]
            maps = self.get_submodule(f"rebnconv{level}d")(torch.cat([_at_size_of(skip, maps), skip], dim=1))
        return maps + start


class U2Net(nn.Module):
    """A U-Net of residual U-blocks; each of its six levels and their fusion give a map.

    Made with batch norms, as published; `fold` takes them away for inference.
    """

    def __init__(self, variant: str) -> None:
        """
        Args:
            variant: a key of VARIANTS.
        """
        super().__init__()
        blocks = VARIANTS[variant]
        self.variant = variant
        for name, size in blocks.items():
            self.add_module(name, ResidualUBlock(size))
        for level in range(1, NUM_LEVELS + 1):
            name = f"stage{level}d" if level < NUM_LEVELS else f"stage{level}"
            self.add_module(f"side{level}", nn.Conv2d(blocks[name].out, 1, 3, padding=1))
        self.outconv = nn.Conv2d(NUM_LEVELS, 1, 1)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """The fused map.

        Args:
            images: (B, 3, H, W) float, divided by each one's own maximum, then normalised with ImageNet's statistics.

        Returns:
            saliency: (B, 1, H, W) in (0, 1).
        """
        return {"saliency": self.logits(images)[0].sigmoid()}

    def logits(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Seven (B, 1, H, W): the fused map, then those of the levels, finest first, all at the images' size."""
        encoded = [self.get_submodule("stage1")(images)]
        for level in range(2, NUM_LEVELS + 1):
            encoded.append(self.get_submodule(f"stage{level}")(_pooled(encoded[-1])))
        maps, decoded = encoded[-1], [encoded[-1]]
        for level in range(NUM_LEVELS - 1, 0, -1):
            skip = encoded[level - 1]
            maps = self.get_submodule(f"stage{level}d")(torch.cat([_at_size_of(skip, maps), skip], dim=1))
            decoded.insert(0, maps)
        sides = [self.get_submodule(f"side{level}")(maps) for level, maps in enumerate(decoded, start=1)]
        sides = [_at_size_of(sides[0], side) for side in sides]
        return [self.outconv(torch.cat(sides, dim=1)), *sides]

    def fold(self) -> U2Net:
        """The same network without batch norms; returns itself."""
        for module in list(self.modules()):
            if isinstance(module, Unit):
                module.fold()
        return self


def _pooled(maps: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(maps, 2, stride=2, ceil_mode=True)


def _at_size_of(like: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    if maps.shape[-2:] == like.shape[-2:]:
        return maps
    return F.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)
