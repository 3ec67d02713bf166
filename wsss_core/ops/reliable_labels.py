"""RRM's reliable labels: the few pixels of which both the class maps and a dense CRF are sure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch

from wsss_core.ops import cam
from wsss_core.ops.crf import SMALLEST_PROBABILITY
from wsss_core.ops.mean_field import Kernels, mean_field
from wsss_core.voc import BACKGROUND, IGNORE_INDEX


@dataclass(frozen=True)
class Reliability:
    """Which pixels count as reliable.

    Attributes:
        background_exponent_low: of the strong background (1 - max CAM)^exponent: foreground that survives it is
            trustworthy (4).
        background_exponent_high: of the weak background: background that survives it is trustworthy (32).
        keep: share of a class's own confident CAM pixels that are kept, the highest first (0.4).
        cam_threshold: a CAM above this is confident (0.1).
        background_threshold: a pixel is surely background where the weak background's score is above this (0.8).
        crf_threshold: least marginal of either CRF run (0.8).
        agree: also require that the CAM's strongest class is the label; the released code does not.
        iterations: mean-field updates.
        kernels: of both CRF runs.
    """

    background_exponent_low: float
    background_exponent_high: float
    keep: float
    cam_threshold: float
    background_threshold: float
    crf_threshold: float
    agree: bool
    iterations: int
    kernels: Kernels


def reliable_labels(
    images: list[torch.Tensor], cams: list[torch.Tensor], tags: list[torch.Tensor], rule: Reliability
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Labels of the reliable pixels of each image, and how sure the CRF is of every pixel.

    Args:
        images: (H, W, 3) uint8 RGB each, on one device; their sizes may differ.
        cams: (K, H, W) float in [0, 1] each, map k of class tags[k].
        tags: (K,) int64 each, ids in 1..C, ascending; K = 0 makes every reliable pixel background.
        rule: what is reliable.

    Returns:
        labels, (H, W) int64 each: a tag, BACKGROUND, or IGNORE_INDEX where unreliable; and the CRF's largest marginal,
        (H, W) float32 in [0, 1] each.

    Zhang et al., AAAI 2020, sec. 3.2, as released. Both CRF runs of all images are one call on shared lattices.
    """
    backgrounds = [_backgrounds(maps, rule) for maps in cams]                              # (2, H, W) each
    unaries = [_energies(maps, pair) for maps, pair in zip(cams, backgrounds, strict=True)]
    marginals = mean_field(images, unaries, rule.kernels, iterations=rule.iterations)      # (2, K+1, H, W) each
    chosen = [
        _select(q, maps, weak, rule) for q, maps, (_, weak) in zip(marginals, cams, backgrounds, strict=True)
    ]
    labels = [_with_ids(label, own) for (label, _), own in zip(chosen, tags, strict=True)]
    return labels, [confidence for _, confidence in chosen]


def _backgrounds(cams: torch.Tensor, rule: Reliability) -> torch.Tensor:
    """(2, H, W): the strong and the weak background's scores."""
    exponents = (rule.background_exponent_low, rule.background_exponent_high)
    return torch.stack([cam.background(cams, exponent=exponent) for exponent in exponents])


def _energies(cams: torch.Tensor, backgrounds: torch.Tensor) -> torch.Tensor:
    """(2, K+1, H, W) unaries of both runs; the maps need not sum to one, the mean field normalises."""
    scores = torch.cat([backgrounds[:, None], cams.expand(2, *cams.shape)], dim=1)
    return -scores.clamp(SMALLEST_PROBABILITY, 1).log()


def _select(
    marginals: torch.Tensor, cams: torch.Tensor, weak_background: torch.Tensor, rule: Reliability
) -> tuple[torch.Tensor, torch.Tensor]:
    """(H, W) places in the K+1 maps or IGNORE_INDEX, and the CRF's confidence."""
    low, high = marginals
    under_strong, under_weak = low.argmax(dim=0), high.argmax(dim=0)
    labels = torch.where(under_strong == BACKGROUND, IGNORE_INDEX, under_strong)
    labels = torch.where(under_weak == BACKGROUND, BACKGROUND, labels)  # background wins where both fire
    confidence = torch.cat([high[:1], low[1:]]).amax(dim=0)
    sure, voted = _cam_sure(cams, weak_background, under_strong, rule)
    reliable = sure & (confidence >= rule.crf_threshold)
    if rule.agree:
        reliable &= voted == labels
    return torch.where(reliable, labels, IGNORE_INDEX), confidence


def _cam_sure(
    cams: torch.Tensor, weak_background: torch.Tensor, under_strong: torch.Tensor, rule: Reliability
) -> tuple[torch.Tensor, torch.Tensor]:
    """(H, W) bool: surely background, or among the highest of the class that the maps vote for; and that vote.

    A union over the classes that the CRF left: a pixel may be sure of another class than its label's.
    """
    voted = torch.cat([weak_background[None], cams]).argmax(dim=0)
    sure = (voted == BACKGROUND) & (weak_background > rule.background_threshold) & (under_strong == BACKGROUND).any()
    for place, scores in enumerate(cams, start=1):
        own = scores.where(voted == place, 0.0)
        sure |= (own > _keep_threshold(own, rule)) & (under_strong == place).any()
    return sure, voted


def _keep_threshold(scores: torch.Tensor, rule: Reliability) -> torch.Tensor:
    """The score above which about a share `keep` of the n confident ones lies: number floor((1 - keep) n), ascending.

    Infinite where none is confident. DEVIATION: the released code then fails on an empty array. How many are is known
    to the device alone, which does not wait for anybody to ask.

    Args:
        scores: (H, W) float32 >= 0.
        rule: with `keep` and `cam_threshold`.
    """
    confident = (scores > rule.cam_threshold).sum()
    left_out = 1 - Fraction(rule.keep).limit_denominator(10**6)  # 0.6 of 5 is 3, and 1 - 0.6 not exact in binary
    place = (confident * left_out.numerator).div(left_out.denominator, rounding_mode="floor").minimum(confident - 1)
    # The bits of floats that are not negative ascend as the floats do, and integers are sorted four times as fast.
    ascending = scores.float().flatten().view(torch.int32).sort().values.view(torch.float32)
    threshold = ascending.index_select(0, (scores.numel() - confident + place)[None])[0]
    return torch.where(confident > 0, threshold, torch.inf)


def _with_ids(labels: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """Class ids for places in the K+1 maps."""
    table = torch.full((IGNORE_INDEX + 1,), IGNORE_INDEX, dtype=torch.int64, device=labels.device)
    table[BACKGROUND] = BACKGROUND
    table[1 : len(tags) + 1] = tags
    return table[labels]
