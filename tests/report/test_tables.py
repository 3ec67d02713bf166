import json

import numpy as np
import pytest

from wsss_core.artifacts import ArtifactError
from wsss_core.evaluation.label_scores import CLASS_COLUMNS
from wsss_core.report import tables, text_tables

WITH_BOUND = (*tables.PIPELINE, tables.UPPER_BOUND)


def write(folder, name, **content):
    (folder / f"{name}.json").write_text(json.dumps({"split": "train", **content}), encoding="utf-8")


def test_rows_stand_in_the_order_of_the_pipeline_whatever_exists(tmp_path):
    for name in ("deeplab", "fused", "cam"):
        write(tmp_path, name, miou=0.5)
    assert [row.name for row in tables.quality_rows(tmp_path)] == ["cam", "fused", "deeplab"]


def test_rows_of_other_names_stand_in_their_own_order_and_bear_their_titles(tmp_path):
    for name in ("cam", "rrm", "rrm_two_step", "mine"):
        write(tmp_path, name, miou=0.5)
    rows = tables.quality_rows(tmp_path, ["mine", "rrm_two_step", "rrm_pseudo_labels", "rrm"])
    assert [row.title for row in rows] == ["mine", "RRM, two steps", "RRM"]


def test_a_figure_that_is_absent_or_undefined_is_none(tmp_path):
    write(tmp_path, "cam", note="no masks")
    write(tmp_path, "fused", miou=float("nan"), coverage=0.5, miou_rest=0.25)
    cam, fused = tables.quality_rows(tmp_path)
    assert (cam.miou, cam.miou_labelled, cam.coverage, cam.miou_rest, cam.iou) == (None, None, None, None, {})
    assert (fused.miou, fused.coverage, fused.miou_rest) == (None, 0.5, 0.25)


def test_share_of_full_supervision_is_the_quotient_on_one_split(tmp_path):
    write(tmp_path, "deeplab", split="val", miou=0.3)
    write(tmp_path, "full_supervision", split="val", miou=0.4)
    write(tmp_path, "cam", miou=0.3)
    rows = tables.quality_rows(tmp_path, WITH_BOUND)
    assert tables.share_of_upper_bound(rows) == pytest.approx(0.75)
    assert tables.share_of_upper_bound(rows, "cam") is None  # of another split


def test_no_share_of_a_bound_that_was_measured_on_other_data(tmp_path):
    write(tmp_path, "deeplab", split="val", miou=0.3, measured_on="these")
    write(tmp_path, "full_supervision", split="val", miou=0.4, measured_on="others")
    assert tables.share_of_upper_bound(tables.quality_rows(tmp_path, WITH_BOUND)) is None


def test_no_share_without_full_supervision_or_masks(tmp_path):
    write(tmp_path, "deeplab", split="val", miou=0.3)
    assert tables.share_of_upper_bound(tables.quality_rows(tmp_path)) is None
    write(tmp_path, "full_supervision", split="val", note="no masks")
    assert tables.share_of_upper_bound(tables.quality_rows(tmp_path, WITH_BOUND)) is None


@pytest.mark.parametrize(("second", "missed"), [(0.4, True), (0.5, True), (0.5001, False)])
def test_a_row_that_does_not_pass_the_one_it_should_pass_is_told_with_both_figures(tmp_path, second, missed):
    write(tmp_path, "ssnet_round_1", split="val", miou=0.5)
    write(tmp_path, "ssnet", split="val", miou=second)
    rows = tables.quality_rows(tmp_path, ("ssnet_round_1", "ssnet"))
    sentences = tables.missed_goals(rows, {"ssnet": "ssnet_round_1"})
    expected = f"SSNet scores {100 * second:.1f} on val, no better than SSNet, step 1, 50.0: "
    assert [sentence.startswith(expected) for sentence in sentences] == [True] * missed


def test_no_goal_is_missed_where_a_figure_is_absent(tmp_path):
    write(tmp_path, "ssnet", split="val", miou=0.1)
    names, goals = ("ssnet_round_1", "ssnet"), {"ssnet": "ssnet_round_1"}
    assert tables.missed_goals(tables.quality_rows(tmp_path, names), goals) == []
    write(tmp_path, "ssnet_round_1", split="val", note="no masks")
    assert tables.missed_goals(tables.quality_rows(tmp_path, names), goals) == []


