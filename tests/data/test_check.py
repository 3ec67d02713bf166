import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsss_core.data.check import Report, check_dataset
from wsss_core.data.index import Index
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem


def problems_of(report: Report) -> list[Problem]:
    """The problems, but for what is said of the class list of any set of three images."""
    usual = ("class without images", "class in every image")
    return [problem for problem in report.problems if problem.kind not in usual]


def found(report: Report) -> dict[str, str]:
    """kind -> file of the problems, which a test makes one of a kind."""
    return {problem.kind: problem.file for problem in problems_of(report)}


@pytest.fixture
def sound_set(folder_set, write) -> Source:
    """folder_set with a third training image, `c` (cat), so that no class is on all of them."""
    write.photo(folder_set.root / "images" / "c.png", grey=200)
    write.change(folder_set.root / "labels.csv", "é,,val", "é,,val\nc,cat,train")
    return folder_set


def test_a_sound_set_has_counts_and_no_problems(sound_set):
    report = check_dataset(sound_set)
    assert report.ok
    assert report.problems == ()
    assert {split: counts.images for split, counts in report.splits.items()} == {"train": 3, "val": 1}
    assert report.text().endswith("no problems")


def test_every_format_is_counted(any_set):
    report = check_dataset(any_set)
    assert report.ok
    assert found(report) == {}
    assert {split: counts.images for split, counts in report.splits.items()} == {"train": 2, "val": 1}


def test_counts_frequencies_empty_tags_and_masks(voc_set):
    (voc_set.root / "SegmentationClass" / "a.png").unlink()
    report = check_dataset(voc_set)
    train, val = report.splits["train"], report.splits["val"]
    assert (train.frequencies["dog"], train.frequencies["person"], train.frequencies["cat"]) == (1, 1, 0)
    assert val.frequencies["cat"] == 1
    assert train.without_tags == ("b c.d",)
    assert (train.masks, val.masks) == (1, 1)
    lines = report.text().splitlines()
    assert "  train        2 images, 1 without tags, 1 with a mask" in lines
    assert any(line.split() == ["cat", "0", "1"] for line in lines)


def test_an_unreadable_image_is_reported_as_prepare_reports_it(any_set):
    path = next(any_set.root.rglob("b c.d.jpg"))
    path.write_bytes(b"no image")
    report = check_dataset(any_set)
    assert found(report) == {"unreadable image": str(path)}
    assert not report.ok
    with pytest.raises(DatasetError) as caught:
        build_index(read_listing(any_set), any_set)
    assert list(caught.value.problems) == problems_of(report)
    assert str(caught.value) in report.text()


def test_tags_and_rows_that_fit_nothing(folder_set, write):
    root = folder_set.root
    rows = ["a,dig,train", "ghost,dog,", "sub/b c.d,cat,train"]
    write.text(root / "labels.csv", "image,labels,split", *rows)
    report = check_dataset(replace(folder_set, classes=["cat", "dog"]))
    assert found(report) == {
        "unknown tag": str(root / "labels.csv"),
        "image without row": "é",
        "row without image": "ghost",
        "image in no split": str(root / "labels.csv"),
        "empty split": "val",
    }
    assert "tag 'dig' of image a is no class; did you mean 'dog'?" in report.text()
    assert [problem.severity for problem in problems_of(report)] == ["error"] * 2 + ["warning"] * 3


def test_masks_with_illegal_values_or_of_another_size(voc_set, write):
    masks = voc_set.root / "SegmentationClass"
    write.labels(masks / "a.png", np.full((4, 6), 21))
    write.labels(masks / "b c.d.png", np.zeros((6, 4)))
    (masks / "é.png").write_bytes(b"")
    assert found(check_dataset(voc_set)) == {
        "mask value": str(masks / "a.png"),
        "mask size": str(masks / "b c.d.png"),
        "unreadable mask": str(masks / "é.png"),
    }


def test_splits_that_overlap_and_ids_that_repeat_are_warnings(voc_set, write):
    write.text(voc_set.root / "ImageSets" / "Segmentation" / "val.txt", "a", "é", "é")
    report = check_dataset(voc_set)
    assert found(report) == {"splits overlap": "a", "repeated image": "é"}
    assert report.ok
    assert "warning: splits overlap (1)" in report.text()


def test_one_photograph_under_two_names_is_a_warning(voc_set, write):
    for name in ("a", "é"):
        write.photo(voc_set.root / "JPEGImages" / f"{name}.jpg", grey=77)
    report = check_dataset(voc_set)
    assert found(report) == {"same image": "JPEGImages/a.jpg"}
    assert "JPEGImages/a.jpg and JPEGImages/é.jpg hold the same image" in report.text()


