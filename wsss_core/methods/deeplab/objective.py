"""What DeepLab minimises."""

from __future__ import annotations

from torch import nn

from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.ops.network_cells import network_stride
from wsss_core.training.loop import Terms


def segmentation(model: nn.Module, batch: dict, progress: float) -> Terms:
    """Label maps, for DeepLab."""
    logits = model(batch["image"])["seg"]
    return Terms({"segmentation": segmentation_loss(logits, batch["labels"], stride=network_stride(model))})
