"""Dense CRF, lattice, random walk, energy, PAMR on the device: what the CPU makes of each photograph alone."""

import numpy as np
import pytest
import torch
from comparing import KERNELS, LATTICE, SIZES, SUMS, WALK, agreement, assert_close, photographs, probabilities

from wsss_core.artifacts import Scores
from wsss_core.losses.energy import dense_energy
from wsss_core.methods.affinitynet.labels import confident_labels
from wsss_core.ops import lattice, pairs, random_walk
from wsss_core.ops.crf import dense_crf
from wsss_core.ops.mean_field import Kernels
from wsss_core.ops.pamr import pamr
from wsss_core.ops.pamr_labels import pamr_labels
from wsss_core.ops.reliable_labels import Reliability, reliable_labels

pytestmark = pytest.mark.gpu

ITERATIONS = 5
SAME_LABELS = 0.9999
"""Share of all pixels: where two labels are as probable, rounding decides."""
SAME_SURE_LABELS = 0.9995
"""And where a label is as sure as it must be, to the last digit."""


def marginals(images, maps, device) -> list[np.ndarray]:
    return dense_crf(images, maps, engine="lattice", iterations=ITERATIONS, device=device, **KERNELS)


@pytest.mark.parametrize(
    ("sizes", "labels"), [(SIZES[:1], (2,)), (SIZES[:1], (21,)), (SIZES, (2, 5, 21)), ((SIZES[0],) * 3, (3, 3, 3))]
)
def test_a_batch_of_crfs_gives_what_each_gives_alone_on_the_cpu(device, sizes, labels):
    images, maps = photographs(sizes), probabilities(sizes, labels=labels)
    together = marginals(images, maps, device)
    alone = [marginals([image], [own], "cpu")[0] for image, own in zip(images, maps, strict=True)]
    differences = [np.abs(a - b) for a, b in zip(together, alone, strict=True)]
    assert max(d.max() for d in differences) <= 1e-3  # the weights of the kernels multiply LATTICE by their sum, 8
    assert max(d.mean() for d in differences) <= 1e-5
    assert agreement([q.argmax(0) for q in together], [q.argmax(0) for q in alone]) >= SAME_LABELS


