"""Scores of label maps: parity with loops, and the invariants of the specification."""

import numpy as np
import pytest

from wsss_core.evaluation.confusion import Confusion, ThresholdSweep, iou
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

NUM_CLASSES = 4


def random_labels(seed, shape=(3, 8, 9), ignore=0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES + 1, shape).astype(np.uint8)
    labels[rng.random(shape) < ignore] = IGNORE_INDEX
    return labels


def counted(predictions, truths) -> Confusion:
    confusion = Confusion(NUM_CLASSES)
    for prediction, truth in zip(predictions, truths, strict=True):
        confusion.add(prediction, truth)
    return confusion


def iou_by_loops(predictions, truths, label: int) -> float:
    both = either = 0
    for predicted, true in zip(predictions.flat, truths.flat, strict=True):
        if true != IGNORE_INDEX:
            predicted = BACKGROUND if predicted == IGNORE_INDEX else predicted
            both += predicted == label and true == label
            either += predicted == label or true == label
    return both / either


def test_counts_match_loops():
    predictions, truths = random_labels(0), random_labels(1)
    expected = np.zeros((NUM_CLASSES + 1, NUM_CLASSES + 2), int)
    for predicted, true in zip(predictions.flat, truths.flat, strict=True):
        if true != IGNORE_INDEX:
            expected[true, -1 if predicted == IGNORE_INDEX else predicted] += 1
    np.testing.assert_array_equal(counted(predictions, truths).matrix, expected)


def test_iou_matches_loops_with_ignored_predictions_as_background():
    predictions, truths = random_labels(0), random_labels(1)
    expected = [iou_by_loops(predictions, truths, label) for label in range(NUM_CLASSES + 1)]
    confusion = counted(predictions, truths)
    np.testing.assert_allclose(confusion.iou(), expected)
    assert confusion.miou() == pytest.approx(np.mean(expected))


def test_iou_is_of_the_whole_set_and_not_the_mean_over_images():
    truths = np.array([[[1, 1, 1, 1]], [[1, 0, 0, 0]]], np.uint8)
    predictions = np.array([[[1, 1, 1, 1]], [[0, 0, 0, 0]]], np.uint8)
    np.testing.assert_allclose(counted(predictions, truths).iou()[:2], [3 / 4, 4 / 5])


def test_a_perfect_prediction_scores_1():
    truths = random_labels(0)
    confusion = counted(np.where(truths == IGNORE_INDEX, 3, truths), truths)
    assert confusion.miou() == confusion.miou_labelled() == confusion.coverage() == 1


def test_accuracy_is_the_share_of_labelled_pixels_whose_label_is_true():
    truths = np.array([[0, 1, 1, 2, IGNORE_INDEX]], np.uint8)
    predictions = np.array([[0, 1, 2, IGNORE_INDEX, 1]], np.uint8)  # of the three that count, two are right
    assert counted([predictions], [truths]).accuracy_labelled() == pytest.approx(2 / 3)


def test_accuracy_matches_loops():
    predictions, truths = random_labels(0), random_labels(1)
    both = (predictions != IGNORE_INDEX) & (truths != IGNORE_INDEX)
    expected = np.mean([p == t for p, t in zip(predictions[both], truths[both], strict=True)])
    assert counted(predictions, truths).accuracy_labelled() == pytest.approx(expected)


@pytest.mark.parametrize("predicted", [IGNORE_INDEX, None], ids=["all ignored", "no image"])
def test_accuracy_is_undefined_without_a_labelled_pixel(predicted):
    truths = [] if predicted is None else [np.zeros((2, 2), np.uint8)]
    assert np.isnan(counted([np.full((2, 2), predicted)] * len(truths), truths).accuracy_labelled())


def test_background_everywhere_leaves_every_class_at_0():
    truths = random_labels(0)
    scores = counted(np.zeros_like(truths), truths).iou()
    np.testing.assert_array_equal(scores[1:], 0)
    assert scores[0] > 0


