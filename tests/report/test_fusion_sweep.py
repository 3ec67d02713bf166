"""Which parameters of fusion a few masks ask for, and how sure that is."""

import numpy as np
import pytest

from wsss_core.artifacts import Scores
from wsss_core.evaluation.bootstrap import gain_interval
from wsss_core.evaluation.fusion_sweep import sweep

SIZE = (2, 4)
LEFT = np.array([[1, 1, 0, 0]] * 2, dtype=np.uint8)


class Maps:
    """Walks in which a class is at 1 on the left and at 0.4 on the right; saliency only on the left."""

    def __init__(self, index) -> None:
        self.index = index

    def scores(self, image_id: str) -> Scores:
        scores = np.stack([0 * LEFT, np.where(LEFT, 1.0, 0.4)]).astype(np.float16)
        return Scores(np.array([0, 1], np.uint8), scores, SIZE)

    def grey(self, image_id: str) -> np.ndarray:
        return LEFT.astype(np.float32)


def found(index_of, masks, *names: str, now=(24.0, 0.0)):
    index = index_of(train={name: (1,) for name in "abc"})
    for name in names:
        masks.arrays[name] = LEFT
    maps = Maps(index)
    return sweep(index.ids("train"), masks, maps, maps, norm="max", now=now, saliency_exponent=2.0, multi="largest")


def test_the_pair_that_labels_the_masks_best_is_found(index_of, masks):
    result = found(index_of, masks, "a", "b")
    assert result.num_images == 2
    assert (result.miou[result.now], result.miou[result.best]) == (0.25, 1.0)
    assert not result.is_chance


def test_what_is_set_stays_where_nothing_is_better(index_of, masks):
    result = found(index_of, masks, "a", "b", now=(4.0, 1.0))
    assert result.best == result.now == (4.0, 1.0)
    assert result.is_chance


def test_of_one_mask_nothing_is_sure(index_of, masks):
    assert found(index_of, masks, "a").is_chance


def test_without_a_mask_nothing_can_be_chosen(index_of, masks):
    with pytest.raises(ValueError, match="no training image has a mask, so nothing can be chosen by masks"):
        found(index_of, masks)


def test_a_gain_is_taken_over_the_same_images():
    right = np.array([[[4, 4], [4, 4], [4, 4]], [[0, 4], [4, 4], [4, 4]]])
    assert gain_interval(right, right) == (0, 0)
