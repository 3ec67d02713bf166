"""A backbone and a classifier of tags whose weights are class maps: what all networks that make CAMs have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.models.backbones.protocol import Backbone


class TagClassifier(nn.Module):
    """Features, dropout, global average, 1x1 convolution without bias (`fc8`); subclasses choose its first weights.

    The parts bear the same names in every network, so that a trained CAM network's fit into all.

    Args:
        backbone: makes the features.
        num_classes: C, without the background.
        dropout: of whole feature channels, before the classifier only.
    """

    def __init__(self, backbone: Backbone, *, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout2d(dropout)
        self.fc8 = nn.Conv2d(backbone.num_features, num_classes, 1, bias=False)

    @property
    def stride(self) -> int:
        """Pixels to a cell of all its maps."""
        return self.backbone.stride

    @property
    def centre(self) -> float:
        """The pixel that the first cell of the class maps lies around."""
        return self.backbone.centre

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) features to (B, C) logits."""
        return self.fc8(self.dropout(features).mean(dim=(2, 3), keepdim=True)).flatten(1)

    def cams(self, images: torch.Tensor) -> torch.Tensor:
        """Class maps before ReLU and normalisation: (B, C, h, w); their spatial mean is `logits` in eval mode."""
        return self.fc8(self.backbone.features(images))

    def class_maps(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) features, without dropout, to (B, C, h, w) >= 0 without a gradient: CAMs for use in training."""
        return F.relu(F.conv2d(features.detach(), self.fc8.weight.detach()))


class CamNetwork(TagClassifier):
    """The classifier alone: its weights are its class activation maps.

    Without a bias the logits are exactly the spatial mean of the class maps (Zhou et al., CVPR 2016).
    """

    def __init__(self, backbone: Backbone, *, num_classes: int, dropout: float) -> None:
        super().__init__(backbone, num_classes=num_classes, dropout=dropout)
        nn.init.xavier_uniform_(self.fc8.weight)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Classify (B, 3, H, W) normalised images."""
        return {"logits": self.classify(self.backbone.features(images))}  # (B, C)