def test_the_pair_of_crfs_labels_as_on_the_cpu(device):
    images, rng = photographs(), np.random.default_rng(2)
    cams = [
        Scores(np.arange(1, 1 + count, dtype=np.uint8), rng.random((count, -(-size[0] // 4), -(-size[1] // 4))), size)
        for size, count in zip(SIZES, (1, 2, 4), strict=True)
    ]
    options = {"background_exponent_low": 4.0, "background_exponent_high": 24.0, "engine": "lattice",
               "iterations": ITERATIONS, **KERNELS}  # fmt: skip
    together = confident_labels(images, cams, device=device, **options)
    alone = [confident_labels([image], [own], device="cpu", **options)[0]
             for image, own in zip(images, cams, strict=True)]  # fmt: skip
    assert agreement(together, alone) >= SAME_LABELS


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_filter_and_its_adjoint_are_the_cpu_s(device, dtype):
    generator = torch.Generator().manual_seed(0)
    features = 5 * torch.randn(5, 900, generator=generator, dtype=dtype)
    values = torch.randn(900, 4, generator=generator, dtype=dtype)
    here, there = (lattice.build(features.to(place), [400, 500]) for place in ("cpu", device))
    share = LATTICE if dtype == torch.float32 else 1e-12
    assert_close(there.filter(values.to(device)), here.filter(values), share=share)
    assert_close(there.adjoint(values.to(device)), here.adjoint(values), share=share)


def test_the_filter_s_gradient_is_its_adjoint(device):
    generator = torch.Generator().manual_seed(1)
    built = lattice.build(torch.randn(5, 300, generator=generator).to(device))
    values, slopes = (torch.randn(300, 3, generator=generator).to(device) for _ in range(2))
    values.requires_grad_()
    built.filter(values).backward(slopes)
    assert_close(values.grad, built.adjoint(slopes), share=SUMS)


def test_a_walk_goes_as_on_the_cpu_and_several_as_each_alone(device):
    generator = torch.Generator().manual_seed(0)
    features, scores = torch.randn(2, 6, 19, 23, generator=generator), torch.rand(2, 3, 19, 23, generator=generator)

    def walked(which: slice, place) -> torch.Tensor:
        links = pairs.affinities(features[which].to(place), radius=5)
        transition = random_walk.transition_matrix(links, height=19, width=23, beta=8.0)
        return random_walk.propagate(scores[which].to(place), transition, log2_steps=8)

    both = walked(slice(None), device)
    for place in range(2):
        assert_close(both[place], walked(slice(place, place + 1), "cpu")[0], share=WALK)


def test_rows_of_the_transition_matrix_sum_to_one_on_the_device(device):
    links = pairs.affinities(torch.randn(1, 4, 9, 11, generator=torch.Generator().manual_seed(0)).to(device), radius=4)
    transition = random_walk.transition_matrix(links, height=9, width=11, beta=8.0)
    ones = torch.ones(1, 1, 9, 11, device=device)
    assert_close(random_walk.propagate(ones, transition, log2_steps=0), ones, share=SUMS)


@pytest.mark.parametrize("grad", ["released", "exact"])
def test_the_dense_energy_and_its_gradient_are_the_cpu_s(device, grad):
    generator = torch.Generator().manual_seed(0)
    images = torch.from_numpy(np.stack(photographs([(48, 64)] * 2))).permute(0, 3, 1, 2).float()
    logits = torch.randn(2, 4, 48, 64, generator=generator)
    labels = torch.randint(0, 4, (2, 48, 64), generator=generator)
    labels[:, 10:] = 255
    roi = torch.ones(2, 48, 64, dtype=torch.bool)
    roi[1, :, 50:] = False

    def energy(place) -> tuple[torch.Tensor, torch.Tensor | None]:
        own = logits.to(place).requires_grad_()
        value = dense_energy(
            own.softmax(dim=1), images.to(place), labels.to(place), roi.to(place), scale=0.5, sigma_xy=20.0,
            sigma_rgb=15.0, weight=1e-3, gated=True, grad=grad,
        )  # fmt: skip
        value.backward()
        return value, own.grad

    for found, expected in zip(energy(device), energy("cpu"), strict=True):
        assert_close(found, expected, share=LATTICE)


def test_masks_are_refined_as_on_the_cpu(device):
    images = torch.from_numpy(np.stack(photographs([(40, 52)] * 2))).permute(0, 3, 1, 2).float()
    masks = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    refined = pamr(images.to(device), masks.to(device), dilations=(1, 2, 4), iterations=10)
    alone = [pamr(images[k : k + 1], masks[k : k + 1], dilations=(1, 2, 4), iterations=10) for k in range(2)]
    # The contrast divides by deviations of a few grey levels, whose squares lose a digit.
    assert_close(refined, torch.cat(alone), share=1e-4)


def _reliable(images, cams, tags):
    rule = Reliability(4.0, 32.0, 0.4, 0.1, 0.5, 0.6, False, ITERATIONS, Kernels(**KERNELS))
    return reliable_labels(images, cams, tags, rule)


def _refined(images, cams, tags):
    return pamr_labels(images, cams, tags, background_exponent=4.0, stride=4, dilations=(1, 2), iterations=5,
                       background_ratio=0.7, foreground_ratio=0.6, floor=0.2)  # fmt: skip


@pytest.mark.parametrize("make", [_reliable, _refined])
def test_a_network_s_own_labels_are_those_of_each_photograph_on_the_cpu(device, make):
    images = [torch.from_numpy(image) for image in photographs()]
    cams = [torch.from_numpy(maps[1:] / maps[1:].max()) for maps in probabilities(labels=(3, 2, 4))]
    tags = [torch.tensor(ids) for ids in ([1, 4], [2], [1, 2, 3])]
    labels, confidences = make(*([one.to(device) for one in ones] for ones in (images, cams, tags)))
    alone = [make([image], [maps], [ids]) for image, maps, ids in zip(images, cams, tags, strict=True)]
    assert agreement([one.cpu().numpy() for one in labels], [own.numpy() for (own,), _ in alone]) >= SAME_SURE_LABELS
    for found, (_, (expected,)) in zip(confidences, alone, strict=True):
        assert_close(found, expected, share=1e-3)
