"""The pair loss of AffinityNet."""

from __future__ import annotations

import torch

from wsss_core.ops import pairs
from wsss_core.runtime import ranks
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

EPSILON = 1e-5


def affinity_loss(features: torch.Tensor, labels: torch.Tensor, *, radius: int) -> dict[str, torch.Tensor]:
    """Pull features of equally labelled neighbours together, push those of different labels apart.

    Args:
        features: (B, D, h, w) float.
        labels: (B, h, w) int; pairs with IGNORE_INDEX at either end count nowhere.
        radius: pairs closer than this, in cells.

    Returns:
        three scalars whose sum is the loss: `affinity_background` and `affinity_foreground` (weight 1/4 each),
        `affinity_negative` (1/2). A kind without a pair in the batch gives 0. Float32 throughout.

    Ahn & Kwak, CVPR 2018, sec. 3.2, weights as released: each kind is normalised by its own count, because
    background pairs far outnumber foreground ones, and these the negative ones.
    """
    zero = features.float().sum() * 0.0  # keeps the graph connected when the batch has no pair at all
    sums = {"background": zero.float(), "foreground": zero.float(), "negative": zero.float()}
    first = EPSILON if ranks.rank() == 0 else 0.0  # once, however many processes add up their counts
    counts = {kind: torch.full_like(zero, first, dtype=torch.float32) for kind in sums}
    for offset, affinity in pairs.affinities(features, radius=radius):
        a, b = pairs.shifted(labels, offset)
        known = (a != IGNORE_INDEX) & (b != IGNORE_INDEX)
        kinds = {
            "background": known & (a == b) & (a == BACKGROUND),
            "foreground": known & (a == b) & (a != BACKGROUND),
            "negative": known & (a != b),
        }
        attract, repel = torch.log(affinity + EPSILON), torch.log(1 + EPSILON - affinity)
        for kind, mask in kinds.items():
            sums[kind] = sums[kind] - ((repel if kind == "negative" else attract) * mask).sum()
            counts[kind] = counts[kind] + mask.sum()
    weights = {"background": 0.25, "foreground": 0.25, "negative": 0.5}
    whole = dict(zip(counts, ranks.summed(torch.stack([*counts.values()])), strict=True))
    return {f"affinity_{kind}": ranks.count() * weights[kind] * sums[kind] / whole[kind] for kind in sums}
