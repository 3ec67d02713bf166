"""Arithmetic on class activation maps."""

import numpy as np
import pytest

from wsss_core.ops import cam


def random_maps(num_maps=2, height=9, width=14, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random((num_maps, height, width)).astype(np.float32)


def test_each_map_is_clipped_at_0_and_divided_by_its_own_maximum():
    maps = cam.normalise(np.array([[[-3.0, 1.0, 2.0]], [[100.0, 50.0, -1.0]]]))
    np.testing.assert_allclose(maps, [[[0, 0.5, 1]], [[1, 0.5, 0]]], atol=1e-5)
    assert maps.dtype == np.float32


def test_the_strongest_cell_of_each_map_comes_close_to_1_and_never_reaches_above():
    maps = cam.normalise(random_maps(num_maps=4) * np.array([0.1, 1, 7, 300]).reshape(4, 1, 1))
    peaks = maps.max(axis=(1, 2))
    assert np.all(peaks > 1 - 1e-3)
    assert np.all(peaks <= 1)


def test_a_map_without_evidence_stays_0_without_a_warning():
    assert not cam.normalise(np.array([[[-1.0, -2.0]], [[0.0, 0.0]]])).any()
    assert cam.normalise(np.zeros((0, 2, 3))).shape == (0, 2, 3)


@pytest.mark.parametrize(("exponent", "even"), [(4, 0.2755), (16, 0.1228), (24, 0.0939), (32, 0.0770)])
def test_background_breaks_even_where_the_specification_says(exponent, even):
    below, above = (cam.background(np.full((1, 1, 1), even + d), exponent=exponent)[0, 0] for d in (-1e-4, 1e-4))
    assert below > even - 1e-4
    assert above < even + 1e-4


def test_background_answers_the_strongest_class():
    maps = np.array([[[0.0, 0.5, 1.0, 0.2]], [[0.0, 0.1, 0.3, 0.5]]])
    np.testing.assert_allclose(cam.background(maps, exponent=2), [[1, 0.25, 0, 0.25]])


def test_background_is_a_probability_that_falls_with_the_exponent():
    levels = [cam.background(random_maps(), exponent=exponent) for exponent in (1, 4, 16, 32)]
    for weaker, stronger in zip(levels[1:], levels, strict=False):
        assert np.all(weaker < stronger)
        assert weaker.min() >= 0
        assert stronger.max() <= 1


def test_background_of_an_image_without_tags_is_certain():
    np.testing.assert_array_equal(cam.background(np.zeros((0, 2, 3)), exponent=16), np.ones((2, 3)))


def test_background_stands_first():
    maps = random_maps()
    stacked = cam.with_background(maps, exponent=4)
    np.testing.assert_array_equal(stacked[0], cam.background(maps, exponent=4))
    np.testing.assert_array_equal(stacked[1:], maps)


@pytest.mark.parametrize(
    ("size", "stride", "grid"),
    [((375, 500), 8, (47, 63)), ((375, 500), 4, (94, 125)), ((1, 1), 8, (1, 1)), ((16, 17), 8, (2, 3))],
)
def test_a_grid_covers_its_image(size, stride, grid):
    assert cam.grid_size(size, stride=stride) == grid


def test_upsampling_puts_each_cell_over_its_own_pixels():
    # one row of cells, factor 4: bilinear between centres at 1.5, 5.5, constant outside
    up = cam.upsample(np.array([[[0.0, 1.0]]]), (4, 8))
    expected = [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]
    np.testing.assert_allclose(up, np.tile(expected, (1, 4, 1)))
    assert up.dtype == np.float32


def test_upsampling_cuts_off_what_sticks_out_instead_of_squeezing_it():
    maps = random_maps(height=3, width=4)
    np.testing.assert_array_equal(cam.upsample(maps, (10, 13)), cam.upsample(maps, (12, 16))[:, :10, :13])


def test_upsampling_keeps_constants_and_bounds():
    np.testing.assert_allclose(cam.upsample(np.full((1, 3, 4), 0.3), (10, 13)), 0.3, rtol=1e-6)
    maps = random_maps(height=3, width=4)
    up = cam.upsample(maps, (10, 13))
    assert up.min() >= maps.min()
    assert up.max() <= maps.max()


def test_maps_at_full_size_pass_unchanged_and_no_map_gives_no_map():
    maps = random_maps()
    np.testing.assert_array_equal(cam.upsample(maps, (9, 14)), maps)
    assert cam.upsample(np.zeros((0, 3, 4)), (10, 13)).shape == (0, 10, 13)


@pytest.mark.parametrize("size", [(10, 20), (7, 13), (2, 2)])
def test_a_grid_of_another_image_is_refused(size):
    with pytest.raises(ValueError, match=rf"a 3x4 grid does not cover a {size[0]}x{size[1]} image in square cells"):
        cam.upsample(np.zeros((1, 3, 4)), size)


def test_resizing_averages_where_it_shrinks():
    np.testing.assert_allclose(cam.resize(np.tile([0.0, 0, 0, 1], (8, 2)), (2, 2)), 0.25, atol=0.08)
    np.testing.assert_allclose(cam.resize(np.full((3, 5), 0.3), (7, 4)), np.full((7, 4), 0.3), rtol=1e-6)


def test_pooling_is_the_mean_of_each_cell_as_far_as_it_lies_in_the_image():
    maps = random_maps(height=9, width=14)
    expected = [
        [[plane[y:y + 4, x:x + 4].mean() for x in range(0, 14, 4)] for y in range(0, 9, 4)] for plane in maps
    ]
    np.testing.assert_allclose(cam.pool(maps, stride=4), expected, rtol=1e-5)


def test_background_of_the_pooled_map_is_not_the_pooled_background():
    # (1 - max)^16 is convex: the order matters, and the specification takes the power first
    maps = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    assert cam.pool(cam.background(maps, exponent=16)[None], stride=2).item() == pytest.approx(0.5)
    assert cam.background(cam.pool(maps, stride=2), exponent=16).item() == pytest.approx(0.5**16)
