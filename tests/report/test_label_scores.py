"""Figures of label maps beside the mIoU: the interval over images, calibration, the table of classes; by hand."""

import itertools

import numpy as np
import pytest

from wsss_core.artifacts import Scores
from wsss_core.evaluation.bootstrap import miou_interval
from wsss_core.evaluation.calibration import Calibration, confidence_in
from wsss_core.evaluation.label_scores import CLASS_COLUMNS, ImageCounts, LabelScores
from wsss_core.voc import IGNORE_INDEX


def counts_of(*images) -> np.ndarray:
    """(N, 3, L): of each image (rightly predicted, true, predicted) pixels of each label."""
    return np.array(images)


GOOD, BAD = ((8, 2), (8, 2), (8, 2)), ((6, 0), (8, 2), (8, 2))
"""IoU 1 of both labels; 6 / 10 and 0."""


def test_the_interval_of_two_images_by_hand():
    # a quarter of the sets is GOOD twice: 1; a quarter BAD twice: .3; half of each: (14 / 18 + 2 / 6) / 2... no more
    low, high = miou_interval(counts_of(GOOD, BAD))
    assert (low, high) == (pytest.approx(0.3), 1)
    low, high = miou_interval(counts_of(GOOD, BAD), level=0.4)  # between .3 and .7: the mixed sets alone
    assert low == high == pytest.approx((14 / 18 + 2 / 6) / 2)


def test_the_interval_is_that_of_drawing_one_set_after_the_other():
    rng = np.random.default_rng(1)
    right = rng.integers(0, 50, (12, 3))
    counts = np.stack([right, right + rng.integers(0, 50, (12, 3)), right + rng.integers(0, 50, (12, 3))], axis=1)
    counts[:, :, 2] = 0  # a label that never occurs
    counts[1:, :, 1] = 0  # one that occurs in one image: absent from many sets
    drawing, mious = np.random.default_rng(0), []
    for _ in range(1000):
        one, true, predicted = counts[drawing.integers(12, size=12)].sum(axis=0)
        union = true + predicted - one
        mious.append(np.mean([a / b for a, b in zip(one, union, strict=True) if b]))
    np.testing.assert_allclose(miou_interval(counts), np.percentile(mious, [2.5, 97.5]))


def test_equal_images_leave_no_doubt_and_one_image_tells_of_none():
    assert miou_interval(counts_of(BAD, BAD, BAD)) == (pytest.approx(0.3), pytest.approx(0.3))
    assert all(np.isnan(bound) for bound in miou_interval(counts_of(GOOD)))


def test_the_same_images_give_the_same_interval():
    counts = np.random.default_rng(0).integers(1, 9, (20, 3, 4))
    counts[:, 0] = 1
    assert miou_interval(counts) == miou_interval(counts) != miou_interval(counts, seed=1)


def test_calibration_by_hand():
    labels = np.array([[1, 1, 1, 0, 0, IGNORE_INDEX, 1]], np.uint8)
    truth = np.array([[1, 1, 0, 0, 1, 1, IGNORE_INDEX]], np.uint8)
    sure = np.array([[0.95, 0.97, 0.96, 0.5, 0.48, 0.9, 0.9]])
    calibration = Calibration()
    calibration.add(labels, sure, truth)
    # bins of a fifteenth: .95, .96, .97 in the last with 2 of 3 right; .48 and .5 in (7/15, 8/15] with 1 of 2
    assert calibration.curve() == [(pytest.approx(0.49), 0.5, 2), (pytest.approx(0.96), pytest.approx(2 / 3), 3)]
    assert calibration.error() == pytest.approx((2 * 0.01 + 3 * (0.96 - 2 / 3)) / 5)


def test_a_confidence_on_a_bins_end_belongs_below_it_and_0_to_the_first():
    calibration = Calibration()
    calibration.add(np.zeros((1, 3), np.uint8), np.array([[0.0, 0.2, 1.0]]), np.zeros((1, 3), np.uint8))
    np.testing.assert_array_equal(np.flatnonzero(calibration.pixels), [0, 2, 14])  # .2 = 3 / 15


def test_nothing_counted_has_no_calibration_error():
    assert np.isnan(Calibration().error()) and Calibration().curve() == []


def test_the_confidence_of_a_label_is_its_share_of_the_scores():
    scores = Scores(np.array([0, 3], np.uint8), np.array([[[0.2, 0.6]], [[0.6, 0.2]]], np.float16), (1, 2))
    np.testing.assert_allclose(confidence_in(scores, np.array([[3, 3]], np.uint8)), [[0.75, 0.25]], atol=1e-3)
    np.testing.assert_allclose(confidence_in(scores, np.array([[0, 2]], np.uint8)), [[0.25, 0]], atol=1e-3)


def test_an_ignored_pixel_is_as_sure_as_its_likeliest_class():
    scores = Scores(np.array([0, 3], np.uint8), np.array([[[0.2, 0.9]], [[0.6, 0.1]]], np.float16), (1, 2))
    ignored = np.full((1, 2), IGNORE_INDEX, np.uint8)
    np.testing.assert_allclose(confidence_in(scores, ignored), [[0.75, 0.9]], atol=1e-3)


def test_the_table_of_classes_by_hand():
    truth = np.array([[0, 0, 0, 1, 1, IGNORE_INDEX]] * 20, np.uint8)
    prediction = np.array([[0, 0, 1, 1, IGNORE_INDEX, 1]] * 20, np.uint8)  # a predicted 255 is background
    scores = LabelScores(2, ["all"])
    scores.add(ImageCounts.of(prediction, truth, num_classes=2), groups=["all"])
    rows = scores.of_classes(["background", "cat", "dog"])
    background, cat, dog = (dict(zip(CLASS_COLUMNS, row, strict=True)) for row in rows)
    assert (background["true_pixels"], background["predicted_pixels"]) == (60, 60)
    assert (cat["precision"], cat["recall"], cat["iou"]) == (0.5, 0.5, pytest.approx(1 / 3))
    assert cat["boundary_iou"] == cat["iou"], "so narrow that all is boundary"
    assert [dog[name] for name in CLASS_COLUMNS[1:]] == ["", "", "", "", 0, 0]


def test_groups_hold_their_own_images():
    truth, wrong = np.zeros((20, 30), np.uint8), np.ones((20, 30), np.uint8)
    scores = LabelScores(1, ["all", "rest", "tuning"])
    for image, group in ((truth, "rest"), (wrong, "tuning")):
        scores.add(ImageCounts.of(image, truth, num_classes=1), groups=["all", group])
    figures = scores.figures()
    assert (figures["miou_rest"], figures["miou_tuning"], figures["miou"]) == (1, 0, 0.25)
    assert (figures["miou_low"], figures["miou_high"]) == (0, 1)
    assert figures["boundary_miou"] == 0.25
    assert "ece" not in figures


def test_the_order_of_images_does_not_matter():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 3, (3, 2, 24, 30)).astype(np.uint8)  # of each image prediction and truth
    found = []
    for order in itertools.permutations(images):
        scores = LabelScores(2, ["all"])
        for prediction, truth in order:
            scores.add(ImageCounts.of(prediction, truth, num_classes=2), groups=["all"])
        figures = scores.figures()
        found.append((figures["miou"], figures["boundary_miou"]))
    assert len(set(found)) == 1