def test_an_empty_split_and_a_missing_image(voc_set):
    (voc_set.root / "ImageSets" / "Segmentation" / "val.txt").write_text("")
    (voc_set.root / "JPEGImages" / "b c.d.jpg").unlink()
    report = check_dataset(voc_set)
    assert found(report) == {"empty split": "val", "missing image": "b c.d"}
    assert report.splits["train"].images == 1


def test_a_set_that_cannot_be_opened_is_a_report_too(any_set):
    report = check_dataset(replace(any_set, images="nowhere"))
    assert found(report) == {"layout": str(any_set.root / "nowhere")}
    assert not report.ok
    assert "nowhere: there is no such folder" in report.text()


def test_masks_that_are_not_where_the_parameter_says(any_set):
    report = check_dataset(replace(any_set, masks="nowhere"))
    assert found(report) == {"layout": str(any_set.root / "nowhere")}
    assert report.splits["train"].images == 2


def test_the_text_spells_out_twenty_of_a_kind(folder_set, write):
    rows = [f"x{number:02},dog,train" for number in range(30)]
    write.text(
        folder_set.root / "labels.csv", "image,labels,split", "a,,val", "é,,val", "sub/b c.d,,val", *rows
    )
    report = check_dataset(folder_set)
    assert len(problems_of(report)) == 30
    assert "error: missing image (30)" in report.text()
    assert "... and 10 more" in report.text()


def test_pixel_supervision_is_told(voc_set):
    (voc_set.root / "Annotations").rename(voc_set.root / "gone")
    report = check_dataset(voc_set)
    assert report.supervision == "pixels"
    assert found(report) == {"pixel supervision": str(voc_set.root)}
    assert "supervised by pixels" in report.text()


def test_several_processes_find_the_same(folder_set, write):
    rows = []
    for number in range(70):
        write.photo(folder_set.root / "images" / f"{number}.png", grey=number + 1)
        write.labels(folder_set.root / "masks" / f"{number}.png", np.full((4, 6), number % 5))
        rows.append(f"{number},dog,train")
    write.text(
        folder_set.root / "labels.csv", "image,labels,split", "a,,val", "é,,val", "sub/b c.d,,val", *rows
    )
    report = check_dataset(folder_set, workers=2)
    assert report == check_dataset(folder_set, workers=0)
    assert set(found(report)) == {"mask value"}


@pytest.fixture
def prepared(voc_set, tmp_path) -> Path:
    """The index of voc_set as `prepare` writes it."""
    path = tmp_path / "index.json"
    build_index(read_listing(voc_set), voc_set).write(path)
    return path


def outdated(prepared: Path, source: Source) -> list[str]:
    problems = check_dataset(source, prepared=prepared).problems
    return [problem.message for problem in problems if problem.kind == "outdated index"]


def test_an_index_that_says_what_the_data_say_is_no_problem(voc_set, prepared):
    assert found(check_dataset(voc_set, prepared=prepared)) == {}


def test_an_index_is_outdated_by_new_tags(voc_set, prepared, write):
    write.annotation(voc_set.root / "Annotations" / "b c.d.xml", "cat")
    report = check_dataset(voc_set, prepared=prepared)
    assert found(report) == {"outdated index": str(prepared)}
    assert report.ok
    assert f"{prepared} is older than the data: 1 of 3 images differ" in report.text()
    assert "run `dvc repro -f prepare`, then `dvc repro`" in report.text()


def test_an_index_is_outdated_by_other_splits_and_files(voc_set, prepared, write):
    lists = voc_set.root / "ImageSets" / "Segmentation"
    write.text(lists / "train.txt", "a")
    (message,) = outdated(prepared, voc_set)
    assert "1 of 3 images differ" in message
    write.text(lists / "val.txt", "é", "b c.d")  # from train to val
    (message,) = outdated(prepared, voc_set)
    assert "1 of 3 images differ" in message
    write.photo(voc_set.root / "JPEGImages" / "a.jpg", grey=7)
    (message,) = outdated(prepared, voc_set)
    assert "2 of 3 images differ" in message


def test_an_index_is_outdated_for_all_images_by_other_classes(voc_set, prepared):
    names = [*Index.open(prepared).classes, "unicorn"]
    (message,) = outdated(prepared, replace(voc_set, classes=names))
    assert "3 of 3 images differ" in message


def test_an_index_of_another_data_set_is_none_of_its_business(voc_set, folder_set, prepared, tmp_path):
    assert outdated(prepared, folder_set) == []
    shutil.copytree(voc_set.root, tmp_path / "other")
    (tmp_path / "other/ImageSets/Segmentation/train.txt").write_text("a\n")
    assert outdated(prepared, replace(voc_set, root=tmp_path / "other")) == []
    assert outdated(tmp_path / "none.json", voc_set) == []


def test_a_damaged_index_is_a_warning(voc_set, prepared):
    prepared.write_text("{")
    report = check_dataset(voc_set, prepared=prepared)
    assert report.ok
    assert "the index is damaged; run `dvc repro -f prepare`" in report.text()
