"""Fusion rules: the specification's vectors, their invariants, and what happens without saliency."""

import numpy as np
import pytest

from wsss_core.ops.fusion import RULES, fuse, on_one_scale, soft_scores
from wsss_core.ops.fusion.rules import ignore_band, settle
from wsss_core.sections.fusion import Fuse
from wsss_core.sections.section import Section
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

SHIPPED = {rule: getattr(Fuse(), rule).model_dump(exclude={"multi"}) for rule in RULES}
PARAMETERS = SHIPPED | {
    "dual_xor": {"cam_threshold": 0.2, "saliency_threshold": 0.06},
    "oaa": {
        "foreground_threshold": 0.3,
        "conflict_threshold": 0.9,
        "saliency_threshold": 32 / 255,
        "attention_threshold": 0.8,
        "min_ratio": 0.0,
    },
    "icd": {"score_threshold": 0.2, "saliency_threshold": 0.01},
    "harmonic": {"conflict_threshold": 0.7, "saliency_threshold": 32 / 255},
    "const_bg": {"background_score": 0.2},
    "soft": {"saliency_weight": 0.5, "saliency_exponent": 1.0, "background_exponent": 4.0},
}
VECTORS = [  # class 7 alone: cam, saliency, then the labels by dual_xor, oaa, const_bg
    (0.50, 0.50, 7, 255, 7),
    (0.60, 0.50, 7, 7, 7),
    (0.50, 0.01, 255, 0, 7),
    (0.85, 0.01, 255, 255, 7),
    (0.95, 0.01, 255, 255, 7),
    (0.10, 0.90, 255, 255, 0),
    (0.10, 0.01, 0, 0, 0),
    (0.20, 0.06, 0, 0, 0),
]


def test_every_rule_has_parameters_in_params_yaml_and_no_other_has():
    assert RULES.keys() == {name for name, section in Fuse() if isinstance(section, Section)}


def by_rule(rule, cams, classes, saliency, **changes):
    """The published rule itself, without fuse's fall-back."""
    arrays = np.asarray(cams, np.float32), np.asarray(classes), np.asarray(saliency, np.float32)
    return RULES[rule](*arrays, **(PARAMETERS[rule] | changes))[0]


def random_inputs(seed, num_classes=3, height=12, width=17):
    rng = np.random.default_rng(seed)
    cams = rng.random((num_classes, height, width)) ** 2
    return cams, np.array([2, 7, 15, 20])[:num_classes], rng.random((height, width)) ** 2


@pytest.mark.parametrize(("column", "rule"), [(2, "dual_xor"), (3, "oaa"), (4, "const_bg")])
def test_one_class_vectors(column, rule):
    table = np.array(VECTORS)
    labels = by_rule(rule, table[None, None, :, 0], [7], table[None, :, 1])
    np.testing.assert_array_equal(labels[0], table[:, column])


def test_icd_labels_only_where_score_and_saliency_agree():
    labels = by_rule("icd", [[[0.6, 0.6, 0.1, 0.1]]], [7], [[0.5, 0.005, 0.5, 0.005]])
    np.testing.assert_array_equal(labels, [[7, 255, 255, 0]])


