"""DeepLab: a dilated backbone and an atrous head."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.heads import build_head
from wsss_core.models.segmenter import Segmenter


class DeepLab(Segmenter):
    """Segmentation logits from the deepest tap of a backbone.

    Args:
        backbone: pretrained part; what its taps do not need is frozen (`Backbone.freeze_beyond_taps`).
        num_classes: C, without the background.
        head: `largefov`, `aspp_v2` or `deeplabv3`; new, so that optimisers train it faster.
        atrous_rates: of the head; None gives the paper's, scaled to the backbone's stride.

    Raises:
        ValueError: see `build_head`.
    """

    def __init__(
        self, backbone: Backbone, *, num_classes: int, head: str, atrous_rates: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        backbone.freeze_beyond_taps()
        self.backbone = backbone
        self.head = build_head(
            head,
            in_channels=backbone.taps_channels[-1],
            num_outputs=num_classes + 1,
            stride=backbone.stride,
            atrous_rates=atrous_rates,
        )

    @property
    def stride(self) -> int:
        """Pixels to a cell of the logits."""
        return self.backbone.stride

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Segment (B, 3, H, W) normalised images."""
        (features,) = self.backbone.taps(images, [len(self.backbone.taps_channels) - 1])
        return {"seg": self.head(features)}  # (B, C+1, h, w)


NETWORK = DeepLab
