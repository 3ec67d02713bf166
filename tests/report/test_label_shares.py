import numpy as np
import pytest

from wsss_core import artifacts
from wsss_core.data.maps import Maps
from wsss_core.evaluation.label_shares import LabelShares, label_shares
from wsss_core.voc import IGNORE_INDEX


@pytest.fixture
def maps(tmp_path, index_of) -> Maps:
    return Maps(tmp_path, index_of(train={"a": (), "b": ()}, size=(2, 2)))


def test_shares_count_every_pixel_of_every_image_once(tmp_path, maps):
    artifacts.write_labels(tmp_path, "a", np.array([[0, 0], [1, 0]]))
    artifacts.write_labels(tmp_path, "b", np.array([[0, 0], [2, IGNORE_INDEX]]))
    assert label_shares(maps, ["a", "b"]) == LabelShares(5 / 8, pytest.approx(2 / 8), 1 / 8)


def test_a_missing_label_map_is_told(maps):
    with pytest.raises(artifacts.ArtifactError, match=r"a\.png is missing"):
        label_shares(maps, ["a"])
