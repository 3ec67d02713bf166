"""Class centres in embedding space: of each image, and as a running mean over images."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from wsss_core.runtime import ranks
from wsss_core.voc import BACKGROUND


@torch.no_grad()
def class_centres(
    embeddings: torch.Tensor,
    labels: torch.Tensor,
    confidence: torch.Tensor,
    *,
    num_labels: int,
    least_points: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean direction of each label's points, by image: mu_k = normalise(sum_{y_i = k} c_i e_i / |e_i|).

    Args:
        embeddings: (B, D, h, w) float.
        labels: (B, h, w) int, 0..C or IGNORE_INDEX.
        confidence: (B, h, w) float in [0, 1]; the weight of each point.
        num_labels: L = C + 1, with background.
        least_points: labels with fewer points in an image have no centre there (8).

    Returns:
        (B, L, D) unit vectors, 0 where there is none, float32 at least, without a graph; (B, L) bool, those
        there are.

    Raises:
        ValueError: labels or confidence are not of the embeddings' grid.

    Reconstructed from the abstract of Zhang et al., ACM MM 2021 (no code of it was released).
    """
    grid = (len(embeddings), *embeddings.shape[-2:])
    if labels.shape != grid or confidence.shape != grid:
        raise ValueError(
            f"labels are {tuple(labels.shape)} and confidence {tuple(confidence.shape)}; resize both to the "
            f"embeddings' {grid}"
        )
    with torch.autocast(embeddings.device.type, enabled=False):
        points = unit_vectors(embeddings).flatten(2)                                # (B, D, h w)
        members = labels.flatten(1)[:, None] == torch.arange(num_labels, device=labels.device)[:, None]
        weights = members * confidence.to(points).flatten(1)[:, None]               # (B, L, h w)
        sums = weights @ points.transpose(1, 2)
    valid = (members.sum(dim=2) >= least_points) & sums.any(dim=2)
    return F.normalize(sums, dim=2) * valid[..., None], valid


@torch.no_grad()
def updated_bank(
    bank: torch.Tensor, centres: torch.Tensor, valid: torch.Tensor, *, momentum: float
) -> torch.Tensor:
    """The bank after a batch: each object class moves towards the mean of the images' centres, in all processes alike.

    Args:
        bank: (L, D) unit vectors, 0 for classes never seen; row 0 stays as it is: each image has its own.
        centres: (B, L, D), from `class_centres`.
        valid: (B, L) bool.
        momentum: share of the old row that is kept (0.99); a class's first mean is taken whole.

    Returns:
        (L, D), a new tensor; rows without a centre in the batch are kept.
    """
    counts = ranks.summed(valid.sum(dim=0))                                         # (L,)
    means = ranks.summed(centres.sum(dim=0)) / counts.clamp(min=1)[:, None]
    seen = bank.any(dim=1, keepdim=True)
    blended = F.normalize(torch.where(seen, momentum * bank + (1 - momentum) * means, means), dim=1)
    moves = counts > 0
    moves[BACKGROUND] = False
    return torch.where(moves[:, None], blended, bank)


def with_bank(
    centres: torch.Tensor, valid: torch.Tensor, bank: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The centres of an image's objects exchanged for the bank's; the background's, and those unseen, stay.

    Args:
        centres: (B, L, D), from `class_centres`.
        valid: (B, L) bool; labels without a centre get none, so that an image keeps to its own classes.
        bank: (L, D) unit vectors, 0 for classes never seen.

    Returns:
        (B, L, D) centres, and `valid` as it was.
    """
    banked = bank.any(dim=1)
    banked[BACKGROUND] = False
    return torch.where((valid & banked)[..., None], bank, centres), valid


def unit_vectors(embeddings: torch.Tensor) -> torch.Tensor:
    """(B, D, h, w) embeddings of length 1, or 0 where they vanish, in float32 at least."""
    return F.normalize(embeddings if embeddings.dtype == torch.float64 else embeddings.float(), dim=1)
