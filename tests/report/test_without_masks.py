"""What the report says where no mask measures anything."""

import json

from wsss_core.report.without_masks import agreement_rows, classifier_rows


def write(folder, name: str, **figures) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"split": "val", **figures}), encoding="utf-8")


def test_the_classifier_is_told_in_per_cent_with_what_is_known(tmp_path):
    write(tmp_path, "classifier", map=0.567, f1=0.25)
    assert classifier_rows(tmp_path) == [
        ("classifier's tags", "val"), ("mean average precision", "56.7"), ("F1 of all decisions", "25.0")
    ]  # fmt: skip


def test_stages_that_follow_each_other_have_a_line(tmp_path):
    write(tmp_path, "agreement", labelled={"cam_crf": 1, "fused": 0.5}, agreement={"cam_crf to fused": 0.9},
          mutual_miou={})  # fmt: skip
    header, line = agreement_rows(tmp_path)
    assert header[1:] == ("equal labels", "mutual mIoU", "labelled after")
    assert line == ("CAM + CRF to fused with saliency", "90.0", "-", "50.0")


def test_without_figures_there_is_no_table(tmp_path):
    assert classifier_rows(tmp_path) == agreement_rows(tmp_path) == []
    write(tmp_path, "classifier", note="the validation split is empty: figures are absent")
    write(tmp_path, "agreement", agreement=0.5)
    assert classifier_rows(tmp_path) == agreement_rows(tmp_path) == []
