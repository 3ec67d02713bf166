"""The lattice's dense CRF against pydensecrf, one thread each (on a GPU: a batch of 16 against one after the other)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.measure import REPEATS, Floor, Row, compare, threads
from benchmarks.photographs import HEIGHT, NAMES, WIDTH, evidence, photograph
from wsss_core.ops.crf import available_engines, dense_crf

ITERATIONS = 10
SETTINGS: dict = {
    "iterations": ITERATIONS, "gaussian_sxy": 3.0, "gaussian_weight": 3.0,
    "bilateral_sxy": 80.0, "bilateral_srgb": 13.0, "bilateral_weight": 10.0,
}  # fmt: skip
BATCH = 16
CPU = torch.device("cpu")


def rows(device: torch.device) -> list[Row]:
    """None where pydensecrf2 is not installed."""
    if "pydensecrf" not in available_engines():
        return []
    with threads(1):
        if device.type == "cuda":
            return [_batched(labels, device) for labels in (3, 21)]
        single = [_single(name, labels) for labels in (3, 21) for name in NAMES]
        return [*single, *[_pair(name) for name in NAMES], _reused()]


def _single(name: str, labels: int) -> Row:
    images, maps = [photograph(name)], [evidence(labels)]
    return _row("crf", images, maps, labels=labels, detail=f"{name}, {labels} labels")


def _pair(name: str) -> Row:
    """The two background exponents of `affinity_labels`: one lattice against two fields."""
    images, maps = [photograph(name)], [np.stack([evidence(3, exponent=2), evidence(3, exponent=6)])]
    return _row("crf_pair", images, maps, labels=6, detail=f"{name}, 2 runs of 3 labels")


def _batched(labels: int, device: torch.device) -> Row:
    images = [photograph(NAMES[i % len(NAMES)]) for i in range(BATCH)]
    maps = [evidence(labels, seed=i) for i in range(BATCH)]
    return _row("crf", images, maps, labels=labels, detail=f"batch {BATCH}, {labels} labels", device=device)


def _row(
    name: str,
    images: list[np.ndarray],
    maps: list[np.ndarray],
    *,
    labels: int,
    detail: str,
    device: torch.device = CPU,
    reference: Callable[[], list[np.ndarray]] | None = None,
) -> Row:
    def ours() -> list[np.ndarray]:
        return dense_crf(images, maps, engine="lattice", device=device, **SETTINGS)

    def cpp() -> list[np.ndarray]:
        return dense_crf(images, maps, engine="pydensecrf", **SETTINGS)

    return compare(
        name,
        ours,
        reference or cpp,
        agreement=_agreement(ours(), (reference or cpp)()),
        size=f"{HEIGHT}x{WIDTH}, {ITERATIONS} iterations, {detail}",
        floor=_floor(len(images) * HEIGHT * WIDTH, labels),
        device=device,
    )


def _agreement(ours: list[np.ndarray], reference: list[np.ndarray]) -> str:
    difference = np.mean([np.abs(a - b).mean() for a, b in zip(ours, reference, strict=True)])
    same = [(a.argmax(axis=-3) == b.argmax(axis=-3)).mean() for a, b in zip(ours, reference, strict=True)]
    return f"mean|dQ| {difference:.0e}, argmax {100 * np.mean(same):.3f} %"


def _floor(points: int, labels: int) -> Floor:
    """Bytes: nine vertices a pixel (six of colour, three of place) with index and weight, to splat and to slice, and
    Q, messages and energies once each, in every iteration; before, six keys a pixel sorted and written back."""
    iteration = points * (2 * 9 * 8 + 5 * 4 * labels)
    build = points * 6 * (4 + 8) * 4
    return Floor(gigabytes=(ITERATIONS * iteration + build) / 1e9)


def _reused() -> Row:
    """Against fields whose kernel of place was made before the clock started, as ours is cached.

    pydensecrf cannot take a kernel off a field again, so each call takes a fresh one from a stock.
    """
    image, maps = photograph(), evidence(3)
    unary = -np.log(np.clip(maps, 1e-5, 1)).reshape(3, -1)
    stock = [_with_place() for _ in range(REPEATS + 2)]  # one for the agreement, one for the warm-up

    def appearance_only() -> list[np.ndarray]:
        field = stock.pop()
        field.setUnaryEnergy(unary)
        field.addPairwiseBilateral(
            sxy=SETTINGS["bilateral_sxy"], srgb=SETTINGS["bilateral_srgb"], rgbim=image,
            compat=SETTINGS["bilateral_weight"],
        )  # fmt: skip
        return [np.array(field.inference(ITERATIONS), dtype=np.float32).reshape(3, HEIGHT, WIDTH)]

    return _row("crf_reused", [image], [maps], labels=3, detail="coffee, 3 labels", reference=appearance_only)


def _with_place() -> Any:
    import pydensecrf.densecrf as densecrf  # not everywhere installed

    field = densecrf.DenseCRF2D(WIDTH, HEIGHT, 3)
    field.addPairwiseGaussian(sxy=SETTINGS["gaussian_sxy"], compat=SETTINGS["gaussian_weight"])
    return field
