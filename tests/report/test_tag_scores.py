"""The classifier's figures and the agreement of stages, both without masks; by hand."""

import itertools

import numpy as np
import pytest

from wsss_core.evaluation.between_stages import agreement
from wsss_core.evaluation.tags import COLUMNS, TagScores, average_precision
from wsss_core.voc import IGNORE_INDEX


def test_average_precision_by_hand():
    scores, positive = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    assert average_precision(scores, positive) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert average_precision(-scores, positive) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert np.isnan(average_precision(scores, np.zeros(4, bool)))


def test_equal_scores_count_together_in_whatever_order_they_stand():
    for order in itertools.permutations(range(4)):
        positive = np.array([True, False, False, False])[list(order)]
        assert average_precision(np.ones(4), positive) == 1 / 4


def test_a_classifier_by_hand():
    scores = TagScores(3)
    scores.add(np.array([0.9, 0.6, 0.1]), (1,))
    scores.add(np.array([0.7, 0.4, 0.1]), (1, 2))
    scores.add(np.array([0.6, 0.1, 0.5]), ())
    cat, dog, emu = (dict(zip(COLUMNS, row, strict=True)) for row in scores.of_classes(["cat", "dog", "emu"]))
    assert cat == {"class": "cat", "images": 2, "ap": 1, "precision": 2 / 3, "recall": 1, "f1": 4 / 5}
    assert dog == {"class": "dog", "images": 1, "ap": 1 / 2, "precision": 0, "recall": 0, "f1": 0}
    assert emu == {"class": "emu", "images": 0, "ap": "", "precision": "", "recall": "", "f1": ""}, ".5 is not above"
    figures = scores.figures()
    assert (figures["map"], figures["macro_f1"]) == (pytest.approx(3 / 4), pytest.approx(2 / 5))
    assert figures["f1"] == pytest.approx(2 * 2 / (3 + 4))  # 2 of 3 tags and of 4 classes found


def test_images_without_any_tag_have_no_figure():
    scores = TagScores(2)
    scores.add(np.array([0.1, 0.2]), ())
    assert all(np.isnan(value) for value in scores.figures().values())


def test_agreement_of_stages_by_hand():
    first = {"a": np.array([[0, 0, 1, IGNORE_INDEX]], np.uint8)}
    second = {"a": np.array([[0, 1, 1, 1]], np.uint8)}
    figures = agreement({"cam": first.get, "crf": second.get, "again": second.get}, ["a"], num_classes=2)
    assert figures["labelled"] == {"cam": 0.75, "crf": 1, "again": 1}
    assert figures["agreement"] == {"cam to crf": pytest.approx(2 / 3), "crf to again": 1}
    assert figures["mutual_miou"] == {"cam to crf": pytest.approx((1 / 2 + 1 / 2) / 2), "crf to again": 1}


def test_stages_that_label_no_pixel_in_common_have_no_agreement():
    ignored, labelled = np.full((1, 2), IGNORE_INDEX, np.uint8), np.zeros((1, 2), np.uint8)
    figures = agreement({"x": lambda _: ignored, "y": lambda _: labelled}, ["a"], num_classes=1)
    assert (figures["agreement"], figures["mutual_miou"], figures["labelled"]) == ({}, {}, {"x": 0, "y": 1})
