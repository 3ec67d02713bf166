"""The lattice's dense CRF against the same mean field with its kernels written out as N x N matrices."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.crf_vs_pydensecrf import ITERATIONS, SETTINGS
from benchmarks.measure import Floor, Row, compare
from benchmarks.photographs import evidence, photograph
from wsss_core.ops.crf import dense_crf

SIDES = (32, 56, 80)
LABELS = 3


def rows(device: torch.device) -> list[Row]:
    return [_row(side, device) for side in SIDES]


def _row(side: int, device: torch.device) -> Row:
    image, maps = photograph(height=side, width=side), evidence(LABELS, side, side)

    def ours() -> np.ndarray:
        return dense_crf([image], [maps], engine="lattice", device=device, **SETTINGS)[0]

    def dense() -> np.ndarray:
        return _dense(torch.from_numpy(image).to(device), torch.from_numpy(maps).to(device)).cpu().numpy()

    same = (ours().argmax(axis=0) == dense().argmax(axis=0)).mean()
    points = side * side
    return compare(
        "crf_vs_dense",
        ours,
        dense,
        agreement=f"argmax {100 * same:.1f} % (the lattice approximates)",
        size=f"{side}x{side}, {ITERATIONS} iterations, {LABELS} labels",
        floor=Floor(gigabytes=ITERATIONS * points * (2 * 9 * 8 + 5 * 4 * LABELS) / 1e9),
        device=device,
    )


def _dense(image: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    height, width = image.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([x, y], dim=-1).reshape(-1, 2).to(image.device).float()
    colours = image.reshape(-1, 3) / SETTINGS["bilateral_srgb"]
    appearance = torch.cat([place / SETTINGS["bilateral_sxy"], colours], dim=1)
    kernel = SETTINGS["gaussian_weight"] * _normalised(place / SETTINGS["gaussian_sxy"])
    kernel += SETTINGS["bilateral_weight"] * _normalised(appearance)
    logits = maps.clamp(1e-5, 1).log().reshape(len(maps), -1)
    marginals = logits.softmax(dim=0)
    for _ in range(ITERATIONS):
        marginals = (logits + marginals @ kernel).softmax(dim=0)
    return marginals.reshape(maps.shape)


def _normalised(features: torch.Tensor) -> torch.Tensor:
    kernel = torch.exp(-torch.cdist(features, features).square() / 2)
    scale = kernel.sum(dim=1).rsqrt()
    return scale[:, None] * kernel * scale
