"""Pixel-adaptive mask refinement: golden values, invariants, parity with single pixels."""

import pytest
import torch
import torch.nn.functional as F

from wsss_core.ops.pamr import pamr

PAPER = {"dilations": (1, 2, 4, 8, 12, 24), "iterations": 10}


def example(batch=2, classes=3, height=11, width=14, seed=0) -> tuple[torch.Tensor, torch.Tensor]:
    """Images in [0, 1] and masks that sum to one."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, 3, height, width, generator=generator)
    return images, torch.randn(batch, classes, height, width, generator=generator).softmax(dim=1)


def pixel_by_pixel(image, mask, *, dilations, iterations) -> torch.Tensor:
    """PAMR of one (3, h, w) image and (C, h, w) masks, as the specification's sentences say."""
    height, width = image.shape[1:]

    def value(maps, y, x):
        return maps[:, min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    for _ in range(iterations):
        refined = torch.zeros_like(mask)
        for y in range(height):
            for x in range(width):
                square = [(y + d * i, x + d * j) for d in dilations for i in (-1, 0, 1) for j in (-1, 0, 1)]
                ring = [place for place in square if place != (y, x)]
                sigma = torch.stack([value(image, *place) for place in square]).std(dim=0)
                difference = torch.stack([(value(image, *place) - image[:, y, x]).abs() for place in ring])
                weights = (-difference / (1e-8 + 0.1 * sigma)).mean(dim=1).softmax(dim=0)
                refined[:, y, x] = torch.stack([value(mask, *place) for place in ring], dim=1) @ weights
        mask = refined
    return mask


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dilations": (1,), "iterations": 1}, [0.25000, 0.74923, 0.50000, 0.75000]),
        ({"dilations": (1, 2), "iterations": 3}, [0.28161, 0.51847, 0.50000, 0.71839]),
    ],
)
def test_golden_values_of_a_small_picture(options, expected):
    y, x = torch.meshgrid(*[torch.arange(5.0)] * 2, indexing="ij")
    image = ((7 * y + 3 * x) % 5 / 5).expand(1, 3, 5, 5)
    mask = ((x + y) % 3 / 2)[None, None]
    found = pamr(image, mask, **options).flatten()[[0, 7, 12, 24]]
    torch.testing.assert_close(found, torch.tensor(expected), atol=6e-6, rtol=0)


@pytest.mark.parametrize("dilations", [(1,), (2, 1), (1, 4, 24)])
def test_it_is_what_single_pixels_give(dilations):
    images, masks = (maps.double() for maps in example(height=5, width=6))
    options = {"dilations": dilations, "iterations": 2}
    expected = torch.stack([pixel_by_pixel(*pair, **options) for pair in zip(images, masks, strict=True)])
    torch.testing.assert_close(pamr(images, masks, **options), expected)


def test_what_the_masks_sum_to_is_kept():
    images, masks = example()
    for soft, tolerance in ((masks, 1e-5), (masks.double().softmax(dim=1), 1e-12)):
        total = pamr(images, soft, **PAPER).sum(dim=1)
        torch.testing.assert_close(total, torch.ones_like(total), atol=tolerance, rtol=0)


def test_the_range_of_a_mask_shrinks():
    images, masks = example()
    found = pamr(images, masks, **PAPER)
    assert (found.amin(dim=(2, 3)) > masks.amin(dim=(2, 3))).all()
    assert (found.amax(dim=(2, 3)) < masks.amax(dim=(2, 3))).all()


def test_a_constant_mask_stays():
    images, masks = example()
    constant = torch.full_like(masks, 0.3)
    torch.testing.assert_close(pamr(images, constant, **PAPER), constant)


@pytest.mark.parametrize(("scale", "offset"), [(255, 0), (4, -2), (-1, 1)])
def test_scale_and_offset_of_intensity_change_nothing(scale, offset):
    images, masks = (maps.double() for maps in example())
    torch.testing.assert_close(
        pamr(scale * images + offset, masks, **PAPER), pamr(images, masks, **PAPER), atol=4e-7, rtol=0
    )


def test_on_a_flat_image_it_is_the_mean_of_the_ring():
    _, masks = example()
    ring = torch.tensor([[1, 1, 1], [1, 0, 1], [1, 1, 1.0]]).expand(3, 1, 3, 3) / 8
    expected = F.conv2d(F.pad(masks, (2, 2, 2, 2), mode="replicate"), ring, groups=3, dilation=2)
    found = pamr(torch.full((2, 3, 11, 14), 0.7), masks, dilations=(2,), iterations=1)
    torch.testing.assert_close(found, expected)


def test_masks_stop_at_an_edge_of_the_image():
    images = torch.zeros(1, 3, 8, 8)
    images[..., 4:] = 1
    images += 0.01 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    left = torch.zeros(1, 1, 8, 8)
    left[..., :4] = 1
    found = pamr(images, left, dilations=(1,), iterations=10)
    torch.testing.assert_close(found, left, atol=0.05, rtol=0)


def test_images_of_a_batch_do_not_meet():
    images, masks = example()
    together = pamr(images, masks, **PAPER)
    apart = [pamr(images[i : i + 1], masks[i : i + 1], **PAPER) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(apart))


def test_a_mirrored_input_gives_a_mirrored_result():
    images, masks = example()
    mirrored = pamr(images.flip(-1), masks.flip(-1), **PAPER)
    torch.testing.assert_close(mirrored.flip(-1), pamr(images, masks, **PAPER))


def test_the_result_is_detached_and_the_input_unchanged():
    images, masks = example()
    before = masks.clone()
    for iterations in (0, 2):
        found = pamr(images, masks.requires_grad_(), dilations=(1,), iterations=iterations)
        assert not found.requires_grad
    torch.testing.assert_close(masks.detach(), before, rtol=0, atol=0)


def test_half_precision_masks_are_refined_in_float32():
    images, masks = example()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pamr(images, masks.bfloat16(), **PAPER)
    torch.testing.assert_close(found, pamr(images, masks.bfloat16().float(), **PAPER), rtol=0, atol=0)


def test_double_precision_stays():
    images, masks = example()
    assert pamr(images, masks.double(), **PAPER).dtype == torch.float64


def test_images_of_another_size_are_refused():
    images, masks = example()
    with pytest.raises(ValueError, match="images are 11x14, masks are 11x7; resize the images"):
        pamr(images, masks[..., ::2], **PAPER)


@pytest.mark.parametrize("dilations", [(), (1, 0)])
def test_dilations_that_reach_no_neighbour_are_refused(dilations):
    with pytest.raises(ValueError, match="give at least one, each 1 or more"):
        pamr(*example(), dilations=dilations, iterations=1)
