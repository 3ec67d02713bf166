"""The dense CRF behind one function."""

import numpy as np
import pytest

from wsss_core.ops.crf import dense_crf

SETTINGS = {
    "iterations": 10, "gaussian_sxy": 3, "gaussian_weight": 3,
    "bilateral_sxy": 80, "bilateral_srgb": 13, "bilateral_weight": 10,
}  # fmt: skip


def two_colours(height=20, width=30) -> np.ndarray:
    image = np.full((height, width, 3), 200, dtype=np.uint8)
    image[:, : width // 2] = 40
    return image


def random_probabilities(num_labels=3, height=20, width=30) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.05, 1, (num_labels, height, width))


def test_no_iteration_gives_the_normalised_probabilities():
    probabilities = random_probabilities()
    marginals = dense_crf(two_colours(), probabilities, **SETTINGS | {"iterations": 0})
    np.testing.assert_allclose(marginals, probabilities / probabilities.sum(axis=0), atol=1e-6)


def test_kernels_without_weight_change_nothing():
    probabilities = random_probabilities()
    settings = SETTINGS | {"gaussian_weight": 0, "bilateral_weight": 0}
    marginals = dense_crf(two_colours(), probabilities, **settings)
    np.testing.assert_allclose(marginals, probabilities / probabilities.sum(axis=0), atol=1e-6)


def test_marginals_are_probabilities():
    marginals = dense_crf(two_colours(), random_probabilities(), **SETTINGS)
    assert (marginals.shape, marginals.dtype) == ((3, 20, 30), np.float32)
    assert marginals.min() >= 0
    np.testing.assert_allclose(marginals.sum(axis=0), 1, atol=1e-5)


def test_only_ratios_of_probabilities_matter():
    probabilities = random_probabilities()
    marginals = [dense_crf(two_colours(), factor * probabilities, **SETTINGS) for factor in (1, 0.3)]
    np.testing.assert_allclose(*marginals, atol=1e-3)


def test_certain_absence_is_clipped_and_not_infinite():
    probabilities = np.zeros((2, 20, 30))
    probabilities[0] = 1
    assert np.isfinite(dense_crf(two_colours(), probabilities, **SETTINGS)).all()


def test_a_seed_fills_the_region_of_its_colour_and_stops_at_the_edge():
    # the evidence of class 1 covers a third of the dark half; it is weakly doubted in all the rest
    foreground = np.full((20, 30), 0.45)
    foreground[:, :5] = 0.95
    foreground[:, 15:] = 0.2
    label = dense_crf(two_colours(), np.stack([1 - foreground, foreground]), **SETTINGS).argmax(axis=0)
    np.testing.assert_array_equal(label, (two_colours()[..., 0] == 40).astype(int))


def test_smoothness_removes_a_lonely_pixel_where_there_is_no_colour():
    foreground = np.full((15, 15), 0.3)
    foreground[7, 7] = 0.6
    grey = np.full((15, 15, 3), 128, dtype=np.uint8)
    label = dense_crf(grey, np.stack([1 - foreground, foreground]), **SETTINGS | {"bilateral_weight": 0}).argmax(axis=0)
    assert not label.any()


def test_one_label_is_certain_everywhere():
    np.testing.assert_array_equal(dense_crf(two_colours(), np.full((1, 20, 30), 0.1), **SETTINGS), 1)


def test_a_single_pixel_and_a_thin_strip_pass():
    for size in ((1, 1), (2, 300)):
        image = np.zeros((*size, 3), dtype=np.uint8)
        assert dense_crf(image, np.full((2, *size), 0.5), **SETTINGS).shape == (2, *size)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"probabilities are 20x30, the image is \(30, 20, 3\); resize them first"):
        dense_crf(np.zeros((30, 20, 3), np.uint8), random_probabilities(), **SETTINGS)
