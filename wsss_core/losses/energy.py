"""Dense energy: neighbours in place and colour should share a label, whether anyone labelled them or not."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from wsss_core.ops import lattice
from wsss_core.voc import IGNORE_INDEX


def dense_energy(
    probabilities: torch.Tensor,
    images: torch.Tensor,
    labels: torch.Tensor,
    roi: torch.Tensor,
    *,
    scale: float,
    sigma_xy: float,
    sigma_rgb: float,
    weight: float,
    gated: bool,
    grad: Literal["released", "exact"],
) -> torch.Tensor:
    """-w / B sum_b sum_c sum_i g_i S_c(i) (A S_c)(i) with A_ij = exp(-|f_i - f_j|^2 / 2): a scalar <= 0.

    Relaxed Potts energy up to a constant, since the classes of a pixel sum to one; negative by intention.

    Args:
        probabilities: (B, C, H, W) float, softmax over C.
        images: (B, 3, H, W), 0..255.
        labels: (B, H, W) int, IGNORE_INDEX where no label is reliable. There the gate g is 1; a labelled pixel's is
            1 - max_c S, so that one that the cross entropy has fitted produces no energy.
        roi: (B, H, W), 1 inside the photograph, 0 on its padding: pixels outside have no part in it.
        scale: of the grid on which it is computed (0.5).
        sigma_xy: reach of the kernel, pixels of the full grid (100).
        sigma_rgb: its reach in colour, of 255 (15).
        weight: w (1e-7, for this filter: its kernel mass is about half the Gaussian's, and the sum grows with the
            square of the number of pixels).
        gated: False takes g = 1 everywhere: the regulariser of rloss (Tang et al., ECCV 2018), for comparison.
        grad: `released`: -2w/B g A S, one filter call, which takes A for symmetric and g for constant; `exact`: the
            derivative with the gate held fixed, two calls. They differ by about a quarter.

    Raises:
        ValueError: grad is neither, or scale leaves no grid.

    Zhang et al., AAAI 2020, with the settings of the released code. Float32 at least, whatever autocast says.
    """
    if grad not in ("released", "exact"):
        raise ValueError(f"grad must be released or exact, not {grad!r}")
    with torch.autocast(probabilities.device.type, enabled=False):
        wide = probabilities if probabilities.dtype == torch.float64 else probabilities.float()
        if min(wide.shape[-2:]) * scale < 1:
            crop = "x".join(map(str, wide.shape[-2:]))
            raise ValueError(f"energy.scale {scale} leaves nothing of a crop of {crop}; raise it")
        soft = wide if scale == 1 else F.interpolate(wide, scale_factor=scale, mode="bilinear", align_corners=False)
        size = soft.shape[-2:]
        inside = _nearest(roi[:, None].to(soft), size)                                     # (B, 1, h, w)
        gate = _gate(soft.detach(), _nearest(labels[:, None].float(), size), inside) if gated else inside
        kernel = _kernel(_nearest(images.to(soft), size), sigma_xy=sigma_xy * scale, sigma_rgb=sigma_rgb)
        energy = _Energy.apply(_by_point(soft), kernel, _by_point(inside), _by_point(gate), grad == "exact")
        return -weight / len(images) * energy


def _gate(soft: torch.Tensor, labels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """(B, 1, h, w): 1 on unlabelled pixels, what the network is not sure of on labelled ones."""
    unsure = (inside - soft.amax(dim=1, keepdim=True)).clamp_(min=0)
    return torch.where(labels == IGNORE_INDEX, 1.0, unsure)


class _Energy(torch.autograd.Function):
    """sum_c sum_i g_i r_i S_c(i) (A r S_c)(i) of (P, C) S and (P, 1) r, g; its gradient is made on the way.

    Graphs of the same sum keep and pass over six maps as large as S, this one two.
    """

    @staticmethod
    def forward(
        ctx, soft: torch.Tensor, kernel: lattice.Lattice, inside: torch.Tensor, gate: torch.Tensor, exact: bool
    ) -> torch.Tensor:
        """The scalar, in the dtype of `soft`; `exact`: keep the derivative with g fixed, else the released one."""
        shown = inside * soft
        weights = gate * inside
        pull = kernel.filter(shown).mul_(weights)
        value = torch.dot(soft.flatten(), pull.flatten())
        back = kernel.adjoint(shown.mul_(gate)).mul_(inside) if exact else pull
        ctx.save_for_backward(pull + back if exact else pull.mul_(2))
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None, None, None


def _nearest(maps: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """At the small grid without mixing: bilinear would invent colours on edges."""
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size=size, mode="nearest")


def _by_point(maps: torch.Tensor) -> torch.Tensor:
    """(B, C, h, w) -> (B h w, C); a view of maps that are channels last."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2).contiguous()


def _kernel(images: torch.Tensor, *, sigma_xy: float, sigma_rgb: float) -> lattice.Lattice:
    """The appearance kernel of (B, 3, h, w) images."""
    batch, _, height, width = images.shape
    place = (lattice.positions([(height, width)] * batch, images.device) / sigma_xy).to(images)
    colours = images.transpose(0, 1).reshape(3, -1) / sigma_rgb
    return lattice.build(torch.cat([place, colours]), [height * width] * batch)
