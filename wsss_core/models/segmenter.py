"""What all networks that segment have in common, so that whoever uses one need not know which it is."""

from __future__ import annotations

from torch import nn


class Segmenter(nn.Module):
    """A network that is called with (B, 3, H, W) normalised images and gives a dict.

    Its `seg` is (B, C+1, h, w) logits, the background first, in cells of its `stride` pixels. Where `finds_saliency` is
    true, its `saliency` is (B, 1, h, w) in [0, 1].
    """

    finds_saliency = False
