"""From a walk and a saliency map to a fused label."""

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import fusion
from wsss_core.voc import IGNORE_INDEX

SOFT = {"background_exponent": 2.0, "saliency_exponent": 1.0, "saliency_weight": 0.5}


def random_walk(size=(10, 13), stride=4, seed=0) -> Scores:
    grid = [-(-side // stride) for side in size]
    values = np.random.default_rng(seed).random((3, *grid)).astype(np.float16) * 0.5
    return Scores(np.array([0, 3, 9], np.uint8), values, size)


def test_foreground_leaves_out_the_background_and_peaks_at_1():
    maps = fusion.foreground(random_walk(), norm="max")
    assert maps.shape == (2, 10, 13)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1, atol=1e-3)
    np.testing.assert_allclose(fusion.foreground(random_walk(), norm="none").max(), 0.5, atol=0.1)


def test_a_hard_rule_labels_with_the_image_s_own_classes():
    walk = Scores(np.array([0, 3, 9], np.uint8), np.array([[[0] * 4], [[0.4, 0, 0, 0]], [[0, 0.3, 0, 0]]]), (1, 4))
    label = fusion.fused_label(
        walk, np.array([[0.9, 0.9, 0.9, 0.0]]), norm="max", rule="dual_xor",
        cam_threshold=0.2, saliency_threshold=0.1, multi="largest",
    )  # fmt: skip
    np.testing.assert_array_equal(label, [[3, 9, IGNORE_INDEX, 0]])


def test_the_background_s_walk_has_no_say_in_the_foreground_rules():
    walk, other = random_walk(), random_walk()
    other.scores[0] = 1 - other.scores[0]
    saliency = np.random.default_rng(1).random((10, 13)).astype(np.float32)
    rule = {"norm": "max", "rule": "soft", "multi": "largest", **SOFT}
    labels = [fusion.fused_label(w, saliency, **rule) for w in (walk, other)]
    np.testing.assert_array_equal(*labels)


def test_soft_fusion_stores_probabilities_on_the_asked_grid():
    saliency = np.random.default_rng(1).random((10, 13)).astype(np.float32)
    fused = fusion.soft_fusion(random_walk(), saliency, norm="max", store_stride=2, **SOFT)
    assert fused.scores.shape == (3, 5, 7)
    assert fused.classes.tolist() == [0, 3, 9]
    assert fused.size == (10, 13)
    full = fusion.soft_fusion(random_walk(), saliency, norm="max", store_stride=1, **SOFT)
    np.testing.assert_allclose(fused.scores.mean(axis=(1, 2)), full.scores.mean(axis=(1, 2)), atol=0.03)
