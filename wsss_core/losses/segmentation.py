"""Cross entropies on label maps with ignored pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from wsss_core.voc import BACKGROUND, IGNORE_INDEX


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy over the labelled pixels, at the labels' resolution.

    Args:
        logits: (B, C+1, h, w) float; upsampled bilinearly to the labels.
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.

    Returns:
        a scalar; 0 (with a graph) when every pixel is ignored, where a plain mean would be NaN.
    """
    logits = _at(logits.float(), labels.shape[-2:])
    total = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (labels != IGNORE_INDEX).sum().clamp(min=1)


def balanced_segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Two mean cross entropies, of the background's pixels and of the objects': the ratio is 1:1 by construction.

    Args:
        logits: (B, C+1, h, w) float; upsampled bilinearly to the labels.
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.

    Returns:
        `background` and `foreground`: each the mean over its own pixels of the whole batch, 0 (with a graph) without
        any.

    Zhang et al., AAAI 2020, released code: background outnumbers objects many times over.
    """
    logits = _at(logits.float(), labels.shape[-2:])
    losses = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")  # (B, H, W)
    background = labels == BACKGROUND
    parts = {"background": background, "foreground": ~background & (labels != IGNORE_INDEX)}
    return {name: (losses * part).sum() / part.sum().clamp(min=1) for name, part in parts.items()}


def _at(logits: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Upsampled bilinearly; the same where they have the size already, which a copy would cost a whole map."""
    if logits.shape[-2:] == size:
        return logits
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
