"""Dense energy: golden value, the two gradients, the gate, and what padding may not do."""

import pytest
import torch

from wsss_core.losses.energy import _by_point, _kernel, dense_energy
from wsss_core.voc import IGNORE_INDEX

FULL = {"scale": 1.0, "sigma_xy": 50.0, "sigma_rgb": 15.0, "weight": 1.0, "gated": True, "grad": "exact"}


def example(batch=2, classes=3, height=10, width=12, seed=0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, height, width)
    logits = torch.randn(batch, classes, height, width, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, classes, shape, generator=generator)
    labels[:, : height // 2] = IGNORE_INDEX
    return {
        "probabilities": logits.softmax(dim=1),
        "images": 255 * torch.rand(batch, 3, height, width, dtype=torch.float64, generator=generator),
        "labels": labels,
        "roi": torch.ones(shape),
    }


def unlabelled(batch: dict) -> dict:
    return batch | {"labels": torch.full_like(batch["labels"], IGNORE_INDEX)}


def gradient(batch: dict, **options) -> torch.Tensor:
    soft = batch["probabilities"].clone().requires_grad_()
    dense_energy(**batch | {"probabilities": soft}, **FULL | options).backward()
    return soft.grad


def test_golden_value_of_a_small_picture():
    y, x = torch.meshgrid(*[torch.arange(6.0, dtype=torch.float64)] * 2, indexing="ij")
    image = torch.stack([(37 * c + 11 * y + 17 * x) % 256 for c in range(3)])
    soft = torch.stack([(x + 2 * y) % 5 + 1, (3 * x + y) % 4 + 1])
    batch = {"probabilities": (soft / soft.sum(dim=0))[None], "images": image[None],
             "labels": torch.full((1, 6, 6), IGNORE_INDEX), "roi": torch.ones(1, 6, 6)}  # fmt: skip
    for grad in ("released", "exact"):
        assert float(dense_energy(**batch, **FULL | {"grad": grad})) == pytest.approx(-56.20709397, rel=1e-8)


def test_both_forms_have_one_value_and_two_gradients():
    batch = example()
    values = [float(dense_energy(**batch, **FULL | {"grad": grad})) for grad in ("released", "exact")]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    released, exact = (gradient(batch, grad=grad) for grad in ("released", "exact"))
    assert float((released - exact).norm() / exact.norm()) > 0.05


def test_the_released_gradient_is_its_formula():
    batch = example()
    soft, labels = batch["probabilities"], batch["labels"]
    gate = torch.where(labels == IGNORE_INDEX, 1.0, 1 - soft.amax(dim=1))
    filtered = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15).filter(_by_point(soft))
    filtered = filtered.view(2, 10, 12, 3).permute(0, 3, 1, 2)
    expected = -2 * 1e-7 / 2 * gate[:, None] * filtered
    found = gradient(batch, grad="released", weight=1e-7)
    assert float((found - expected).norm() / expected.norm()) < 1e-6


def test_the_exact_gradient_is_the_derivative_with_the_gate_fixed():
    # All pixels unlabelled: the gate is 1 whatever the probabilities are.
    batch = unlabelled(example(1, 2, 5, 6))
    soft = batch.pop("probabilities").requires_grad_()
    assert torch.autograd.gradcheck(lambda s: dense_energy(s, **batch, **FULL), soft)


def test_the_exact_gradient_under_a_gate_is_its_formula():
    batch = example()
    soft, labels = batch["probabilities"], batch["labels"]
    gate = _by_point(torch.where(labels == IGNORE_INDEX, 1.0, 1 - soft.amax(dim=1))[:, None])
    kernel, points = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15), _by_point(soft)
    expected = -(gate * kernel.filter(points) + kernel.adjoint(gate * points)) / 2
    torch.testing.assert_close(_by_point(gradient(batch, grad="exact")), expected)


def test_labelled_and_certain_pixels_have_no_energy():
    batch = example()
    labels = batch["labels"] % 3
    certain = torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2).double()
    batch |= {"labels": labels, "probabilities": certain}
    for grad in ("released", "exact"):
        assert float(dense_energy(**batch, **FULL | {"grad": grad})) == 0
    assert not gradient(batch, grad="released").any()


def test_an_ignored_label_on_a_certain_pixel_adds_energy():
    batch = example()
    batch["labels"] = torch.zeros_like(batch["labels"])
    before = float(dense_energy(**batch, **FULL))
    batch["labels"][0, 3, 4] = IGNORE_INDEX
    assert float(dense_energy(**batch, **FULL)) < before < 0


@pytest.mark.parametrize("gated", [True, False])
def test_padding_has_no_gradient_and_no_influence(gated):
    batch, options = example(), FULL | {"gated": gated}
    batch["roi"][:, :, 8:] = 0
    assert not gradient(batch, gated=gated)[..., 8:].any()
    before = float(dense_energy(**batch, **options))
    changed = batch["probabilities"].clone()
    changed[..., 8:] = changed[..., 8:].flip(1)
    assert float(dense_energy(**batch | {"probabilities": changed}, **options)) == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("grad", ["released", "exact"])
