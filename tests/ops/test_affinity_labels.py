"""Confident labels: what survives which background, and who wins a conflict."""

import numpy as np
import pytest

from wsss_core.artifacts import Scores
from wsss_core.methods.affinitynet.labels import combine, confident_labels
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

NO_CRF = {
    "engine": "lattice", "iterations": 0, "gaussian_sxy": 3, "gaussian_weight": 3,
    "bilateral_sxy": 80, "bilateral_srgb": 13, "bilateral_weight": 10,
}  # fmt: skip


def before_crf(cams: Scores, low: float, high: float) -> np.ndarray:
    image = np.zeros((*cams.size, 3), dtype=np.uint8)
    (label,) = confident_labels([image], [cams], background_exponent_low=low, background_exponent_high=high, **NO_CRF)
    return label


def ramp() -> Scores:
    """Two classes on 201 pixels: class 7 rises from 0 to 1, class 12 is a little weaker."""
    rising = np.linspace(0, 1, 201, dtype=np.float32)
    return Scores(np.array([7, 12], np.uint8), np.stack([rising, 0.9 * rising])[:, None], (1, 201))


def test_a_class_a_background_and_what_lies_between():
    low, high = np.array([[0, 0, 1, 2]]), np.array([[0, 1, 1, 2]])
    labels = combine(low, high, np.array([7, 12], np.uint8))
    np.testing.assert_array_equal(labels, [[BACKGROUND, IGNORE_INDEX, 7, 12]])
    assert labels.dtype == np.uint8


def test_background_wins_where_both_runs_claim_a_pixel():
    np.testing.assert_array_equal(combine(np.array([[1]]), np.array([[0]]), np.array([7])), [[BACKGROUND]])


def test_the_low_run_names_the_class_where_the_runs_find_two():
    np.testing.assert_array_equal(combine(np.array([[1]]), np.array([[2]]), np.array([7, 12])), [[7]])


def test_the_break_even_points_bound_the_ignored_band():
    # (1 - m)^4 = m at .2755, (1 - m)^24 = m at .0939
    labels, score = before_crf(ramp(), 4, 24)[0], np.linspace(0, 1, 201)
    np.testing.assert_array_equal(labels[score < 0.0939], BACKGROUND)
    np.testing.assert_array_equal(labels[(score > 0.0939) & (score < 0.2755)], IGNORE_INDEX)
    np.testing.assert_array_equal(labels[score > 0.2755], 7)


@pytest.mark.parametrize("size", [(12, 17)])
def test_exponents_move_the_borders_one_way_only(size):
    values = np.random.default_rng(0).random((2, *size)).astype(np.float32) ** 3
    cams = Scores(np.array([3, 9], np.uint8), values, size)
    middle, weaker, stronger = before_crf(cams, 4, 16), before_crf(cams, 4, 32), before_crf(cams, 2, 16)
    # a higher high exponent only removes background, a lower low one only removes foreground
    assert set(middle[weaker != middle]) == {BACKGROUND}
    assert set(weaker[weaker != middle]) == {IGNORE_INDEX}
    assert not set(middle[stronger != middle]) & {BACKGROUND, IGNORE_INDEX}
    assert set(stronger[stronger != middle]) == {IGNORE_INDEX}


def test_an_image_without_tags_is_background():
    cams = Scores(np.zeros(0, np.uint8), np.zeros((0, 2, 3), np.float16), (5, 9))
    np.testing.assert_array_equal(before_crf(cams, 4, 16), np.zeros((5, 9)))


def test_labels_have_the_size_of_the_photograph():
    cams = Scores(np.array([5], np.uint8), np.ones((1, 3, 5), np.float16), (10, 18))
    np.testing.assert_array_equal(before_crf(cams, 4, 16), np.full((10, 18), 5))
