"""A step of the dense energy loss against what it cannot do without: one lattice and one filter call, or two.

On the loss's own grid, where the claim stands, and from the full crop, whose resizing is not in the reference.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.measure import Floor, Row, compare
from benchmarks.photographs import NAMES, evidence, photograph
from wsss_core.losses.energy import dense_energy
from wsss_core.ops import lattice
from wsss_core.voc import IGNORE_INDEX

BATCH, GRID, CLASSES = 4, 160, 21
CROP = 321  # pixels of which the grid is the half
SIGMA_XY, SIGMA_RGB, WEIGHT = 50.0, 15.0, 1e-7  # pixels of the grid, of 255, of the sum
GRADIENTS: dict[Literal["released", "exact"], int] = {"released": 1, "exact": 2}  # filter calls of each


def rows(device: torch.device) -> list[Row]:
    on_grid = [_row(grad, GRID, device) for grad in GRADIENTS]
    return [*on_grid, _row("released", CROP, device)]


def _row(grad: Literal["released", "exact"], side: int, device: torch.device) -> Row:
    batch, calls = inputs(side, device), GRADIENTS[grad]
    scale = 1.0 if side == GRID else 0.5
    settings = {"scale": scale, "sigma_xy": SIGMA_XY / scale, "sigma_rgb": SIGMA_RGB, "weight": WEIGHT}
    features = _features(batch["images"])
    points = torch.rand(features.shape[1], CLASSES, device=device)

    soft = batch["probabilities"].requires_grad_()

    def ours() -> torch.Tensor:
        soft.grad = None
        dense_energy(soft, batch["images"], batch["labels"], batch["roi"], gated=True, grad=grad, **settings).backward()
        return soft.grad  # type: ignore[return-value]

    def least() -> None:
        built = lattice.build(features, [GRID * GRID] * BATCH)
        for _ in range(calls):
            built.filter(points)

    expected = _gradient(batch, features, grad, scale)
    return compare(
        f"energy_{grad}",
        ours,
        least,
        agreement=f"gradient to its formula, relative: {float((ours() - expected).norm() / expected.norm()):.0e}",
        size=f"batch {BATCH}, {side}x{side} to {GRID}x{GRID}, {CLASSES} classes, {calls} filter calls",
        floor=Floor(gigabytes=len(points) * (6 * (4 + 8) * 4 + calls * (2 * 6 * 8 + 2 * 4 * CLASSES)) / 1e9),
        device=device,
    )


def inputs(side: int, device: torch.device, *, size: int = BATCH) -> dict[str, torch.Tensor]:
    """Photographs of which the upper half is unlabelled; the maps channels last, as our networks give them."""
    images = np.stack([photograph(NAMES[i % 3], side, side) for i in range(size)]).transpose(0, 3, 1, 2)
    soft = np.stack([evidence(CLASSES, side, side, seed=i) for i in range(size)])
    labels = torch.from_numpy(soft.argmax(axis=1))
    labels[:, : side // 2] = IGNORE_INDEX
    batch = {
        "images": torch.from_numpy(images).float(), "probabilities": torch.from_numpy(soft), "labels": labels,
        "roi": torch.ones(size, side, side),
    }  # fmt: skip
    placed = {name: tensor.to(device) for name, tensor in batch.items()}
    return placed | {"probabilities": placed["probabilities"].contiguous(memory_format=torch.channels_last)}


def _features(images: torch.Tensor) -> torch.Tensor:
    small = F.interpolate(images, size=(GRID, GRID), mode="nearest")
    y, x = torch.meshgrid(*[torch.arange(GRID, device=images.device)] * 2, indexing="ij")
    place = (torch.stack([x, y]) / SIGMA_XY).expand(BATCH, -1, -1, -1)
    return torch.cat([place, small / SIGMA_RGB], dim=1).transpose(0, 1).reshape(5, -1).contiguous()


def _gradient(batch: dict[str, torch.Tensor], features: torch.Tensor, grad: str, scale: float) -> torch.Tensor:
    """What the specification writes down, carried from the small grid to the full one."""
    soft = batch["probabilities"].detach().requires_grad_()
    small = F.interpolate(soft, scale_factor=scale, mode="bilinear", align_corners=False)
    labels = F.interpolate(batch["labels"][:, None].float(), size=(GRID, GRID), mode="nearest")
    gate = torch.where(labels == IGNORE_INDEX, 1.0, 1 - small.detach().amax(dim=1, keepdim=True))
    points, gates = (maps.permute(0, 2, 3, 1).flatten(0, 2) for maps in (small.detach(), gate))
    built = lattice.build(features, [GRID * GRID] * BATCH)
    ahead = gates * built.filter(points)
    back = ahead if grad == "released" else built.adjoint(gates * points)
    at_points = -WEIGHT / BATCH * (ahead + back)
    at_grid = at_points.view(BATCH, GRID, GRID, CLASSES).permute(0, 3, 1, 2)
    return torch.autograd.grad(small, soft, at_grid)[0]
