"""Part 3: the fast core at batch 1 and 16 on the GPU and on the same machine's CPU, beside its references.

References answer for one image at a time, so that every figure is milliseconds an image.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import crf_vs_pydensecrf, energy, threshold_sweep, walk_vs_dense
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting
from benchmarks.measure import seconds
from benchmarks.photographs import NAMES, evidence, photograph
from wsss_core.losses.energy import dense_energy
from wsss_core.ops import random_walk
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
        tolerance: of the first image's result from that of the CPU at batch 1, relative to the largest value.
        reference: the same of one image, on a device; None = there is none, or it is not installed.
        on_gpu: whether the reference computes on GPUs too.
        mean: whether the mean difference is held against the tolerance, not the largest: a CRF's marginals jump where
            rounding puts a near-black pixel into another simplex.
    """

    name: str
    prepared: Callable[[int, torch.device], Work]
    tolerance: float
    reference: Callable[[torch.device], Callable[[], object]] | None = None
    on_gpu: bool = False
    mean: bool = False


Results = dict[tuple[str, str], np.ndarray]
"""(claim, batch and device) -> the result of the batch's first image."""


def run(setting: Setting, record: Record) -> None:
    """All that the GPU computes, then the CPU image by image, which the GPU is held against, then all that is slow.

    Raises RuntimeError where the device's results, or those of a batch, are not the CPU's of the image alone.
    """
    batches, repeats = (REHEARSED_BATCHES, REHEARSED_REPEATS) if setting.rehearse else (BATCHES, REPEATS)
    claims, found = [*_claims()], Results()
    if not setting.rehearse:
        gpu = torch.device("cuda")
        found = _measured(claims, batches, gpu, record, repeats=repeats)
        _time_references([claim for claim in claims if claim.on_gpu], gpu, record)
    alone = _measured(claims, batches[:1], CPU, record, repeats=repeats)
    wrong = _differing(claims, found, alone, record)
    _time_references(claims, CPU, record)
    for row in threshold_sweep.rows(CPU):
        record.line("threshold sweep, CPU", **row.as_dict())
    wrong += _differing(claims, _measured(claims, batches[1:], CPU, record, repeats=1), alone, record)  # takes longest
    if wrong:
        raise RuntimeError("; ".join(wrong))


def _measured(
    claims: Sequence[Claim], batches: Sequence[int], device: torch.device, record: Record, *, repeats: int
) -> Results:
    """What each claim gives in batches of each size; a line of the time of each."""
    found = Results()
    for claim in claims:
        for batch in batches:
            work, place = claim.prepared(batch, device), f"batch {batch}, {device.type}"
            found[claim.name, place] = work()[0]  # and the work is warm
            taken = statistics.median(seconds(work, device) for _ in range(repeats))
            record.line(f"{claim.name}, {place}", ms_an_image=1e3 * taken / batch)
    return found


def _time_references(claims: Sequence[Claim], device: torch.device, record: Record) -> None:
    for claim in claims:
        if claim.reference:
            reference = claim.reference(device)
            reference()  # to warm up
            record.line(f"{claim.name}, its reference, {device.type}", ms_an_image=1e3 * seconds(reference, device))


def _differing(claims: Sequence[Claim], found: Results, alone: Results, record: Record) -> list[str]:
    """Which results are too far from those of the image alone on the CPU; a line of the difference of each."""
    wrong = []
    for claim in claims:
        (expected,) = (result for (name, _), result in alone.items() if name == claim.name)
        for place in [place for name, place in found if name == claim.name]:
            difference = _difference(found[claim.name, place], expected, mean=claim.mean)
            record.line(f"{claim.name}, {place}: from the CPU's of the image alone", difference=difference,
                        tolerance=claim.tolerance)  # fmt: skip
            if not difference <= claim.tolerance:  # which no number is
                wrong.append(f"{claim.name} differs by {difference:.1e}, {place}")
    return wrong


def _difference(found: np.ndarray, expected: np.ndarray, *, mean: bool) -> float:
    differences = np.abs(found - expected)
    return float((differences.mean() if mean else differences.max()) / np.abs(expected).max())


def _claims() -> Iterator[Claim]:
    for labels in (3, 21):
        yield _crf(f"CRF, {labels} labels", lambda i, labels=labels: evidence(labels, seed=i))
    yield _crf("pair of CRFs", lambda i: np.stack([evidence(3, seed=i, exponent=exponent) for exponent in (2, 6)]))
    steps, size = 2**walk_vs_dense.LOG2_STEPS, f"{walk_vs_dense.HEIGHT}x{walk_vs_dense.WIDTH}"
    yield Claim(f"random walk, {size}, {steps} steps", _walk, tolerance=1e-4, reference=_dense_walk, on_gpu=True)
    yield Claim("energy and its gradient, 160x160", _energy, tolerance=1e-3)  # sums in another order


def _crf(name: str, unary: Callable[[int], np.ndarray]) -> Claim:
    def prepared(batch: int, device: torch.device, engine: str = "lattice") -> Work:
        images = [photograph(NAMES[i % len(NAMES)]) for i in range(batch)]
        maps = [unary(i) for i in range(batch)]
        return lambda: dense_crf(images, maps, engine=engine, device=device, **crf_vs_pydensecrf.SETTINGS)  # type: ignore[arg-type]

    def reference(_: torch.device) -> Work:
        return prepared(1, CPU, "pydensecrf")

    is_there = "pydensecrf" in available_engines()
    return Claim(name, prepared, tolerance=1e-5, reference=reference if is_there else None, mean=True)


def _features(batch: int, device: torch.device) -> torch.Tensor:
    """(B, 32, h, w)."""
    size = (walk_vs_dense.HEIGHT, walk_vs_dense.WIDTH)
    return torch.stack([walk_vs_dense.features(*size, seed=i, device=device) for i in range(batch)])


def _starts(batch: int, device: torch.device) -> torch.Tensor:
    shape = (3, walk_vs_dense.HEIGHT, walk_vs_dense.WIDTH)
    made = [torch.rand(*shape, generator=torch.Generator().manual_seed(i)) for i in range(batch)]
    return torch.stack(made).to(device)


def _walk(batch: int, device: torch.device) -> Work:
    features, starts = _features(batch, device), _starts(batch, device)

    def work() -> list[np.ndarray]:
        walked = random_walk.propagate(starts, walk_vs_dense.transition(features), log2_steps=walk_vs_dense.LOG2_STEPS)
        return list(walked.cpu().numpy())

    return work


def _dense_walk(device: torch.device) -> Callable[[], torch.Tensor]:
    """Eight squarings of the dense matrix, which was made before."""
    start = _starts(1, device)[0]
    walk = walk_vs_dense.transition(_features(1, device)[0])
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
