"""Saliency scores: exact answers on small maps, and agreement with the slow definition."""

import numpy as np
import pytest

from wsss_core.evaluation.saliency import THRESHOLDS, SaliencyScores

MASK = np.array([[True, True, False, False], [False, False, False, False]])


def scored(*pairs, normalise=False):
    scores = SaliencyScores(normalise=normalise)
    for saliency, mask in pairs:
        scores.add(saliency, mask)
    return scores


def random_pairs(num_images=5):
    rng = np.random.default_rng(0)
    # 8-bit levels: every score lies exactly on a threshold
    return [
        (rng.integers(0, 256, (9, 7)).astype(np.float32) / np.float32(255), rng.random((9, 7)) < 0.3)
        for _ in range(num_images)
    ]


@pytest.mark.parametrize("normalise", [True, False])
def test_the_truth_scores_perfectly(normalise):
    summary = scored((MASK.astype(float), MASK), normalise=normalise).summary()
    assert summary["max_f"] == pytest.approx(1)
    assert summary["adaptive_f"] == pytest.approx(1)
    assert summary["mae"] == summary["mae_normalised"] == 0


def test_an_empty_map_errs_by_the_share_of_object():
    summary = scored((np.zeros(MASK.shape), MASK)).summary()
    assert summary["mae"] == summary["mae_normalised"] == MASK.mean()


def test_a_faint_map_is_judged_by_its_order_and_by_its_values():
    summary = scored((0.1 + 0.3 * MASK, MASK)).summary()
    assert summary["max_f"] == pytest.approx(1)
    assert summary["mae_normalised"] == pytest.approx(0)
    assert summary["mae"] == pytest.approx((2 * 0.6 + 6 * 0.1) / 8)


def test_f_by_hand():
    # At thresholds up to .5 four pixels are salient, two rightly: P = .5, R = 1; F = 1.3 * .5 / (.15 + 1).
    saliency = np.array([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]])
    scores = scored((saliency, MASK))
    precision, recall = scores.curve()
    np.testing.assert_allclose(precision[[0, 1, 127, 128]], [0.25, 0.5, 0.5, 0], atol=1e-8)
    np.testing.assert_allclose(recall[[0, 1, 127, 128]], [1, 1, 1, 0], atol=1e-8)
    assert scores.summary()["max_f"] == pytest.approx(1.3 * 0.5 / 1.15)
    assert scores.summary()["adaptive_f"] == pytest.approx(1.3 * 0.5 / 1.15)  # threshold 2 * .25 = .5
    assert scores.summary()["max_f_threshold"] == THRESHOLDS[1]


def test_the_adaptive_threshold_is_twice_the_mean():
    saliency = np.array([[0.5, 0.5, 0.3, 0.3], [0.0, 0.0, 0.0, 0.0]])  # mean .2: .5 passes, .3 does not
    assert scored((saliency, MASK)).summary()["adaptive_f"] == pytest.approx(1)


@pytest.mark.parametrize("normalise", [True, False])
def test_the_curve_equals_its_definition_at_every_threshold(normalise):
    pairs = random_pairs()
    precision, recall = scored(*pairs, normalise=normalise).curve()
    expected = np.zeros((2, 256))
    for saliency, mask in pairs:
        values = saliency.astype(float)
        if normalise:
            values = (values - values.min()) / (values.max() - values.min())
        for t, threshold in enumerate(THRESHOLDS):
            salient = values >= threshold
            hits = (salient & mask).sum()
            expected[:, t] += hits / max(1, salient.sum()), hits / mask.sum()
    np.testing.assert_allclose([precision, recall], expected / len(pairs), atol=1e-7)


def test_max_f_is_that_of_the_mean_curve():
    first, second = (np.where(MASK, 0.9, 0.6), MASK), (np.where(MASK, 0.4, 0.1), MASK)
    assert scored(first).summary()["max_f"] == pytest.approx(1)
    assert scored(second).summary()["max_f"] == pytest.approx(1)
    assert scored(first, second).summary()["max_f"] < 0.9  # no threshold suits both


def test_all_scores_are_means_over_the_images():
    whole, none = scored((MASK.astype(float), MASK)).summary(), scored((1.0 - MASK, MASK)).summary()
    both = scored((MASK.astype(float), MASK), (1.0 - MASK, MASK)).summary()
    for name in ("adaptive_f", "mae", "mae_normalised"):
        assert whole[name] != none[name]
        assert both[name] == pytest.approx((whole[name] + none[name]) / 2)


def test_merged_sums_equal_one_pass():
    pairs = random_pairs()
    parts = scored(*pairs[:2])
    parts.merge(scored(*pairs[2:]))
    whole = scored(*pairs)
    assert parts.summary() == pytest.approx(whole.summary())
    assert parts.num_images == 5


def test_invalid_pixels_do_not_count():
    saliency, valid = MASK.astype(float), np.ones(MASK.shape, bool)
    saliency[1, 3], valid[1, 3] = 1, False
    scores = SaliencyScores(normalise=False)
    scores.add(saliency, MASK, valid=valid)
    assert scores.summary()["mae"] == 0
    assert scores.summary()["max_f"] == pytest.approx(1)


def test_an_image_without_objects_has_an_error_but_no_nan():
    summary = scored((np.full(MASK.shape, 0.25), np.zeros(MASK.shape, bool))).summary()
    assert summary["mae"] == 0.25
    assert summary["max_f"] == summary["adaptive_f"] == 0


@pytest.mark.parametrize(
    ("saliency", "mask", "valid", "message"),
    [
        (np.zeros((2, 3)), MASK, None, "resize saliency first"),
        (np.zeros(MASK.shape), MASK.astype(np.uint8), None, "mask >= 128"),
        (np.full(MASK.shape, 200.0), MASK, None, "divide by 255"),
        (np.full(MASK.shape, np.nan), MASK, None, "expected \\[0, 1\\]"),
        (np.zeros(MASK.shape), MASK, np.zeros(MASK.shape, bool), "no pixel is valid"),
        (np.zeros(MASK.shape), MASK, np.ones((1, 1), bool), "valid is"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(saliency, mask, valid, message):
    with pytest.raises(ValueError, match=message):
        SaliencyScores(normalise=False).add(saliency, mask, valid=valid)


def test_scores_of_no_image_and_of_mixed_kinds_are_refused():
    with pytest.raises(ValueError, match="no image was added"):
        SaliencyScores(normalise=False).summary()
    with pytest.raises(ValueError, match="cannot merge"):
        SaliencyScores(normalise=False).merge(SaliencyScores(normalise=True))
