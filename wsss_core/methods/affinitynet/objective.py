"""What AffinityNet minimises."""

from __future__ import annotations

import torch
from torch import nn

from wsss_core.losses.affinity import affinity_loss
from wsss_core.ops.grids import grid_size
from wsss_core.ops.network_cells import network_stride
from wsss_core.training.loop import Terms


def affinity(model: nn.Module, batch: dict, progress: float, *, radius: int) -> Terms:
    """Pairs of confident labels, for AffinityNet; `labels` are pooled to its grid."""
    features = model(batch["image"])["affinity_features"]
    labels = pool_majority(batch["labels"], stride=network_stride(model))
    return Terms(affinity_loss(features, labels, radius=radius))


def pool_majority(labels: torch.Tensor, *, stride: int) -> torch.Tensor:
    """The most frequent label of each cell: (B, H, W) int64 -> (B, h, w), ties to the lower label.

    Cells that stick out at the bottom and the right count their pixels inside the image.
    DEVIATION from PSA, which pools soft posteriors and takes their argmax: label maps are 40 GB smaller on VOC.
    """
    batch, height, width = labels.shape
    size = grid_size((height, width), stride=stride)
    padded = torch.full((batch, size[0] * stride, size[1] * stride), -1, dtype=labels.dtype, device=labels.device)
    padded[:, :height, :width] = labels
    cells = padded.view(batch, size[0], stride, size[1], stride).permute(0, 1, 3, 2, 4).flatten(3)
    values = torch.unique(labels)
    votes = torch.stack([(cells == value).sum(dim=3) for value in values])
    return values[votes.argmax(dim=0)]