def test_the_order_of_images_does_not_matter():
    predictions, truths = random_labels(0), random_labels(1)
    np.testing.assert_array_equal(
        counted(predictions, truths).matrix, counted(predictions[::-1], truths[::-1]).matrix
    )


def test_void_pixels_have_no_influence():
    predictions, truths = random_labels(0), random_labels(1)
    other = predictions.copy()
    other[truths == IGNORE_INDEX] = 2
    assert (other != predictions).any()
    np.testing.assert_array_equal(counted(predictions, truths).matrix, counted(other, truths).matrix)


def test_a_class_that_never_occurs_is_left_out_of_the_mean_and_not_0():
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    confusion = counted([truth], [truth])
    np.testing.assert_array_equal(np.isnan(confusion.iou()), [False, False, True, True, True])
    assert confusion.miou() == 1
    wrongly_predicted = counted([np.array([[0, 0, 1, 2]], np.uint8)], [truth])
    np.testing.assert_allclose(wrongly_predicted.iou()[:3], [1, 0.5, 0])
    assert wrongly_predicted.miou() == pytest.approx(0.5)


def test_coverage_and_the_mean_on_labelled_pixels():
    truth = np.array([[0, 0, 1, 1, IGNORE_INDEX]], np.uint8)
    confusion = counted([np.array([[0, IGNORE_INDEX, 1, IGNORE_INDEX, IGNORE_INDEX]], np.uint8)], [truth])
    assert confusion.coverage() == 0.5
    assert confusion.miou_labelled() == 1
    assert confusion.miou() == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_nothing_counted_gives_nan_and_no_warning():
    empty = counted([np.zeros((1, 2), np.uint8)], [np.full((1, 2), IGNORE_INDEX, np.uint8)])
    assert all(np.isnan(value) for value in (empty.miou(), empty.miou_labelled(), empty.coverage()))


def test_a_prediction_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"the prediction is \(2, 3\), the mask \(3, 2\)"):
        Confusion(2).add(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_iou_of_a_matrix_by_hand():
    np.testing.assert_allclose(iou(np.array([[3, 1], [2, 4]])), [3 / 6, 4 / 7])


def by_argmax(scores, classes, threshold) -> np.ndarray:
    """The definition of a threshold: argmax over [threshold, scores], the first of equals."""
    stacked = np.concatenate([np.full_like(scores[:1], threshold), scores])
    return np.concatenate([[BACKGROUND], classes])[stacked.argmax(axis=0)].astype(np.uint8)


@pytest.mark.parametrize("step", [1 / 1000, 1 / 8])  # eighths: many scores lie exactly on a threshold
def test_a_sweep_equals_one_evaluation_for_each_threshold(step):
    rng, num_bins = np.random.default_rng(0), 8
    sweep, confusions = ThresholdSweep(NUM_CLASSES, num_bins), [Confusion(NUM_CLASSES) for _ in range(num_bins)]
    for image, classes in enumerate(([1, 3], [2], [1, 2, 4])):
        scores = (np.round(rng.random((len(classes), 12, 15)) / step) * step).astype(np.float32)
        truth = random_labels(image, (12, 15))
        sweep.add(scores, np.array(classes, np.uint8), truth)
        for j, confusion in enumerate(confusions):
            confusion.add(by_argmax(scores, classes, j / num_bins), truth)
    for index, expected in enumerate(confusions):
        np.testing.assert_array_equal(sweep.confusion(index).filled, expected.filled)
    thresholds, values = sweep.curve()
    np.testing.assert_array_equal(thresholds, np.arange(num_bins) / num_bins)
    np.testing.assert_allclose(values, [c.miou() for c in confusions])


def test_an_image_without_tags_is_background_at_every_threshold():
    sweep = ThresholdSweep(NUM_CLASSES, 4)
    sweep.add(np.zeros((0, 2, 3)), np.zeros(0, np.uint8), np.zeros((2, 3), np.uint8))
    for index in range(4):
        counts = sweep.confusion(index).filled
        assert counts[0, 0] == counts.sum() == 6
