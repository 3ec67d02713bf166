"""The classifier whose weights are its class activation maps."""

from __future__ import annotations

import torch
from torch import nn

from wsss_core.models.backbones import Backbone


class CamNetwork(nn.Module):
    """Multi-label classifier: features, dropout, global average, 1x1 convolution without bias.

    Without a bias the logits are exactly the spatial mean of the class maps (Zhou et al., CVPR 2016).
    """

    def __init__(self, backbone: Backbone, *, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout2d(dropout)
        self.fc8 = nn.Conv2d(backbone.num_features, num_classes, 1, bias=False)
        nn.init.xavier_uniform_(self.fc8.weight)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Classify (B, 3, H, W) normalised images."""
        features = self.dropout(self.backbone.forward_features(images))                   # (B, F, h, w)
        pooled = features.mean(dim=(2, 3), keepdim=True)
        return {"logits": self.fc8(pooled).flatten(1)}                                    # (B, C)

    def cams(self, images: torch.Tensor) -> torch.Tensor:
        """Class maps before ReLU and normalisation: (B, C, h, w); their spatial mean is `logits` in eval mode."""
        return self.fc8(self.backbone.forward_features(images))
