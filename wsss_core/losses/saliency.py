"""Losses of saliency maps against masks or other maps, over the pixels of the photograph."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from wsss_core.losses.whole_batch import mean
from wsss_core.ops.network_cells import at_pixels

SMALLEST = 1e-6
"""Bounds the logarithms of probabilities: SSNet's sums of products reach 0 and 1."""

Form = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def aggregated_saliency_loss(
    saliency: torch.Tensor,
    background: torch.Tensor,
    weight: torch.Tensor,
    truth: torch.Tensor,
    valid: torch.Tensor,
    *,
    form: str,
) -> torch.Tensor:
    """SSNet's loss of a saliency map that is a sum of class masks.

    Args:
        saliency: (B, 1, H, W) float in [0, 1], S.
        background: (B, 1, H, W) float in [0, 1], H_0.
        weight: (B, 1, 1, 1) float in [0, 1], v_0 of the background; `linear_old` alone reads it.
        truth: (B, H, W) float in [0, 1], y.
        valid: (B, H, W) bool, False on padding.
        form: a key of FORMS. `bce`: -y log S - (1-y) log(1-S), as we read the paper; `linear_bg`: -y S - (1-y) H_0, in
            [-1, 0], of the release of 2020: bounded where masks are wrong, but it drives objects that are not salient
            into the background; `linear_old`: the same with v_0 H_0, of the release of 2019.

    Returns:
        a scalar, the mean over the valid pixels; 0 (with a graph) without any.

    Zeng et al., ICCV 2019, sec. 3.4, and both releases of its code.
    """
    y = truth[:, None].float()
    losses = FORMS[form](saliency.float(), background.float(), weight.float(), y)
    return _mean(losses[:, 0], valid)


def saliency_loss(
    logits: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor, *, stride: int = 1
) -> torch.Tensor:
    """Mean binary cross entropy over the valid pixels; 0 (with a graph) without any.

    Args:
        logits: (B, 1, h, w) float; read at the truth's pixels (`network_cells.at_pixels`).
        truth: (B, H, W) float in [0, 1].
        valid: (B, H, W) bool, False on padding.
        stride: pixels to a cell of the logits.

    Xu et al., ICCV 2021, sec. 3.2. DEVIATION: the released code supervises padding as not salient.
    """
    full = at_pixels(logits.float(), truth.shape[-2:], stride=stride)[:, 0]
    return _mean(F.binary_cross_entropy_with_logits(full, truth.float(), reduction="none"), valid)


def _mean(losses: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return mean((losses * valid).sum(), valid.sum())


def _bce(saliency: torch.Tensor, background: torch.Tensor, weight: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    s = saliency.clamp(SMALLEST, 1 - SMALLEST)
    return -(y * s.log() + (1 - y) * (1 - s).log())


def _linear_bg(saliency: torch.Tensor, background: torch.Tensor, weight: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return -(y * saliency + (1 - y) * background)


def _linear_old(
    saliency: torch.Tensor, background: torch.Tensor, weight: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    return _linear_bg(saliency, weight * background, weight, y)


FORMS: dict[str, Form] = {"bce": _bce, "linear_bg": _linear_bg, "linear_old": _linear_old}
