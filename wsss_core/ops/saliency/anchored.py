"""A network's saliency map, held to the map it was taught by and to the photograph's contours: AuxSegNet's update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wsss_core.ops.crf import dense_crf
from wsss_core.ops.saliency.binary import centred

SHARPNESS = 1.05
SMALLEST = 1e-8


def anchored(
    images: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
    anchors: Sequence[np.ndarray],
    *,
    anchor_share: float,
    centre: str,
    iterations: int,
    device: Any,
    **kernels: float,
) -> list[np.ndarray]:
    """(H, W) float32 maps in [0, 1]: a dense CRF of two labels on mixtures of both maps.

    Args:
        images: (H, W, 3) uint8 RGB each.
        predicted: (H, W) float in [0, 1] each, of the network.
        anchors: (H, W) float in [0, 1] each, always the maps of before the first round: they keep rounds from drifting.
        anchor_share: of the anchor in the mixture (0.5).
        centre: rule of `threshold` for the mixture's value that is even odds to the CRF. `half` is the released code,
            for maps of networks; of weight-free detectors' it would leave the brightest parts only.
        iterations, device, kernels: of `dense_crf`, engine `lattice` (1 iteration).

    Xu et al., ICCV 2021, released code (`gen_pgt`).
    """
    mixed = [(1 - anchor_share) * own + anchor_share * first for own, first in zip(predicted, anchors, strict=True)]
    evidence = [_evidence(q if centre == "half" else centred(q, rule=centre)) for q in mixed]
    marginals = dense_crf(images, evidence, engine="lattice", iterations=iterations, device=device, **kernels)
    return [q[1] for q in marginals]


def _evidence(q: np.ndarray) -> np.ndarray:
    """(2, H, W) exp of the negated unaries -ln(p + 1e-8) / (1.05 sigmoid(p)) of p = 1 - q and q."""
    both = np.stack([1 - q, q])
    return np.exp(np.log(both + SMALLEST) * (1 + np.exp(-both)) / SHARPNESS)
