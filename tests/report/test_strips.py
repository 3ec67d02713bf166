import numpy as np
import pytest

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import ArtifactError, Scores
from wsss_core.report import strips
from wsss_core.report.strips import Column
from wsss_core.voc import IGNORE_INDEX

FOLDERS = (layout.CAM_CRF, layout.AFFINITY_LABELS, layout.RANDOM_WALK, layout.SALIENCY, layout.FUSED,
           layout.PSEUDO_LABELS)  # fmt: skip


def finish(*folders):
    for folder in folders:
        manifests.write(folder, stage="", params={}, names=[])


def test_columns_follow_the_pipeline(inside):
    finish(*FOLDERS)
    titles = [column.title for column in strips.training_columns(oracle_threshold=0.3)]
    assert titles == ["CAM", "CAM > 0.30 (oracle)", "CAM + CRF", "Affinity labels", "Random walk", "Saliency",
                      "Fused", "Pseudo-label"]  # fmt: skip


def test_without_masks_or_a_stage_its_column_is_left_out(inside):
    finish(*(folder for folder in FOLDERS if folder != layout.SALIENCY))
    titles = [column.title for column in strips.training_columns(oracle_threshold=None)]
    assert titles == ["CAM", "CAM + CRF", "Affinity labels", "Random walk", "Fused", "Pseudo-label"]


def test_full_supervision_is_shown_beside_deeplab_once_it_has_predicted(inside):
    titles = {"deeplab": "DeepLab", "full_supervision": "Full supervision"}
    finish(layout.PREDICTIONS / "deeplab")
    assert [column.title for column in strips.prediction_columns(titles)] == ["DeepLab"]
    finish(layout.PREDICTIONS / "full_supervision")
    assert [column.title for column in strips.prediction_columns(titles)] == ["DeepLab", "Full supervision"]


def keep(folder, *steps, image_id="a", label=0):
    """Snapshots of an image at the moments, in this order."""
    for step in steps:
        artifacts.write_labels(folder / step, image_id, np.full((4, 8), label))


def test_snapshots_stand_in_the_order_of_their_steps_under_their_numbers(tmp_path):
    keep(tmp_path, "step_100", "step_005", "step_020")
    finish(tmp_path)  # its manifest is no moment
    assert [column.title for column in strips.snapshot_columns(tmp_path)] == ["Step 5", "Step 20", "Step 100"]


def test_a_snapshot_column_reads_the_labels_of_its_moment(tmp_path, index_of):
    index, folder = index_of(train={"a": (1,)}), tmp_path / "snapshots"
    keep(folder, "step_1", label=1)
    keep(folder, "step_2", label=IGNORE_INDEX)
    early, late = strips.snapshot_columns(folder)
    assert [np.unique(column.read(index, "a")).tolist() for column in (early, late)] == [[1], [IGNORE_INDEX]]


def test_an_image_has_snapshots_once_any_moment_holds_it(tmp_path):
    keep(tmp_path, "step_1", image_id="deep/er a.b")
    (tmp_path / "step_2").mkdir()
    assert strips.has_snapshots(tmp_path, "deep/er a.b")
    assert not strips.has_snapshots(tmp_path, "a")


def test_a_label_map_is_scored_on_its_own_image(index_of, masks):
    truth = np.zeros((4, 8), dtype=np.uint8)
    truth[:, 4:] = 1
    labels = truth.copy()
    labels[:, 4:6] = IGNORE_INDEX  # counts as background: IoU 16 / 24 and 8 / 16
    masks.arrays["a"] = truth
    index = index_of(train={"a": (1,)})
    (strip,) = strips.draw(index, masks, ids=["a"], columns=[Column("fused", "labels", lambda *_: labels)])
    photo, fused, mask = strip.tiles
    assert [tile.title for tile in strip.tiles] == ["Photograph", "fused", "True mask"]
    assert fused.miou == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert fused.ignored == 0.25
    assert (photo.miou, mask.miou) == (None, None)
    assert strip.tags == (1,)


def test_an_image_without_a_mask_has_no_scores(index_of, masks):
    labels = np.zeros((4, 8), dtype=np.uint8)
    index = index_of(train={"a": ()})
    (strip,) = strips.draw(index, masks, ids=["a"], columns=[Column("fused", "labels", lambda *_: labels)])
    assert [(tile.title, tile.miou) for tile in strip.tiles] == [("Photograph", None), ("fused", None)]


def test_a_mask_that_is_void_everywhere_has_no_scores(index_of, masks):
    masks.arrays["a"] = np.full((4, 8), IGNORE_INDEX, dtype=np.uint8)
    labels = np.zeros((4, 8), dtype=np.uint8)
    index = index_of(train={"a": ()})
    (strip,) = strips.draw(index, masks, ids=["a"], columns=[Column("fused", "labels", lambda *_: labels)])
    assert strip.tiles[1].miou is None


def test_the_oracles_label_map_is_the_cam_above_its_threshold(inside, index_of, masks):
    scores = np.zeros((1, 4, 8), dtype=np.float16)
    scores[0, :, 4:] = 0.5
    artifacts.write_scores(layout.CAMS, "a", Scores(np.array([2]), scores, (4, 8)))
    masks.arrays["a"] = np.where(scores[0] > 0, 2, 0).astype(np.uint8)
    index = index_of(train={"a": (2,)})
    for threshold, miou in ((0.4, 1.0), (0.6, 0.25)):  # above every score all is background: 16 / 32 and 0
        columns = strips.training_columns(oracle_threshold=threshold)
        (strip,) = strips.draw(index, masks, ids=["a"], columns=columns)
        assert strip.tiles[2].miou == pytest.approx(miou)


def test_a_missing_file_of_a_finished_stage_is_told_with_the_remedy(inside, index_of, masks):
    finish(layout.FUSED)
    artifacts.write_scores(layout.CAMS, "a", Scores(np.array([1]), np.zeros((1, 4, 8)), (4, 8)))
    columns = strips.training_columns(oracle_threshold=None)
    with pytest.raises(ArtifactError, match=r"fused.a\.png is missing.*dvc repro"):
        strips.draw(index_of(train={"a": (1,)}), masks, ids=["a"], columns=columns)
