"""What the classifier minimises."""

from __future__ import annotations

from torch import nn

from wsss_core.losses.classification import tag_loss
from wsss_core.training.loop import Terms


def classification(model: nn.Module, batch: dict, progress: float) -> Terms:
    """Image tags, for the CAM network."""
    return Terms({"tags": tag_loss(model(batch["image"])["logits"], batch["tags"])})
