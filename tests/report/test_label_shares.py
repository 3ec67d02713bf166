import numpy as np
import pytest

from wsss_core import artifacts
from wsss_core.report.label_shares import LabelShares, label_shares
from wsss_core.voc import IGNORE_INDEX


def test_shares_count_every_pixel_of_every_image_once(tmp_path):
    artifacts.write_labels(tmp_path, "large", np.array([[0, 0, 1], [0, 0, 2]]))
    artifacts.write_labels(tmp_path, "small", np.array([[IGNORE_INDEX, 0]]))
    assert label_shares(tmp_path, ["large", "small"]) == LabelShares(5 / 8, pytest.approx(2 / 8), 1 / 8)


def test_a_missing_label_map_is_told(tmp_path):
    with pytest.raises(artifacts.ArtifactError, match=r"none\.png is missing"):
        label_shares(tmp_path, ["none"])
