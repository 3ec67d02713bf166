"""Part 3: the fast core at batch 1 and 16 on the GPU and on the same machine's CPU, beside its references.

References answer for one image at a time, so that every figure is milliseconds an image.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import crf_vs_pydensecrf, energy, threshold_sweep, walk_vs_dense
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting
from benchmarks.measure import seconds
from benchmarks.photographs import NAMES, evidence, photograph
from wsss_core.losses.energy import dense_energy
from wsss_core.ops import pairs, random_walk
from wsss_core.ops.crf import available_engines, dense_crf

CPU = torch.device("cpu")
BATCHES, REPEATS = (1, 16), 3
REHEARSED_BATCHES, REHEARSED_REPEATS = (1, 4), 1

Work = Callable[[], list[np.ndarray]]
"""Computes the results of a batch, an array for each image."""


@dataclass(frozen=True)
class Claim:
    """One piece of the core.

    Attributes:
        name: with its size.
        prepared: prepared(batch, device) -> the work, its inputs made.
        reference: the same of one image, on a device; None = there is none, or it is not installed.
        tolerance: of the first image's result from that of the CPU at batch 1, relative to the largest value.
        mean: whether the mean difference is held against it, not the largest: a CRF's marginals jump where rounding
            puts a near-black pixel into another simplex.
    """

    name: str
    prepared: Callable[[int, torch.device], Work]
    reference: Callable[[torch.device], Callable[[], object]] | None
    tolerance: float
    mean: bool = False


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where the device's results, or those of a batch, are not the CPU's of the image alone."""
    devices = [CPU] if setting.rehearse else [torch.device("cuda"), CPU]
    batches, repeats = (REHEARSED_BATCHES, REHEARSED_REPEATS) if setting.rehearse else (BATCHES, REPEATS)
    wrong = []
    for claim in _claims():
        (expected, *_) = claim.prepared(1, CPU)()
        for device in devices:
            for batch in batches:
                work = claim.prepared(batch, device)
                difference = _difference(work()[0], expected, mean=claim.mean)  # and the work is warm
                taken = statistics.median(seconds(work, device) for _ in range(repeats))
                record.line(f"{claim.name}, batch {batch}, {device.type}", ms_an_image=1e3 * taken / batch,
                            difference_from_cpu=difference)  # fmt: skip
                if not difference <= claim.tolerance:  # which no number is
                    wrong.append(f"{claim.name} differs by {difference:.1e} at batch {batch} on {device.type}")
        if claim.reference:
            reference = claim.reference(devices[0])
            reference()  # to warm up
            taken = seconds(reference, devices[0])
            record.line(f"{claim.name}, its reference", ms_an_image=1e3 * taken)
    for row in threshold_sweep.rows(CPU):
        record.line("threshold sweep, CPU", **row.as_dict())
    if wrong:
        raise RuntimeError("; ".join(wrong))


def _difference(found: np.ndarray, expected: np.ndarray, *, mean: bool) -> float:
    differences = np.abs(found - expected)
    return float((differences.mean() if mean else differences.max()) / np.abs(expected).max())


def _claims() -> Iterator[Claim]:
    for labels in (3, 21):
        yield _crf(f"CRF, {labels} labels", lambda i, labels=labels: evidence(labels, seed=i))
    yield _crf("pair of CRFs", lambda i: np.stack([evidence(3, seed=i, exponent=exponent) for exponent in (2, 6)]))
    yield Claim("random walk, 47x63, 256 steps", _walk, _dense_walk, tolerance=1e-4)
    yield Claim("energy and its gradient, 160x160", _energy, None, tolerance=1e-3)  # sums in another order


def _crf(name: str, unary: Callable[[int], np.ndarray]) -> Claim:
    def prepared(batch: int, device: torch.device, engine: str = "lattice") -> Work:
        images = [photograph(NAMES[i % len(NAMES)]) for i in range(batch)]
        maps = [unary(i) for i in range(batch)]
        return lambda: dense_crf(images, maps, engine=engine, device=device, **crf_vs_pydensecrf.SETTINGS)  # type: ignore[arg-type]

    def reference(_: torch.device) -> Work:
        return prepared(1, CPU, "pydensecrf")

    return Claim(name, prepared, reference if "pydensecrf" in available_engines() else None, tolerance=1e-5, mean=True)


def _features(batch: int, device: torch.device) -> torch.Tensor:
    """(B, 32, h, w): alike and different, smooth as a network's are."""
    coarse = [torch.randn(32, 12, 16, generator=torch.Generator().manual_seed(i)) for i in range(batch)]
    size = (walk_vs_dense.HEIGHT, walk_vs_dense.WIDTH)
    return torch.nn.functional.interpolate(torch.stack(coarse), size=size, mode="bilinear").to(device)


def _starts(batch: int, device: torch.device) -> torch.Tensor:
    shape = (3, walk_vs_dense.HEIGHT, walk_vs_dense.WIDTH)
    made = [torch.rand(*shape, generator=torch.Generator().manual_seed(i)) for i in range(batch)]
    return torch.stack(made).to(device)


def _transition(features: torch.Tensor) -> random_walk.Transition:
    links = pairs.affinities(features, radius=walk_vs_dense.RADIUS)
    height, width = features.shape[-2:]
    return random_walk.transition_matrix(links, height=height, width=width, beta=walk_vs_dense.BETA)


def _walk(batch: int, device: torch.device) -> Work:
    features, starts = _features(batch, device), _starts(batch, device)

    def work() -> list[np.ndarray]:
        walked = random_walk.propagate(starts, _transition(features), log2_steps=walk_vs_dense.LOG2_STEPS)
        return list(walked.cpu().numpy())

    return work


def _dense_walk(device: torch.device) -> Callable[[], torch.Tensor]:
    """Eight squarings of the dense matrix, which was made before."""
    start = _starts(1, device)[0]
    walk = _transition(_features(1, device)[0])
    matrix = walk.sums @ torch.eye(start[0].numel(), device=device)
    return lambda: walk_vs_dense.squared(matrix, start)


def _energy(batch: int, device: torch.device) -> Work:
    """Its gradient for each image; the energy is a mean over the batch."""
    inputs = energy.inputs(energy.GRID, device, size=batch)
    soft = inputs["probabilities"].requires_grad_()
    settings = {"scale": 1.0, "sigma_xy": energy.SIGMA_XY, "sigma_rgb": energy.SIGMA_RGB, "weight": energy.WEIGHT}

    def work() -> list[np.ndarray]:
        soft.grad = None
        value = dense_energy(soft, inputs["images"], inputs["labels"], inputs["roi"], gated=True, grad="released",
                             **settings)  # fmt: skip
        value.backward()
        return list((batch * soft.grad).cpu().numpy())  # type: ignore[operator]

    return work
