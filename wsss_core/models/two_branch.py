"""One backbone that classifies and segments: the network of RRM and of AA&LR."""

from __future__ import annotations

import torch
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.heads import LargeFov, scaled_rate
from wsss_core.models.segmenter import Segmenter
from wsss_core.models.tag_classifier import TagClassifier


class TwoBranchNetwork(TagClassifier, Segmenter):
    """The CAM network's classifier beside a segmentation head, on the same features.

    The segmentation head is LargeFOV: two atrous 3x3 convolutions with biases.

    Args:
        backbone: features for both branches.
        num_classes: C, without the background.
        dropout: of whole feature channels, before the classifier only (0.5).
        head_channels: width of the segmentation head (512).
        atrous_rate: of both its convolutions; None gives 12 at stride 8, scaled to the backbone's stride.
        centre_bank: keeps a buffer `centres` (C+1, head_channels), 0 at first, for AA&LR's running class centres.

    Zhang et al., AAAI 2020, released code: `fc8`, `fc8_seg_conv1` and `fc8_seg_conv2`, all with Xavier's weights.
    """

    centres: torch.Tensor

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        dropout: float,
        head_channels: int,
        atrous_rate: int | None,
        centre_bank: bool = False,
    ) -> None:
        super().__init__(backbone, num_classes=num_classes, dropout=dropout)
        rate = atrous_rate or scaled_rate(LargeFov.RATE, stride=backbone.stride)
        self.head = LargeFov(backbone.num_features, num_classes + 1, rate=rate, channels=head_channels)
        for layer in (self.fc8, self.head.hidden, self.head.logits):
            nn.init.xavier_uniform_(layer.weight)
        if centre_bank:
            self.register_buffer("centres", torch.zeros(num_classes + 1, head_channels))

    def forward(self, images: torch.Tensor, *, segment: bool = True) -> dict[str, torch.Tensor]:
        """Classify and segment (B, 3, H, W) normalised images.

        `segment=False` leaves the segmentation branch and its keys out. It is no method of its own, since what wraps a
        network in training (precision, several devices) sees calls of `forward` only.
        """
        features = self.backbone.features(images)                                 # (B, F, h, w)
        outputs = {
            "logits": self.classify(features),  # (B, C)
            "cam": self.class_maps(features),   # (B, C, h, w), no gradient
        }
        if segment:
            outputs["embeddings"] = self.head.embed(features)         # (B, head_channels, h, w)
            outputs["seg"] = self.head.logits(outputs["embeddings"])  # (B, C+1, h, w)
        return outputs