def test_icd_takes_the_scores_word_for_background_where_nothing_is_salient():
    # z = [.4, 0, -.1]: the middle pixel is neither positive nor negative.
    labels = by_rule("icd", [[[0.6, 0.2, 0.1]]], [7], [[0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(labels, [[7, 255, 0]])


def test_icd_ignores_objects_whose_classes_tie():
    labels = by_rule("icd", [[[0.6, 0.6]], [[0.6, 0.3]]], [3, 7], [[0.5, 0.5]])
    np.testing.assert_array_equal(labels, [[255, 3]])


def test_harmonic_vectors():
    # V = [.5, .5] ties to background; [.4, .6]; [.95, .095]; [.12, .88] for a class of .88 at S = .88
    labels = by_rule("harmonic", [[[0.5, 0.6, 0.9, 0.88]]], [7], [[0.5, 0.6, 0.05, 0.88]])
    np.testing.assert_array_equal(labels, [[0, 7, 0, 7]])


def test_harmonic_ignores_two_strong_classes():
    labels = by_rule("harmonic", [[[0.8, 0.8]], [[0.7, 0.6]]], [3, 7], [[0.9, 0.9]])
    np.testing.assert_array_equal(labels, [[255, 3]])


def test_harmonic_ignores_objects_of_low_saliency():
    strict = by_rule("harmonic", [[[0.6]]], [7], [[0.6]], saliency_threshold=0.7)
    assert strict[0, 0] == IGNORE_INDEX


def test_oaa_ignores_an_image_with_too_few_object_pixels():
    cams, saliency = np.zeros((1, 10, 10)), np.zeros((10, 10))
    cams[0, 0, 0] = saliency[0, 0] = 0.8
    assert (by_rule("oaa", cams, [7], saliency, min_ratio=0.02) == IGNORE_INDEX).all()
    assert (by_rule("oaa", cams, [7], saliency, min_ratio=0.01) == 7).sum() == 1


def test_oaa_ignores_two_very_confident_classes():
    labels = by_rule("oaa", [[[0.95, 0.95]], [[0.92, 0.85]]], [3, 7], [[0.9, 0.9]])
    np.testing.assert_array_equal(labels, [[255, 3]])


def test_oaa_ignores_background_from_the_saliency_threshold_on():
    levels = np.array([[31, 32]], np.float32) / np.float32(255)
    np.testing.assert_array_equal(by_rule("oaa", [[[0.1, 0.1]]], [7], levels), [[0, 255]])


def test_dual_xor_ignores_exactly_the_disagreement():
    cams, classes, saliency = random_inputs(0)
    disagree = (cams.max(axis=0) > 0.2) != (saliency > 0.06)
    assert 0 < disagree.mean() < 1
    np.testing.assert_array_equal(by_rule("dual_xor", cams, classes, saliency) == IGNORE_INDEX, disagree)


def test_more_saliency_never_turns_dual_xor_objects_into_background():
    cams, classes, saliency = random_inputs(1)
    before = by_rule("dual_xor", cams, classes, saliency)
    after = by_rule("dual_xor", cams, classes, np.minimum(saliency + 0.3, 1))
    is_object = (before != BACKGROUND) & (before != IGNORE_INDEX)
    np.testing.assert_array_equal(after[is_object], before[is_object])


@pytest.mark.parametrize("multi", ["largest", "smallest_area", "product", "ignore", "margin"])
@pytest.mark.parametrize("rule", RULES)
def test_class_order_does_not_matter(rule, multi):
    cams, classes, saliency = random_inputs(2)
    order = np.array([2, 0, 1])
    labels = fuse(cams, classes, saliency, rule=rule, **PARAMETERS[rule], multi=multi)
    permuted = fuse(cams[order], classes[order], saliency, rule=rule, **PARAMETERS[rule], multi=multi)
    np.testing.assert_array_equal(labels.label, permuted.label)
    assert set(np.unique(labels.label)) <= {BACKGROUND, *classes, IGNORE_INDEX}
    assert labels.foreground > 0


@pytest.mark.parametrize("rule", RULES)
def test_without_classes_only_background_and_ignore_occur(rule):
    cams, classes, saliency = random_inputs(3, num_classes=0)
    fused = fuse(cams, classes, saliency, rule=rule, **PARAMETERS[rule])
    assert set(np.unique(fused.label)) <= {BACKGROUND, IGNORE_INDEX}
    assert fused.pixels == {}
    assert fused.label.shape == saliency.shape


@pytest.mark.parametrize("rule", RULES)
def test_one_pixel_that_both_sources_call_object(rule):
    fused = fuse(np.ones((1, 1, 1)), np.array([7]), np.ones((1, 1)), rule=rule, **PARAMETERS[rule])
    assert fused.label.tolist() == [[7]]
    assert fused.label.dtype == np.uint8


def test_conflict_policies_on_one_disputed_pixel():
    # Class 0 claims both pixels, class 1 only the first; there 0 leads by .05. Scores favour 0,
    # and so does area 1 (one pixel against two); max-normalised cams give 1 * .55 against .6 * .6.
    scores = np.array([[[0.60, 0.9]], [[0.55, 0.0]]])
    cams = np.array([[[0.60, 1.0]], [[0.50, 0.0]]])
    winners = {
        m: settle(scores, scores > 0.2, cams, multi=m) for m in ("largest", "smallest_area", "product")
    }
    assert {m: w[0][0, 0] for m, w in winners.items()} == {"largest": 0, "smallest_area": 1, "product": 1}
    for multi in ("ignore", "margin"):
        np.testing.assert_array_equal(settle(scores, scores > 0.2, cams, multi=multi)[1], [[True, False]])


def test_margin_keeps_a_clear_lead():
    scores = np.array([[[0.8]], [[0.5]], [[0.1]]])
    winner, undecided = settle(scores, scores > 0.2, scores, multi="margin")
    assert winner[0, 0] == 0
    assert not undecided[0, 0]


@pytest.mark.parametrize("saliency", [None, np.zeros((1, 4)), np.ones((1, 4))])
@pytest.mark.parametrize("rule", ["dual_xor", "oaa", "harmonic"])
def test_failed_saliency_leaves_the_label_to_confident_class_evidence(rule, saliency):
    cams = np.array([[[0.90, 0.21, 0.10, 0.04]]])
    fused = fuse(cams, np.array([7]), saliency, rule=rule, **PARAMETERS[rule])
    np.testing.assert_array_equal(fused.label, [[7, 7, 255, 0]])
    assert not fused.saliency_used


def test_ignore_band_of_an_image_without_classes_is_background():
    assert not ignore_band(np.zeros((0, 2, 2)), np.zeros(0, int), multi="largest")[0].any()


def test_statistics_count_every_pixel_once():
    cams = np.array([[[0.9, 0.9, 0.0, 0.0]], [[0.5, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]])
    saliency = np.array([[0.5, 0.5, 0.5, 0.0]])
    fused = fuse(cams, np.array([3, 7, 9]), saliency, rule="dual_xor", **PARAMETERS["dual_xor"])
    shares = fused.background, fused.foreground, fused.ignored, fused.conflict
    assert shares == (0.25, 0.5, 0.25, 0.25)
    assert fused.pixels == {3: 2, 7: 0, 9: 0}
    assert fused.saliency_used


def test_soft_scores_are_probabilities_with_background_first():
    cams, _, saliency = random_inputs(4)
    scores = soft_scores(cams, saliency, **PARAMETERS["soft"])
    assert (scores.shape, scores.dtype) == ((4, 12, 17), np.float32)
    assert soft_scores(cams.astype(np.float64), saliency, **PARAMETERS["soft"]).dtype == np.float32
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(axis=0), 1, rtol=1e-6)


def test_soft_background_score_by_hand():
    # b = .5 * (1 - .5) + .5 * (1 - .5)**4 = .28125 against .5 at the first pixel; the second spans the map.
    scores = soft_scores(np.array([[[0.5, 0.0]]]), np.array([[0.5, 0.0]]), **PARAMETERS["soft"])
    np.testing.assert_allclose(scores[:, 0, 0], np.array([0.28125, 0.5]) / 0.78125, rtol=1e-6)
    np.testing.assert_allclose(scores[:, 0, 1], [1, 0])


def test_the_saliency_weight_is_the_share_of_saliency_in_the_background_score():
    # b = .25 * (1 - .5) + .75 * (1 - .5)**4 = .171875 against .5
    scores = soft_scores(
        np.array([[[0.5, 0.0]]]), np.array([[0.5, 0.0]]), **PARAMETERS["soft"] | {"saliency_weight": 0.25}
    )
    np.testing.assert_allclose(scores[:, 0, 0], np.array([0.171875, 0.5]) / 0.671875, rtol=1e-6)


def test_soft_keeps_confident_class_evidence_where_saliency_is_zero():
    cams, saliency = np.array([[[0.95, 0.4, 0.4]]]), np.array([[0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(by_rule("soft", cams, [7], saliency), [[7, 0, 7]])


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_constant_saliency_is_no_saliency_to_soft(level):
    cams = random_inputs(5)[0]
    np.testing.assert_array_equal(
        soft_scores(cams, np.full((12, 17), level), **PARAMETERS["soft"]),
        soft_scores(cams, None, **PARAMETERS["soft"]),
    )


def test_soft_says_background_where_nothing_speaks():
    scores = soft_scores(
        np.zeros((1, 1, 2)), np.array([[1.0, 0.0]]),
        saliency_weight=1.0, saliency_exponent=1.0, background_exponent=1.0,
    )  # fmt: skip
    np.testing.assert_array_equal(scores[0], [[1, 1]])


def test_normalise():
    cams = np.array([[[-1.0, 1.0, 3.0]], [[-2.0, -1.0, -1.0]]])
    np.testing.assert_allclose(on_one_scale(cams, kind="max"), [[[0, 1 / 3, 1]], [[0, 0, 0]]], atol=1e-5)
    np.testing.assert_allclose(on_one_scale(cams, kind="minmax"), [[[0, 0.5, 1]], [[0, 1, 1]]], atol=1e-5)
    np.testing.assert_array_equal(on_one_scale(cams, kind="none"), cams)
    assert on_one_scale(cams[:0], kind="max").shape == (0, 1, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "xor"}, "unknown; take one of soft, dual_xor"),
        ({"saliency": np.zeros((2, 2))}, "resize both"),
        ({"cams": np.zeros((3, 3))}, r"expected \(K, H, W\)"),
        ({"classes": np.array([3, 7])}, r"expected \(1,\) integers"),
        ({"classes": np.array([0])}, "expected ids in 1..254"),
        ({"cams": np.full((1, 3, 3), np.nan)}, "not finite"),
        ({"multi": "widest"}, "take largest, smallest_area"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(changes, message):
    given = {"cams": np.ones((1, 3, 3)), "classes": np.array([7]), "saliency": np.eye(3), "rule": "dual_xor"}
    given |= PARAMETERS["dual_xor"] | changes
    with pytest.raises(ValueError, match=message):
        fuse(given.pop("cams"), given.pop("classes"), given.pop("saliency"), **given)


def test_a_misspelt_parameter_is_refused_even_where_the_fall_back_steps_in():
    with pytest.raises(TypeError, match="saliency_treshold"):
        fuse(
            np.ones((1, 1, 1)), np.array([7]), None,
            rule="dual_xor", **PARAMETERS["dual_xor"], saliency_treshold=0.1,
        )  # fmt: skip
