"""Label reassignment: what a labelled point's embedding says of its label, lest wrong ones be memorised.

Zhang et al., ACM MM 2021. No code or equation of it was at hand: reconstructed from the abstract, which says
that the embeddings of labelled points are reassigned. DEVIATION, perhaps: the image's nearest class centre,
temperature, threshold and variants are our reading of that.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F

from wsss_core.losses.class_centres import class_centres, unit_vectors
from wsss_core.losses.segmentation import balanced_segmentation_loss
from wsss_core.losses.whole_batch import mean
from wsss_core.voc import IGNORE_INDEX

Variant = Literal["hard", "soft", "embed", "corrected_only"]


def label_reassign_loss(
    logits: torch.Tensor,
    embeddings: torch.Tensor,
    labels: torch.Tensor,
    confidence: torch.Tensor,
    *,
    variant: Variant,
    temperature: float,
    threshold: float,
    least_points: int,
    foreground_weight: float = 1.0,
    centres: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Learn the nearest class centre's label besides the given one; where they differ, neither is memorised.

    Args:
        logits: (B, C+1, h, w) float.
        embeddings: (B, D, h, w) float, the features that the logits are made of.
        labels: (B, h, w) int64, 0..C or IGNORE_INDEX.
        confidence: (B, h, w) float in [0, 1], the points' weights in the centres.
        variant: with q and the new labels of `reassigned_labels`, neither of which passes a gradient,
            `hard`: the balanced cross entropy of the logits with the new labels;
            `corrected_only`: the same, of points whose label changed;
            `soft`: the mean of KL(q || softmax(logits)) over labelled points of images with a centre;
            `embed`: the mean of -log q(new label) over reassigned points. Here q passes its gradient to the
            embeddings, none to the centres; the logits get none.
        temperature: of q (0.1).
        threshold: the least q of a new label (0.6).
        least_points: of a label's centre (8).
        foreground_weight: of the objects' part of the balanced cross entropy (1).
        centres: those of another source, as `class_centres` gives them; None: those of the images themselves.

    Returns:
        a scalar, 0 (with a graph) where there is no point to take the mean over; (B, h, w) int64 new labels.

    Raises:
        ValueError: variant is none of the four, or the inputs are not all of one grid.
    """
    if variant not in get_args(Variant):
        raise ValueError(f"variant must be one of {', '.join(get_args(Variant))}, not {variant!r}")
    if logits.shape[-2:] != labels.shape[-2:]:
        sizes = f"labels are {tuple(labels.shape[-2:])}, logits {tuple(logits.shape[-2:])}"
        raise ValueError(f"{sizes}; resize the labels to the logits")
    if centres is None:
        centres = class_centres(
            embeddings, labels, confidence, num_labels=logits.shape[1], least_points=least_points
        )
    new, q = reassigned_labels(embeddings, labels, *centres, temperature=temperature, threshold=threshold)
    if variant == "soft":
        return _divergence(logits, labels, q), new
    if variant == "embed":
        return _attraction(embeddings, new, *centres, temperature=temperature), new
    targets = new if variant == "hard" else new.masked_fill(new == labels, IGNORE_INDEX)
    balanced = balanced_segmentation_loss(logits, targets)
    return balanced["background"] + foreground_weight * balanced["foreground"], new


@torch.no_grad()
def reassigned_labels(
    embeddings: torch.Tensor,
    labels: torch.Tensor,
    centres: torch.Tensor,
    valid: torch.Tensor,
    *,
    temperature: float,
    threshold: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each labelled point's nearest class centre of its image, and how near: q = softmax_k(e mu_k / T).

    Args:
        embeddings: (B, D, h, w) float; e is their direction.
        labels: (B, h, w) int; points of IGNORE_INDEX stay so.
        centres: (B, L, D) unit vectors.
        valid: (B, L) bool, the centres there are.
        temperature: T, > 0.
        threshold: points without a q of at least this get IGNORE_INDEX; of equals, the lowest label wins.

    Returns:
        (B, h, w) int64 labels; (B, L, h, w) float q, 0 for labels without a centre. Neither has a graph.

    Raises:
        ValueError: labels are not of the embeddings' grid.
    """
    if labels.shape != (len(embeddings), *embeddings.shape[-2:]):
        shapes = f"labels are {tuple(labels.shape)}, embeddings {tuple(embeddings.shape)}"
        raise ValueError(f"{shapes}; resize the labels to the embeddings")
    q = _log_q(embeddings, centres, valid, temperature=temperature).exp() * valid[..., None, None]
    best, nearest = q.max(dim=1)
    assigned = (labels != IGNORE_INDEX) & (best >= threshold) & valid.any(dim=1)[:, None, None]
    return torch.where(assigned, nearest, IGNORE_INDEX), q


def share_reassigned(labels: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """The share, in [0, 1], of the points labelled before and after whose label changed; 0 without any.

    Healthy at 0.02 to 0.15; beyond 0.4 the embeddings have collapsed.
    """
    both = (labels != IGNORE_INDEX) & (new != IGNORE_INDEX)
    return mean((both & (labels != new)).sum(), both.sum())


def _log_q(
    embeddings: torch.Tensor, centres: torch.Tensor, valid: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """(B, L, h, w), without meaning for labels or images that have no centre; finite even there."""
    with torch.autocast(embeddings.device.type, enabled=False):
        points = unit_vectors(embeddings)
        similarities = torch.einsum("bld,bdhw->blhw", centres.to(points), points) / temperature
        absent = ~valid[..., None, None]
        return similarities.masked_fill(absent, torch.finfo(points.dtype).min).log_softmax(dim=1)


def _divergence(logits: torch.Tensor, labels: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Mean KL(q || softmax(logits)) over the points that have a label, and a q."""
    points = (labels != IGNORE_INDEX) & q.any(dim=1)
    divergences = F.kl_div(logits.float().log_softmax(dim=1), q.float(), reduction="none").sum(dim=1)
    return mean((divergences * points).sum(), points.sum())


def _attraction(
    embeddings: torch.Tensor,
    new: torch.Tensor,
    centres: torch.Tensor,
    valid: torch.Tensor,
    *,
    temperature: float,
) -> torch.Tensor:
    """Mean -log q(new label) over the reassigned points, with a gradient to their embeddings."""
    log_q = _log_q(embeddings, centres.detach(), valid, temperature=temperature)
    total = F.nll_loss(log_q, new, ignore_index=IGNORE_INDEX, reduction="sum")
    return mean(total, (new != IGNORE_INDEX).sum())
