"""Cross entropies on label maps with ignored pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from wsss_core.losses.whole_batch import mean
from wsss_core.ops.network_cells import at_pixels
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor, *, stride: int = 1) -> torch.Tensor:
    """Mean cross entropy over the labelled pixels, at the labels' resolution.

    Args:
        logits: (B, C+1, h, w) float; read at the labels' pixels (`network_cells.at_pixels`).
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.
        stride: pixels to a cell of the logits.

    Returns:
        a scalar; 0 (with a graph) when every pixel is ignored, where a plain mean would be NaN.
    """
    logits = at_pixels(logits.float(), labels.shape[-2:], stride=stride)
    total = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="sum")
    return mean(total, (labels != IGNORE_INDEX).sum())


def balanced_segmentation_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, stride: int = 1
) -> dict[str, torch.Tensor]:
    """Two mean cross entropies, of the background's pixels and of the objects': the ratio is 1:1 by construction.

    Args:
        logits: (B, C+1, h, w) float; read at the labels' pixels (`network_cells.at_pixels`).
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.
        stride: pixels to a cell of the logits.

    Returns:
        `background` and `foreground`: each the mean over its own pixels of the whole batch, 0 (with a graph) without
        any.

    Zhang et al., AAAI 2020, released code: background outnumbers objects many times over.
    """
    logits = at_pixels(logits.float(), labels.shape[-2:], stride=stride)
    losses = F.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")  # (B, H, W)
    background = labels == BACKGROUND
    parts = {"background": background, "foreground": ~background & (labels != IGNORE_INDEX)}
    totals = torch.stack([(losses * part).sum() for part in parts.values()])
    counts = torch.stack([part.sum() for part in parts.values()])
    return dict(zip(parts, mean(totals, counts), strict=True))


def bootstrapped_loss(
    logits: torch.Tensor, labels: torch.Tensor, tags: torch.Tensor, *, share: float, stride: int = 1
) -> torch.Tensor:
    """Cross entropy on labels of which a share gives way to what the network itself thinks, among the image's tags.

    Args:
        logits: (B, C+1, h, w) float; read at the labels' pixels (`network_cells.at_pixels`).
        labels: (B, H, W) int64, 0..C or IGNORE_INDEX.
        tags: (B, C) float, 0 or 1.
        share: of the network's own labels, in [0, 1] (SSNet: 0.1); they need no gradient.
        stride: pixels to a cell of the logits.

    Returns:
        a scalar: (1 - share) CE(Z, P) + share CE(Z, argmax of Z among background and tags), over labelled pixels.

    Reed et al., ICLR 2015, "hard"; Zeng et al., ICCV 2019, released code. DEVIATION: absent classes cannot win; there,
    logits are multiplied by the tags, and the 0 of an absent class beats a negative logit of a present one.
    """
    logits = at_pixels(logits.float(), labels.shape[-2:], stride=stride)
    absent = F.pad(tags, (1, 0), value=1.0)[:, :, None, None] == 0                             # (B, C+1, 1, 1)
    own = logits.detach().masked_fill(absent, -torch.inf).argmax(dim=1)
    own = own.masked_fill(labels == IGNORE_INDEX, IGNORE_INDEX)
    return (1 - share) * segmentation_loss(logits, labels) + share * segmentation_loss(logits, own)
