"""How alike each two cells of an image are for a task, and for two tasks together: AuxSegNet's pairwise maps."""

from __future__ import annotations

import torch
from torch import nn


class PixelAffinity(nn.Module):
    """A task's own map of pairs, and features enhanced by it: an embedded-Gaussian non-local block.

    Wang et al., CVPR 2018, as released with AuxSegNet: logits without a scale, all four 1x1 convolutions with biases,
    the last one not initialised to zero.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of (B, C, h, w) features: enhanced ones of that shape, and (B, n, n) float32 affinities, n = h w.

        Row i says how much each cell contributes to cell i; rows sum to 1.
        """
        with torch.autocast(features.device.type, enabled=False):  # unscaled products of many channels leave fp16
            wide = features.float()
            query, key = self.query(wide).flatten(2), self.key(wide).flatten(2)                # (B, C, n)
            affinity = torch.bmm(query.transpose(1, 2), key).softmax(dim=-1)
        return features + self.out(refined(affinity, self.value(features))), affinity


class CrossTaskAffinity(nn.Module):
    """One map of pairs from two tasks' maps: each pair chooses which task it trusts.

    Args:
        renormalise: make the rows sum to 1 again. False is the released code: where the gate takes the larger entry
            of every pair, rows sum to up to 2 and sharpen what they refined.

    Xu et al., ICCV 2021, sec. 3.3: w = softmax over tasks of conv1x1(ReLU(conv3x3([A_seg; A_sal]))).
    """

    def __init__(self, *, renormalise: bool) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 1)
        )
        self.renormalise = renormalise

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """(B, n, n) of two (B, n, n) float32."""
        both = torch.stack([first, second], dim=1)                                             # (B, 2, n, n)
        with torch.autocast(both.device.type, enabled=False):
            mixed = (self.gate(both).softmax(dim=1) * both).sum(dim=1)
        return mixed / mixed.sum(dim=-1, keepdim=True) if self.renormalise else mixed


def refined(affinity: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Each cell's sum over all cells, weighted by its row: (B, n, n) and (B, C, h, w) -> (B, C, h, w) float.

    Made in the affinities' type whatever autocast says: in half the bits a small weight of many cells is lost.
    """
    with torch.autocast(maps.device.type, enabled=False):
        moved = torch.bmm(maps.flatten(2).to(affinity.dtype), affinity.transpose(1, 2))        # (B, C, n)
    return moved.view_as(maps).to(maps.dtype)
