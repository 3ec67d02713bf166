"""Fusion at its limits: which saliency maps count, and values that lie on a threshold."""

import json

import numpy as np
import pytest

from wsss_core.ops.fusion import fuse

CLASSES = np.array([3, 7])
ICD = {"rule": "icd", "score_threshold": 0.2, "saliency_threshold": 0.01}
XOR = {"rule": "dual_xor", "cam_threshold": 0.2, "saliency_threshold": 0.5}
CONSTANT = {"rule": "const_bg", "background_score": 0.2}


def cams_of(*rows: list[float]) -> np.ndarray:
    """(K, 1, W) maps on a strip, one list of values each."""
    return np.array(rows)[:, None]


def half_salient() -> np.ndarray:
    """(1, 10): five pixels of 1."""
    return np.repeat([[0.0, 1.0]], 5, axis=1)


@pytest.mark.parametrize(("salient", "counts"), [(0, False), (1, True), (90, True), (91, False)])
def test_a_map_of_which_1_to_90_percent_are_salient_counts(salient, counts):
    saliency = np.where(np.arange(100) < salient, 1.0, 0.0)[None]
    assert fuse(np.ones((1, 1, 100)), np.array([3]), saliency, **XOR).saliency_used is counts


@pytest.mark.parametrize(("salient", "counts"), [(0, False), (1, True), (100, True)])
def test_icd_takes_full_maps_too(salient, counts):
    saliency = np.where(np.arange(100) < salient, 1.0, 0.0)[None]
    assert fuse(np.ones((1, 1, 100)), np.array([3]), saliency, **ICD).saliency_used is counts


def test_what_lies_on_the_threshold_is_not_salient():
    fused = fuse(np.ones((1, 1, 10)), np.array([3]), 0.5 * half_salient(), **XOR)
    assert not fused.saliency_used


def test_a_constant_background_score_reads_no_saliency():
    with_map, without = (fuse(np.full((1, 1, 10), 0.3), np.array([3]), s, **CONSTANT) for s in (half_salient(), None))
    assert not with_map.saliency_used
    np.testing.assert_array_equal(with_map.label, without.label)


def test_without_a_map_icd_takes_the_scores_word_for_background():
    # z = [.4, 0, -.1]; a full map would make the last pixel an object that nothing claims
    fused = fuse(cams_of([0.6, 0.2, 0.1]), np.array([3]), None, **ICD)
    np.testing.assert_array_equal(fused.label, [[3, 255, 0]])


def test_icd_needs_all_classes_against_a_pixel_and_one_for_it():
    fused = fuse(cams_of([0.6, 0.1, 0.1], [0.1, 0.1, 0.6]), CLASSES, None, **ICD)
    np.testing.assert_array_equal(fused.label, [[3, 0, 7]])
    unlike = fuse(cams_of([0.1, 0.2], [0.1, 0.1]), CLASSES, None, **ICD)
    np.testing.assert_array_equal(unlike.label, [[0, 255]])


def test_icd_without_any_score_below_its_threshold_calls_nothing_background():
    fused = fuse(cams_of([0.5, 0.25]), np.array([3]), None, **ICD | {"score_threshold": 0.25})
    np.testing.assert_array_equal(fused.label, [[3, 255]])


def test_the_statistics_can_be_written_as_json():
    fused = fuse(cams_of([0.9] * 10, [0.1] * 10), CLASSES, half_salient(), **XOR)
    assert json.loads(json.dumps(fused.pixels)) == {"3": 5, "7": 0}