def test_columns_of_both_kinds_of_table_are_read(tmp_path):
    (tmp_path / "a.tsv").write_text("step\tlr\ttags\n1\t0.5\t\n2\t0.25\t3\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("threshold,miou\n0.0,0.5\n", encoding="utf-8")
    history = text_tables.read_columns(tmp_path / "a.tsv")
    np.testing.assert_equal(history, {"step": [1.0, 2.0], "lr": [0.5, 0.25], "tags": [np.nan, 3.0]})
    assert text_tables.read_columns(tmp_path / "a.csv") == {"threshold": [0.0], "miou": [0.5]}


def test_rows_of_a_confusion_are_divided_by_their_true_pixels(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text('truth,background,"a, b",c\nbackground,3,1,0\n"a, b",0,2,0\nc,0,0,0\n', encoding="utf-8")
    confusion = text_tables.read_confusion(path)
    assert confusion.names == ("background", "a, b", "c")
    np.testing.assert_equal(confusion.shares(), [[0.75, 0.25, 0], [0, 1, 0], [np.nan] * 3])


@pytest.mark.parametrize(
    "text",
    ["", "truth,a,b\na,1,2\n", "truth,a\na,x\n", "truth,a,b\na,1,2\nb,1\n", "truth,a\na,nan\n", "truth,a\na,-1\n"],
)
def test_a_broken_confusion_is_told_with_its_file_and_the_remedy(tmp_path, text):
    path = tmp_path / "confusion_cam.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"confusion_cam\.csv is not .*dvc repro"):
        text_tables.read_confusion(path)


@pytest.mark.parametrize("content", [b"", b"step\tlr\n1\tx\n", b"step\tlr\n1\n", b"step\n\xff\n"])
def test_a_broken_history_is_told_with_its_file_and_the_remedy(tmp_path, content):
    path = tmp_path / "cam.tsv"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"cam\.tsv is not .*dvc repro"):
        text_tables.read_columns(path)


def test_a_table_without_a_column_that_is_needed_is_told(tmp_path):
    path = tmp_path / "cam_thresholds.csv"
    path.write_text("threshold,f\n0.5,inf\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"thresholds\.csv is not a table with the columns threshold, miou; delete"):
        text_tables.read_columns(path, needed=("threshold", "miou"))
    np.testing.assert_equal(text_tables.read_columns(path)["f"], [np.nan])


@pytest.mark.parametrize(
    "content",
    [None, [], "a", 1.5, {}, {"split": None}, {"split": 1}, {"split": "train", "miou": "1"}, {"split": "", "mae": []},
     {"split": "train", "iou": [0.5]}, {"split": "train", "iou": {"dog": {}}}, {"split": "val", "coverage": True}],
)  # fmt: skip
def test_a_broken_metrics_file_is_told_with_the_remedy(tmp_path, content):
    (tmp_path / "cam.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"cam\.json is not a metrics file; delete it and run `dvc repro`"):
        tables.quality_rows(tmp_path)


@pytest.mark.parametrize("content", [None, [], {}, {"seconds": "1"}, {"seconds": float("nan")}, {"seconds": -1}])
def test_a_broken_file_of_times_is_told(tmp_path, content):
    (tmp_path / "cam.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"cam\.json is not a file of training times; delete it"):
        tables.read_seconds(tmp_path / "cam.json")


def test_a_missing_table_is_told_with_its_file(tmp_path):
    with pytest.raises(ArtifactError, match=r"none\.tsv is missing.*dvc repro"):
        text_tables.read_columns(tmp_path / "reports/history/none.tsv")


def test_the_table_is_in_per_cent_with_dashes_for_what_is_absent(tmp_path):
    write(tmp_path, "random_walk", miou=0.4567, miou_low=0.4, miou_high=0.5, boundary_miou=0.3, miou_labelled=0.5,
          coverage=0.912, num_images=12)  # fmt: skip
    write(tmp_path, "fused", miou=float("nan"), coverage=0.5, supervision="I+S")
    header, walk, fused = tables.quality_table(tmp_path).splitlines()
    assert " ".join(header.split()) == "after split images mIoU 95 % boundary labelled coverage supervision"
    assert walk.split()[-8:] == ["train", "12", "45.7", "40.0-50.0", "30.0", "50.0", "91.2", "I"]
    assert fused.split()[-8:] == ["train", "-", "-", "-", "-", "-", "50.0", "I+S"]


def test_rows_that_no_mask_measures_are_named_below_the_table(tmp_path):
    write(tmp_path, "random_walk", note="no masks", num_images=0)
    sentence = "Without figures, since none of their images has a mask: random walk."
    assert tables.quality_table(tmp_path) == sentence
    write(tmp_path, "deeplab", split="val", miou=0.5)
    header, deeplab, told = tables.quality_table(tmp_path).splitlines()
    assert (header.split()[0], deeplab.split()[0], told) == ("after", "DeepLab", sentence)


def test_a_table_of_classes_is_read_with_none_for_what_is_undefined(tmp_path):
    header = ",".join(CLASS_COLUMNS)
    (tmp_path / "cam.csv").write_text(f'{header}\n"cat, big",0.5,0.25,,1.0,7,0\n', encoding="utf-8")
    (cat,) = text_tables.read_classes(tmp_path / "cam.csv")
    assert cat == {"class": "cat, big", "iou": 0.5, "boundary_iou": 0.25, "precision": None, "recall": 1.0,
                   "true_pixels": 7, "predicted_pixels": 0}  # fmt: skip


@pytest.mark.parametrize("row", ["cat,1", "cat,x,0,0,0,1,1", "cat,-1,0,0,0,1,1", "cat,nan,0,0,0,1,1"])
def test_a_broken_table_of_classes_is_told(tmp_path, row):
    (tmp_path / "cam.csv").write_text(f"{','.join(CLASS_COLUMNS)}\n{row}\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"cam\.csv is not a table of classes; delete it and run `dvc repro`"):
        text_tables.read_classes(tmp_path / "cam.csv")
