"""The last step of a pseudo-label; without iterations the dense CRF passes its unary on."""

import numpy as np
import pytest

from wsss_core.artifacts import Scores
from wsss_core.ops.refinement import cam_crf_labels, ids_of, refined_labels, summing_to_one
from wsss_core.voc import IGNORE_INDEX

NO_CRF = {
    "engine": "lattice", "iterations": 0, "gaussian_sxy": 3, "gaussian_weight": 3,
    "bilateral_sxy": 30, "bilateral_srgb": 13, "bilateral_weight": 4,
}  # fmt: skip
CRF = NO_CRF | {"iterations": 5}


def walk(*rows: list[float]) -> Scores:
    """Background, class 7, class 12 on a strip; one list of values each."""
    values = np.array(rows, dtype=np.float16)[:, None]
    return Scores(np.array([0, 7, 12], np.uint8), values, values.shape[1:])


SCORES = walk([0.8, 0.2, 0.1, 0.0], [0.1, 0.5, 0.1, 0.0], [0.1, 0.3, 0.6, 0.0])
FUSED = np.array([[7, IGNORE_INDEX, 0, IGNORE_INDEX]], np.uint8)


def refine(fused, scores=SCORES, image=None, **changes) -> np.ndarray:
    image = np.zeros((*scores.size, 3), np.uint8) if image is None else image
    settings = {"label_confidence": 0.9, "keep_ignore": False, **NO_CRF, **changes}
    (label,) = refined_labels([image], [scores], [fused], **settings)
    return label


def test_without_a_fused_label_the_strongest_score_decides():
    np.testing.assert_array_equal(refine(None)[0, :3], [0, 7, 12])


def test_a_decided_fused_label_overrides_the_scores_and_an_ignored_one_does_not():
    np.testing.assert_array_equal(refine(FUSED)[0, :3], [7, 7, 0])


def test_an_unsure_fused_label_loses_to_nothing_but_certainty():
    # p = .2 on class 7 leaves .4 for each of the two others
    assert refine(FUSED, label_confidence=0.2)[0, 0] != 7


@pytest.mark.parametrize(("label_confidence", "wins"), [(0.34, True), (0.33, False)])
def test_the_other_classes_share_what_the_fused_label_leaves(label_confidence, wins):
    assert bool(refine(FUSED, label_confidence=label_confidence)[0, 0] == 7) is wins  # against (1 - p) / 2 each


def test_a_fused_label_of_an_image_without_tags_is_background():
    untagged = Scores(np.zeros(1, np.uint8), np.ones((1, 1, 4), np.float16), (1, 4))
    assert not refine(np.zeros((1, 4), np.uint8), untagged).any()


def test_ignored_pixels_stay_so_only_when_asked():
    np.testing.assert_array_equal(refine(FUSED, keep_ignore=True), [[7, IGNORE_INDEX, 0, IGNORE_INDEX]])
    assert IGNORE_INDEX not in refine(FUSED)


def test_the_crf_fills_ignored_pixels_from_pixels_of_the_same_colour():
    image = np.full((8, 16, 3), 30, np.uint8)
    image[:, 8:] = 220
    even = Scores(np.array([0, 7], np.uint8), np.full((2, 8, 16), 0.5, np.float16), (8, 16))
    fused = np.full((8, 16), IGNORE_INDEX, np.uint8)
    fused[:, :3], fused[:, 13:] = 7, 0
    np.testing.assert_array_equal(refine(fused, even, image, **CRF), np.where(image[..., 0] == 30, 7, 0))


def test_fused_labels_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"fused labels are \(2, 2\), the scores' image is \(1, 4\); run fuse"):
        refine(np.zeros((2, 2), np.uint8))


def test_a_fused_class_that_the_image_lacks_is_refused():
    with pytest.raises(ValueError, match=r"fused labels \[9\] are no class of this image \[0, 7, 12\]; run fuse"):
        refine(np.array([[9, 0, 0, 7]], np.uint8))


def test_cam_and_crf_labels_use_the_power_background():
    cams = Scores(np.array([4, 15], np.uint8), np.array([[[0.2, 0.3, 0.1]], [[0.1, 0.1, 0.5]]], np.float16), (1, 3))
    image = np.zeros((1, 3, 3), np.uint8)
    # (1 - .2)^4 = .41 > .2; (1 - .3)^4 = .24 < .3
    (label,) = cam_crf_labels([image], [cams], background_exponent=4, **NO_CRF)
    np.testing.assert_array_equal(label, [[0, 4, 15]])


def test_an_image_without_tags_is_background():
    cams = Scores(np.zeros(0, np.uint8), np.zeros((0, 1, 1), np.float16), (4, 4))
    (labels,) = cam_crf_labels([np.zeros((4, 4, 3), np.uint8)], [cams], background_exponent=2, **CRF)
    np.testing.assert_array_equal(labels, np.zeros((4, 4)))


def test_ids_put_the_background_first():
    assert ids_of(np.array([3, 20])).tolist() == [0, 3, 20]


def test_normalised_scores_sum_to_1_and_are_uniform_where_there_is_no_evidence():
    scores = summing_to_one(np.array([[[0.3, 0.0, 0.0]], [[0.1, 0.2, 0.0]]]))
    np.testing.assert_allclose(scores, [[[0.75, 0, 0.5]], [[0.25, 1, 0.5]]], atol=1e-4)
