"""The loss of image tags."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def tag_loss(logits: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """Multi-label soft margin: binary cross entropy with logits, mean over classes and images.

    Args:
        logits: (B, C) float.
        tags: (B, C) float, 0 or 1.

    PSA and IRN, released code. The mean over classes makes gradients C times smaller than a sum would: part
    of why their learning rate of 0.1 is stable.
    """
    return F.binary_cross_entropy_with_logits(logits.float(), tags)
