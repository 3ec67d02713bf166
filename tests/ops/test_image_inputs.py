"""Photographs as network inputs (`ops.images`)."""

import numpy as np
import pytest
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from wsss_core.ops.images import (
    MEAN,
    STD,
    limited_size,
    normalise,
    pad_to_multiple,
    photograph,
    resized,
    resized_in_floats,
    stacked,
)

CPU = torch.device("cpu")


def random_image(height=5, width=7, *, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_statistics_are_those_of_published_weights_red_first():
    assert (MEAN, STD) == (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)


def test_normalising_is_the_formula_on_each_channel():
    image = random_image()
    expected = (image / 255 - MEAN) / STD
    result = normalise(image)
    np.testing.assert_allclose(result.permute(1, 2, 0), expected, rtol=1e-5, atol=1e-6)
    assert result.dtype == torch.float32


def test_arrays_and_tensors_normalise_alike_in_batches_too():
    image = random_image()
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    torch.testing.assert_close(normalise(tensor), normalise(image))
    torch.testing.assert_close(normalise(torch.stack([tensor, tensor]))[1], normalise(image))


def test_the_photograph_of_an_input_is_what_was_normalised_to_the_bit():
    values = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    pictures = torch.stack([values, values.flip(1), values.transpose(1, 2)], dim=1)  # (1, 3, 16, 16): all values
    assert torch.equal(photograph(normalise(pictures)), pictures)
    image = random_image()
    found = photograph(normalise(image)[None])
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found[0].permute(1, 2, 0), image)


def test_padding_is_photographed_in_its_colour():
    black = normalise(np.zeros((1, 1, 3), np.uint8))
    assert photograph(black[None]).flatten().tolist() == [0, 0, 0]
    assert photograph(torch.zeros(1, 3, 1, 1)).flatten().tolist() == [124, 116, 104]  # round(255 mean)


def test_colours_beyond_the_range_are_clipped():
    assert photograph(torch.full((1, 3, 1, 1), 9.0)).flatten().tolist() == [255, 255, 255]
    assert photograph(torch.full((1, 3, 1, 1), -9.0)).flatten().tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("size", "scale", "max_pixels", "expected"),
    [
        ((375, 500), 1.0, 4_000_000, (375, 500)),
        ((375, 500), 0.5, 4_000_000, (188, 250)),
        ((375, 500), 1.5, 4_000_000, (562, 750)),
        ((3000, 4000), 1.0, 3_000_000, (1500, 2000)),
        ((3000, 4000), 2.0, 3_000_000, (1500, 2000)),
        ((3000, 4000), 0.25, 3_000_000, (750, 1000)),
        ((1, 1), 1.0, 4_000_000, (32, 32)),
        ((20, 3000), 1.0, 4_000_000, (32, 3000)),
        ((20, 3000), 0.5, 4_000_000, (32, 1500)),
    ],
)
def test_sizes_follow_the_scale_within_the_limits(size, scale, max_pixels, expected):
    assert limited_size(size, scale=scale, max_pixels=max_pixels) == expected


def test_an_image_of_the_right_size_is_only_normalised():
    torch.testing.assert_close(resized(stacked([random_image()], CPU), (5, 7))[0], normalise(random_image()))


def test_resizing_keeps_a_plain_colour_and_turns_nothing_round():
    plain = np.full((6, 8, 3), (10, 100, 250), np.uint8)
    expected = normalise(np.full((9, 20, 3), (10, 100, 250), np.uint8))
    torch.testing.assert_close(resized(stacked([plain], CPU), (9, 20))[0], expected)
    left = np.zeros((6, 8, 3), np.uint8)
    left[:, :4] = 255
    halves = resized(stacked([left], CPU), (12, 16))[0, 0]
    assert halves[:, :4].min() > halves[:, 12:].max()


def test_images_of_one_size_are_resized_as_each_alone():
    images = [random_image(seed=seed) for seed in (0, 1)]
    together = resized(stacked(images, CPU), (9, 4))
    for image, one in zip(images, together, strict=True):
        assert torch.equal(one, resized(stacked([image], CPU), (9, 4))[0])


@pytest.mark.parametrize("size", [(30, 40), (45, 61), (60, 100), (90, 80), (120, 160), (32, 500)])
def test_resizing_in_floats_is_the_operator_for_bytes_but_for_a_level_in_a_hundred(size):
    images = [smooth_image(seed=seed) for seed in (0, 1)]
    tensor = stacked(images, CPU)
    difference = (resized_in_floats(tensor, size) - photograph(resized(tensor, size)).float()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 0.01


def smooth_image(*, seed: int) -> np.ndarray:
    """(60, 80, 3) uint8: patches of colour with noise on them, edges in both directions."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (5, 8, 3)).repeat(12, axis=0).repeat(10, axis=1)
    return (patches + rng.normal(0, 8, patches.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(5, 7), (9, 4)])
def test_what_networks_see_lies_contiguous(size):
    assert resized(stacked([random_image()], CPU), size).is_contiguous()


@pytest.mark.parametrize(("size", "padded"), [((5, 7), (32, 32)), ((32, 64), (32, 64)), ((33, 31), (64, 32))])
def test_padding_is_the_mean_colour_at_the_bottom_and_the_right(size, padded):
    tensor = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)) + 1
    result = pad_to_multiple(tensor, 32)
    assert result.shape == (3, *padded)
    torch.testing.assert_close(result[:, : size[0], : size[1]], tensor)
    assert result.sum() == pytest.approx(tensor.sum().item(), rel=1e-5)
