"""Adaptive affinity: neighbouring predictions attract or repel one another, as far as labels are sure."""

from __future__ import annotations

import torch

from wsss_core.losses.whole_batch import mean
from wsss_core.ops import pairs
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

LEAST_PROBABILITY = 1e-4


def adaptive_affinity_loss(
    probabilities: torch.Tensor,
    labels: torch.Tensor,
    confidence: torch.Tensor,
    *,
    radius: int,
    margin: float,
    split_negative: bool,
) -> dict[str, torch.Tensor]:
    """Equally labelled neighbours should be predicted alike, differently labelled ones apart.

    A pair is a cell i and one of its eight neighbours j at (dy, dx) in {-r, 0, r}^2, in both directions:
        d_ij = sum_c p_j log(p_j / p_i) + (1 - p_j) log((1 - p_j) / (1 - p_i)),    w_ij = max(c_i, c_j)
        attract = mean_{both background} w d + mean_{same object} w d
        repel = mean_{labels differ} max(0, margin w - d)
    Less certain labels attract less, and ask for less separation. The loss is attract + 2 repel.

    Args:
        probabilities: (B, C+1, h, w) float, softmax over labels; every p and 1 - p is clipped to [1e-4, 1].
        labels: (B, h, w) int; pairs with IGNORE_INDEX at either end count nowhere.
        confidence: (B, h, w) float in [0, 1], of the labels; receives no gradient.
        radius: r, in cells (4).
        margin: the divergence asked of a pair of certain labels that differ (3).
        split_negative: average object/background and object/object pairs separately, and add the two.

    Returns:
        `attract` and `repel`: scalars >= 0, float32 at least whatever autocast says; a mean over no pair is 0
        (with a graph).

    Raises:
        ValueError: labels or confidence are not of the predictions' grid, or radius is not positive.

    Zhang et al., ACM MM 2021, released code of the loss; pairs, divergence, margin as Ke et al., ECCV 2018.
    DEVIATION: `split_negative` does what that code sets out to do; its object edges are all edges, which is
    our `False`. Without negative pairs it drops an attraction that lacks either kind; we keep the kind there
    is. The clip lets d fall a little below 0, where we cut it: no confidence, no loss.
    """
    grid = (len(probabilities), *probabilities.shape[-2:])
    if labels.shape != grid or confidence.shape != grid:
        raise ValueError(
            f"labels are {tuple(labels.shape)} and confidence {tuple(confidence.shape)}; resize both to the "
            f"predictions' {grid}"
        )
    if radius < 1:
        raise ValueError(f"radius is {radius}; a cell and its neighbour are at least 1 apart")
    with torch.autocast(probabilities.device.type, enabled=False):
        wide = probabilities if probabilities.dtype == torch.float64 else probabilities.float()
        outcomes = torch.cat([wide, 1 - wide], dim=1).clamp(LEAST_PROBABILITY, 1)  # (B, 2 (C+1), h, w)
        logs, certainty = outcomes.log(), confidence.detach().to(wide)
        attracted, repelled = [], []
        for offset in ((0, radius), (radius, -radius), (radius, 0), (radius, radius)):
            divergence = _divergences(outcomes, logs, offset)
            weight = torch.maximum(*pairs.shifted(certainty, offset))
            equal, different = _kinds(labels, offset, split_negative=split_negative)
            attracted.append(_tally(weight * divergence, equal))
            repelled.append(_tally(torch.relu(margin * weight - divergence), different))
    return {"attract": _sum_of_means(attracted), "repel": _sum_of_means(repelled)}


def _divergences(outcomes: torch.Tensor, logs: torch.Tensor, offset: tuple[int, int]) -> torch.Tensor:
    """(2, B, h', w'): d_ij, of the neighbour j relative to the centre i, and d_ji."""
    centre, neighbour = pairs.shifted(outcomes, offset)
    log_centre, log_neighbour = pairs.shifted(logs, offset)
    ratio = log_neighbour - log_centre
    return torch.relu(torch.stack([(neighbour * ratio).sum(dim=1), -(centre * ratio).sum(dim=1)]))


def _kinds(
    labels: torch.Tensor, offset: tuple[int, int], *, split_negative: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """(2, B, h', w') masks of equal pairs, background and object; (1 or 2, B, h', w') of different ones."""
    a, b = pairs.shifted(labels, offset)
    known = (a != IGNORE_INDEX) & (b != IGNORE_INDEX)
    equal, different = known & (a == b), known & (a != b)
    touches_background = (a == BACKGROUND) | (b == BACKGROUND)
    split = torch.stack([different & touches_background, different & ~touches_background])
    attracting = torch.stack([equal & touches_background, equal & ~touches_background])
    return attracting, split if split_negative else different[None]


def _tally(costs: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """(2, K): by kind of pair, the sum of its (2, B, h', w') costs and their number."""
    sums = (costs.sum(dim=0) * kinds).sum(dim=(1, 2, 3))
    return torch.stack([sums, (len(costs) * kinds.sum(dim=(1, 2, 3))).to(sums)])


def _sum_of_means(tallies: list[torch.Tensor]) -> torch.Tensor:
    sums, counts = torch.stack(tallies).sum(dim=0)
    return mean(sums, counts).sum()
