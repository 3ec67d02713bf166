"""Mean field of a fully connected CRF on the permutohedral lattice: batched, with several unaries on one lattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F

from wsss_core.ops import lattice
from wsss_core.ops.lattice import Lattice, Size

KEPT_PIXELS = 4_000_000
"""Kernels of position of larger images are not kept: they are rare, and take 50 bytes a pixel."""

FEW_LABELS = 15
"""Up to here the softmax written out takes a fifth of the library's time on a CPU, whose vectors of 16 are not full."""


@dataclass(frozen=True)
class Kernels:
    """The reach and the weight of each kernel of Kraehenbuehl & Koltun, NIPS 2011, eq. 3, at positions P and colours I:

    k_ij = bilateral_weight exp(-|P_i - P_j|^2 / 2 bilateral_sxy^2 - |I_i - I_j|^2 / 2 bilateral_srgb^2)
         + gaussian_weight exp(-|P_i - P_j|^2 / 2 gaussian_sxy^2)

    Attributes:
        gaussian_sxy: reach of the smoothness kernel, pixels.
        gaussian_weight: its Potts weight.
        bilateral_sxy: reach of the appearance kernel, pixels.
        bilateral_srgb: its reach in colour, of 255.
        bilateral_weight: its Potts weight.
    """

    gaussian_sxy: float
    gaussian_weight: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_weight: float


def mean_field(
    images: Sequence[torch.Tensor],
    unaries: Sequence[torch.Tensor],
    kernels: Kernels,
    *,
    iterations: int,
) -> list[torch.Tensor]:
    """The marginals of each image's dense CRFs; all images in one pass.

    Args:
        images: (H, W, 3) uint8 RGB each, on one device; their sizes may differ.
        unaries: (U, L, H, W) float32 energies each, U runs that share the image's kernels; L may differ.
        kernels: of all images.
        iterations: mean-field updates; 0 returns the softmax of the negated unaries.

    Returns:
        (U, L, H, W) float32 each, summing to 1 over L.

    Kraehenbuehl & Koltun, NIPS 2011, alg. 1, with pydensecrf's symmetric normalisation: Q <- softmax(K Q - unary),
    K = sum_m w_m n_m A_m n_m and n_m = (A_m 1)^(-1/2); a pixel's message to itself stays in.
    """
    sizes = tuple((image.shape[0], image.shape[1]) for image in images)
    kernel = lattice.total([
        _spatial(sizes, kernels.gaussian_sxy, kernels.gaussian_weight, images[0].device),
        _normalised(_colour_features(images, sizes, kernels), sizes, kernels.bilateral_weight),
    ])  # fmt: skip
    energies = _by_pixel(unaries)                                                          # (P, U, L)
    marginals = _softmax(-energies)
    for _ in range(iterations):
        messages = kernel.filter(marginals.flatten(1)).view_as(energies)
        marginals = _softmax(messages.sub_(energies))
    each = marginals.split([height * width for height, width in sizes])
    return [q[..., : u.shape[1]].permute(1, 2, 0).reshape(u.shape) for q, u in zip(each, unaries, strict=True)]


def _by_pixel(unaries: Sequence[torch.Tensor]) -> torch.Tensor:
    """(P, U, L) energies of all pixels of all images; infinite for labels that only other images have."""
    most = max(unary.shape[1] for unary in unaries)
    rows = [unary.flatten(2).permute(2, 0, 1) for unary in unaries]
    return torch.cat([F.pad(row, (0, most - row.shape[-1]), value=torch.inf) for row in rows]).contiguous()


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    """Over the last axis; overwrites its input."""
    if logits.shape[-1] > FEW_LABELS:
        return logits.softmax(dim=-1)
    exponentials = logits.sub_(logits.amax(dim=-1, keepdim=True)).exp_()
    return exponentials.div_(exponentials.sum(dim=-1, keepdim=True))


def _colour_features(images: Sequence[torch.Tensor], sizes: Sequence[Size], kernels: Kernels) -> torch.Tensor:
    """(5, P) float32 features of the appearance kernel."""
    colours = torch.cat([image.reshape(-1, 3) for image in images]).T / kernels.bilateral_srgb
    return torch.cat([lattice.positions(sizes, images[0].device) / kernels.bilateral_sxy, colours])


def _spatial(sizes: tuple[Size, ...], sxy: float, weight: float, device: torch.device) -> Lattice:
    """The kernel of positions: it depends on the sizes only, and images of one size come in rows."""
    make = _kept if sum(height * width for height, width in sizes) <= KEPT_PIXELS else _kept.__wrapped__
    return make(sizes, sxy, weight, device)


@lru_cache(maxsize=4)
def _kept(sizes: tuple[Size, ...], sxy: float, weight: float, device: torch.device) -> Lattice:
    return _normalised(lattice.positions(sizes, device) / sxy, sizes, weight)


def _normalised(features: torch.Tensor, sizes: Sequence[Size], weight: float) -> Lattice:
    """w n A n with n = (A 1)^(-1/2)."""
    built = lattice.build(features, [height * width for height, width in sizes])
    mass = built.filter(torch.ones(features.shape[1], 1, device=features.device))[:, 0]
    return built.scaled((weight / (mass + 1e-20)).sqrt())