def test_without_the_gate_labels_have_no_influence(grad):
    batch, options = example(), {"gated": False, "grad": grad}
    ungated = float(dense_energy(**batch, **FULL | options))
    assert ungated == float(dense_energy(**unlabelled(batch), **FULL | options))
    assert ungated == float(dense_energy(**unlabelled(batch), **FULL | {"grad": grad}))
    assert ungated < float(dense_energy(**batch, **FULL | {"grad": grad})) < 0
    assert torch.equal(gradient(batch, **options), gradient(unlabelled(batch), **options))


def test_without_the_gate_sure_labelled_pixels_count_fully():
    batch = example()
    labels = batch["labels"] % 3
    certain = torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2).double()
    batch |= {"labels": labels, "probabilities": certain}
    kernel, points = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15), _by_point(certain)
    expected = -float((points * kernel.filter(points)).sum()) / 2
    assert float(dense_energy(**batch, **FULL | {"gated": False})) == pytest.approx(expected, rel=1e-9)


def test_without_the_gate_the_gradient_is_its_formula():
    batch = example()
    points = _by_point(batch["probabilities"])
    filtered = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15).filter(points)
    torch.testing.assert_close(_by_point(gradient(batch, gated=False, grad="released")), -2 / 2 * filtered)


def test_repeating_the_batch_leaves_the_loss():
    batch = example()
    twice = {name: torch.cat([value, value]) for name, value in batch.items()}
    assert float(dense_energy(**twice, **FULL)) == pytest.approx(float(dense_energy(**batch, **FULL)), rel=1e-12)


def test_two_equal_pixels_gain_by_agreeing():
    """Energy falls by 2 A_12 w / B when a pair of opposite labels becomes one."""
    options = {"images": torch.zeros(1, 3, 1, 2, dtype=torch.float64), "roi": torch.ones(1, 1, 2),
               "labels": torch.full((1, 1, 2), IGNORE_INDEX)}  # fmt: skip
    opposite = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]], dtype=torch.float64)
    equal = torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]]], dtype=torch.float64)
    kernel = _kernel(options["images"], sigma_xy=50, sigma_rgb=15).filter(torch.eye(2, dtype=torch.float64))
    difference = dense_energy(equal, **options, **FULL) - dense_energy(opposite, **options, **FULL)
    assert float(difference) == pytest.approx(-float(kernel[0, 1] + kernel[1, 0]), rel=1e-9)


def test_the_potts_identity_links_it_to_disagreement():
    batch = unlabelled(example(1))
    soft = _by_point(batch["probabilities"])
    filtered = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15).filter(soft)
    pairs = soft.T @ filtered                                              # (C, C), of every two classes
    everything = float(filtered.sum())                                     # 1' A 1: the classes sum to one
    disagreement = float(pairs.sum() - pairs.trace())
    assert everything + float(dense_energy(**batch, **FULL)) == pytest.approx(disagreement, rel=1e-9)


def test_half_the_grid_is_every_second_pixel_and_half_the_reach():
    batch = unlabelled(example())
    small = {
        "probabilities": torch.nn.functional.avg_pool2d(batch["probabilities"], 2),
        "images": batch["images"][..., ::2, ::2], "labels": batch["labels"][..., ::2, ::2],
        "roi": batch["roi"][..., ::2, ::2],
    }  # fmt: skip
    halved = float(dense_energy(**batch, **FULL | {"scale": 0.5, "sigma_xy": 100.0}))
    assert halved == pytest.approx(float(dense_energy(**small, **FULL)), rel=1e-12)


def test_half_precision_probabilities_give_a_float32_loss():
    batch = example()
    soft = batch["probabilities"].bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = dense_energy(**batch | {"probabilities": soft}, **FULL)
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)


def test_an_unknown_gradient_is_refused():
    with pytest.raises(ValueError, match="grad must be released or exact, not 'fast'"):
        dense_energy(**example(), **FULL | {"grad": "fast"})


def test_one_distribution_everywhere_has_the_kernels_mass():
    batch = unlabelled(example(1))
    one = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    batch["probabilities"] = one[None, :, None, None].expand(1, 3, 10, 12).contiguous()
    mass = _kernel(batch["images"], sigma_xy=50, sigma_rgb=15).filter(torch.ones(120, 1, dtype=torch.float64)).sum()
    assert float(dense_energy(**batch, **FULL)) == pytest.approx(-float(one.square().sum() * mass), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64])
def test_the_region_of_interest_may_be_a_mask(dtype):
    batch, halved = example(), FULL | {"scale": 0.5}
    batch["roi"][:, :, 8:] = 0
    expected = float(dense_energy(**batch, **halved))
    assert float(dense_energy(**batch | {"roi": batch["roi"].to(dtype)}, **halved)) == expected


def test_a_grid_without_a_cell_is_refused():
    probabilities, images = torch.full((1, 2, 32, 32), 0.5), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    labels, roi = torch.zeros(1, 32, 32, dtype=torch.int64), torch.ones(1, 32, 32, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"energy\.scale 0\.01 leaves nothing of a crop of 32x32; raise it"):
        dense_energy(probabilities, images, labels, roi, weight=1.0, scale=0.01, sigma_xy=9, sigma_rgb=9, gated=True,
                     grad="released")  # fmt: skip
