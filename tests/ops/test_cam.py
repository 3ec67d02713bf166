"""Arithmetic on class activation maps."""

import numpy as np
import pytest

from wsss_core.ops import cam, grids


def random_maps(num_maps=2, height=9, width=14, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random((num_maps, height, width)).astype(np.float32)


def test_each_map_is_clipped_at_0_and_divided_by_its_own_maximum():
    maps = cam.rectified_over_maximum(np.array([[[-3.0, 1.0, 2.0]], [[100.0, 50.0, -1.0]]]))
    np.testing.assert_allclose(maps, [[[0, 0.5, 1]], [[1, 0.5, 0]]], atol=1e-5)
    assert maps.dtype == np.float32


def test_the_strongest_cell_of_each_map_comes_close_to_1_and_never_reaches_above():
    maps = cam.rectified_over_maximum(random_maps(num_maps=4) * np.array([0.1, 1, 7, 300]).reshape(4, 1, 1))
    peaks = maps.max(axis=(1, 2))
    assert np.all(peaks > 1 - 1e-3)
    assert np.all(peaks <= 1)


def test_a_map_without_evidence_stays_0_without_a_warning():
    assert not cam.rectified_over_maximum(np.array([[[-1.0, -2.0]], [[0.0, 0.0]]])).any()
    assert cam.rectified_over_maximum(np.zeros((0, 2, 3))).shape == (0, 2, 3)


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


def test_background_of_the_pooled_map_is_not_the_pooled_background():
    # (1 - max)^16 is convex: the order matters, and the specification takes the power first
    maps = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    assert grids.store(cam.background(maps, exponent=16)[None], stride=2).item() == pytest.approx(0.5)
    assert cam.background(grids.store(maps, stride=2), exponent=16).item() == pytest.approx(0.5**16)
