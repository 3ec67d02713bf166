"""Boundary IoU: by hand, and against an erosion of each label's mask as the published code does it."""

import numpy as np
import pytest
from scipy import ndimage

from wsss_core.evaluation.boundary import BoundaryCounts, near_contours, thickness
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

NUM_CLASSES = 3


def blobs(seed: int, shape=(60, 80), void=0.0) -> np.ndarray:
    """Labels in patches of a few pixels, and void ones."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, NUM_CLASSES + 1, (-(-shape[0] // 9), -(-shape[1] // 11)))
    labels = np.kron(coarse, np.ones((9, 11)))[: shape[0], : shape[1]].astype(np.uint8)
    labels[rng.random(shape) < void] = IGNORE_INDEX
    return labels


def eroded(mask: np.ndarray, distance: int) -> np.ndarray:
    """A mask inside a frame of nothing, eroded as often by a square of 3 x 3."""
    framed = np.pad(mask, 1)
    return ndimage.binary_erosion(framed, np.ones((3, 3)), iterations=distance)[1:-1, 1:-1]


@pytest.mark.parametrize("distance", [1, 2, 5, 29, 30, 200])
def test_what_is_near_a_contour_is_what_an_erosion_of_each_label_takes(distance):
    labels = blobs(0)
    expected = np.zeros(labels.shape, bool)
    for label in range(NUM_CLASSES + 1):
        mask = labels == label
        expected |= mask & ~eroded(mask, distance)
    np.testing.assert_array_equal(near_contours(labels, distance), expected)


def by_masks(predictions, truths, label: int) -> float:
    """The published definition, a mask at a time."""
    both = either = 0
    for predicted, true in zip(predictions, truths, strict=True):
        void = true == IGNORE_INDEX
        predicted = np.where(predicted == IGNORE_INDEX, BACKGROUND, predicted)
        distance = max(1, round(0.02 * np.sqrt(true.shape[0] ** 2 + true.shape[1] ** 2)))
        bands = []
        for labels in (true, predicted):
            mask = (labels == label) & ~void
            bands.append(mask & ~eroded(mask, distance))
        both += (bands[0] & bands[1]).sum()
        either += (bands[0] | bands[1]).sum()
    return both / either


@pytest.mark.parametrize("void", [0, 0.001])
def test_it_is_the_published_definition_summed_over_a_set(void):
    predictions, truths = [blobs(1, void=0.05), blobs(2, (150, 90))], [blobs(3, void=void), blobs(4, (150, 90))]
    counts = BoundaryCounts(NUM_CLASSES)
    for prediction, truth in zip(predictions, truths, strict=True):
        counts.add(prediction, truth)
    expected = [by_masks(predictions, truths, label) for label in range(NUM_CLASSES + 1)]
    np.testing.assert_allclose(counts.iou(), expected)


def test_a_shifted_square_by_hand():
    truth, prediction = np.zeros((2, 12, 12), np.uint8)
    truth[2:7, 2:7] = 1
    prediction[2:7, 3:8] = 1  # a column further; d = 1, so boundaries are rings of 16 pixels
    counts = BoundaryCounts(1)
    counts.add(prediction, truth)
    # the rings share 4 + 4 pixels of their upper and lower sides; inside them columns 2, 6 meet columns 3, 7 nowhere
    assert (counts.true[1], counts.predicted[1], counts.both[1]) == (16, 16, 8)
    assert counts.iou()[1] == pytest.approx(8 / 24)


def test_the_edge_of_the_image_is_a_contour():
    counts = BoundaryCounts(1)
    counts.add(np.ones((20, 20), np.uint8), np.ones((20, 20), np.uint8))
    assert counts.true[1] == 20**2 - 18**2
    np.testing.assert_array_equal(counts.iou(), [np.nan, 1])


def test_the_thickness_is_2_per_cent_of_the_diagonal_and_at_least_a_pixel():
    assert thickness(300, 400) == 10
    assert thickness(8, 8) == 1
    assert thickness(375, 500) == 12  # 12.5, rounded as the published code rounds it


def test_a_hole_that_iou_hardly_sees_costs_the_boundary():
    truth = np.zeros((100, 100), np.uint8)
    truth[10:90, 10:90] = 1
    prediction = truth.copy()
    prediction[10:90:8, 10:13] = 0
    counts = BoundaryCounts(1)
    counts.add(prediction, truth)
    missing = (truth != prediction).sum()
    assert 1 - missing / truth.sum() > 0.99
    assert counts.iou()[1] < 0.95


def test_void_pixels_have_no_influence_and_a_perfect_prediction_scores_1():
    truth = blobs(5, void=0.02)
    for filling in (0, 2):
        counts = BoundaryCounts(NUM_CLASSES)
        counts.add(np.where(truth == IGNORE_INDEX, filling, truth), truth)
        np.testing.assert_array_equal(counts.iou(), 1)


def test_a_prediction_that_ignores_is_background():
    truth, prediction = blobs(6), blobs(7, void=0.1)
    ignoring, filled = BoundaryCounts(NUM_CLASSES), BoundaryCounts(NUM_CLASSES)
    ignoring.add(prediction, truth)
    filled.add(np.where(prediction == IGNORE_INDEX, 0, prediction), truth)
    np.testing.assert_array_equal(ignoring.iou(), filled.iou())


def test_a_prediction_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"the prediction is \(2, 3\), the mask \(3, 2\)"):
        BoundaryCounts(2).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
