"""The classifier whose weights are its class activation maps."""

from __future__ import annotations

import torch
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.tag_classifier import TagClassifier


class CamNetwork(TagClassifier):
    """Multi-label classifier.

    Without a bias the logits are exactly the spatial mean of the class maps (Zhou et al., CVPR 2016).
    """

    def __init__(self, backbone: Backbone, *, num_classes: int, dropout: float) -> None:
        super().__init__(backbone, num_classes=num_classes, dropout=dropout)
        nn.init.xavier_uniform_(self.fc8.weight)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Classify (B, 3, H, W) normalised images."""
        return {"logits": self.classify(self.backbone.features(images))}  # (B, C)
