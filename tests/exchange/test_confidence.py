"""How sure a label is, by the scores behind it."""

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.exchange.confidence import of_agreement, of_labels

SCORES = Scores(np.array([0, 3], np.uint8), np.array([[[0.2, 0.6]], [[0.6, 0.2]]], np.float16), (1, 2))


def test_a_label_is_as_sure_as_its_share_of_the_scores():
    np.testing.assert_allclose(of_labels(np.array([[3, 0]], np.uint8), SCORES), [[0.75, 0.75]], atol=1e-3)


def test_a_label_against_the_scores_is_unsure_and_one_without_any_is_impossible():
    np.testing.assert_allclose(of_labels(np.array([[0, 1]], np.uint8), SCORES), [[0.25, 0]], atol=1e-3)


def test_an_ignored_pixel_is_as_sure_as_its_likeliest_class():
    np.testing.assert_allclose(of_labels(np.full((1, 2), 255, np.uint8), SCORES), [[0.75, 0.75]], atol=1e-3)


def test_maps_agree_or_do_not():
    np.testing.assert_array_equal(of_agreement(np.array([[1, 2]]), np.array([[1, 0]])), [[1, 0]])
