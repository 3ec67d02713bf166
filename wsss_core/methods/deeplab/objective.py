"""What DeepLab minimises."""

from __future__ import annotations

from torch import nn

from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.training.loop import Terms


def segmentation(model: nn.Module, batch: dict, progress: float) -> Terms:
    """Label maps, for DeepLab."""
    return Terms({"segmentation": segmentation_loss(model(batch["image"])["seg"], batch["labels"])})
