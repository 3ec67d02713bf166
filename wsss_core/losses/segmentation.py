"""Cross entropy on label maps with ignored pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from wsss_core.voc import IGNORE_INDEX


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy over the labelled pixels, at the labels' resolution.

    Args:
        logits: (B, C+1, h, w) float; upsampled bilinearly to the labels.
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.

    Returns:
        a scalar; 0 (with a graph) when every pixel is ignored, where a plain mean would be NaN.
    """
    logits = F.interpolate(logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    total = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (labels != IGNORE_INDEX).sum().clamp(min=1)
