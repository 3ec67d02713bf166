"""Photographs of one size through a classifier: how likely each class is in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from wsss_core.inference.views import views
from wsss_core.models.tag_classifier import TagClassifier


def tag_probabilities(
    model: TagClassifier, images: Sequence[np.ndarray], *, max_pixels: int, device: torch.device
) -> np.ndarray:
    """(B, C) float32 in [0, 1]: the sigmoid of the spatial mean of the class maps, at scale 1 and without mirrors.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        max_pixels: larger ones are shrunk to this.
        device: where the network computes.
    """
    (view,) = views(images, scales=[1.0], flip=False, max_pixels=max_pixels, device=device)
    logits = model.cams(view).float().mean(dim=(2, 3))
    return torch.sigmoid(logits).cpu().numpy()
