"""What no format may hold, and what all readers share."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from wsss_core import voc
from wsss_core.data.check import check_dataset
from wsss_core.data.listing import read_listing
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem

VOC12_MINI = Path(__file__).parents[3] / "shared" / "voc12-mini"


def remove_image(source: Source) -> None:
    next(source.root.rglob("b c.d.jpg")).unlink()


def test_a_missing_image_is_named(any_set):
    remove_image(any_set)
    with pytest.raises(DatasetError, match=r"image (sub/)?b c\.d has no file in .*; add it or take it out"):
        read_listing(any_set)


@pytest.mark.parametrize("suffix", [".jfif", ".JPEG", ".webp"])
def test_an_image_of_another_kind_stands_for_the_one_that_is_named(any_set, suffix):
    path = next(any_set.root.rglob("b c.d.jpg"))
    Image.open(path).save(path.with_suffix(suffix), format="WEBP" if suffix == ".webp" else "JPEG")
    path.unlink()
    assert read_listing(any_set).images[_only(any_set, "b c.d")] == path.with_suffix(suffix)


def test_an_image_that_cannot_be_opened_is_named_with_the_remedy(any_set):
    path = next(any_set.root.rglob("b c.d.jpg"))
    path.rename(path.with_suffix(".heic"))
    with pytest.raises(DatasetError, match=r"b c\.d has no file in .*; found .*b c\.d\.heic, .*convert to JPEG, or "):
        read_listing(any_set)


def test_an_image_in_another_folder_of_the_set_is_named(voc_set):
    path = voc_set.root / "JPEGImages/a.jpg"
    (voc_set.root / "more").mkdir()
    path.rename(voc_set.root / "more/a.jpg")
    with pytest.raises(DatasetError, match=r"image a has no file in .*JPEGImages; found .*more/a\.jpg"):
        read_listing(voc_set)


def test_an_image_whose_name_differs_in_case_is_named(any_set):
    path = next(any_set.root.rglob("b c.d.jpg"))
    path.rename(path.with_name("B C.D.jpg"))
    with pytest.raises(DatasetError, match=r"b c\.d has no file in .*; found .*B C\.D\.jpg, so write the name as it"):
        read_listing(any_set)


def test_what_is_passed_over_is_told_in_the_log_of_prepare_and_by_check(any_set, caplog):
    folder = next(any_set.root.rglob("b c.d.jpg")).parent
    for name in ("x.heic", "y.heic"):
        (folder / name).touch()
    with caplog.at_level(logging.WARNING):
        read_listing(any_set)
    assert "2 are passed over, for Pillow alone does not open .heic" in caplog.text
    assert "y.heic" in caplog.text
    report = check_dataset(any_set)
    assert report.ok
    assert "2 are passed over" in report.text()


def _only(source: Source, base: str) -> str:
    (name,) = (name for name in read_listing(source).images if name.endswith(base))
    return name


def test_an_image_missing_from_the_tags_is_named(voc_set, folder_set, write):
    (voc_set.root / "Annotations" / "a.xml").unlink()
    write.change(folder_set.root / "labels.csv", "a,dog,train\n", "")
    for source in (voc_set, folder_set):
        with pytest.raises(DatasetError, match="image a is missing from the tags; add it"):
            read_listing(source)


@pytest.mark.parametrize("name", ["voc_set", "coco_set"])
def test_images_without_tags_are_kept_or_dropped_and_counted(name, request, caplog):
    source = request.getfixturevalue(name)
    assert read_listing(source).splits["train"] == ("a", "b c.d")
    with caplog.at_level("WARNING"):
        listing = read_listing(replace(source, untagged="drop"))
    assert listing.splits == {"train": ("a",), "val": ("é",)}
    assert listing.images.keys() == {"a", "é"}
    assert "split train: 1 of 2 images show no class and are left out (dataset.untagged: drop)" in caplog.text
    assert "split val" not in caplog.text


def test_what_is_missing_from_the_tags_is_not_taken_for_untagged(voc_set):
    (voc_set.root / "Annotations" / "a.xml").unlink()
    with pytest.raises(DatasetError, match="image a is missing from the tags"):
        read_listing(replace(voc_set, untagged="drop"))


def test_a_photograph_with_blanks_around_its_name_is_found(any_set):
    path = next(any_set.root.rglob("b c.d.jpg"))
    path.rename(path.with_name(" b c.d.jpg"))
    for annotation in any_set.root.rglob("b c.d.xml"):
        annotation.rename(annotation.with_name(" b c.d.xml"))
    assert read_listing(any_set).images[_only(any_set, "b c.d")].name == " b c.d.jpg"


def test_of_two_photographs_that_differ_in_blanks_the_one_that_no_table_can_name_is_to_be_renamed(folder_set, write):
    write.photo(folder_set.root / "images/ a.png")
    write.change(folder_set.root / "labels.csv", "a,dog,train\n", "a,dog,train\n a.png,cat,train\n")
    with pytest.raises(DatasetError, match=r"image ' a' is missing from the tags, which keep no blanks .*; rename the"):
        read_listing(folder_set)


@pytest.mark.parametrize("name", ["x\ny", "x\x1b[2Jy", "x\u202ey", "x\u2028y", "x\ty"])
def test_names_are_printed_on_one_line(folder_set, name):
    (folder_set.root / "images" / f"{name}.jpg").write_bytes(b"no image")
    (folder_set.root / "images" / f"{name}.heic").touch()
    with pytest.raises(DatasetError) as caught:
        read_listing(folder_set)
    lines = [*check_dataset(folder_set).text().split("\n"), *str(caught.value).split("\n")]
    assert all(map(str.isprintable, lines))
    assert any(ascii(name)[1:-1] in line for line in lines)


def test_letters_of_all_scripts_are_printed_as_they_are():
    assert Problem("kind", "é 猫", "é 猫\u3000\U0001f408 'it\\s'").message == "é 猫\u3000\U0001f408 'it\\s'"


def test_a_tag_that_is_no_class_is_named_with_a_suggestion(voc_set, folder_set, write):
    write.annotation(voc_set.root / "Annotations" / "a.xml", "persn")
    with pytest.raises(
        DatasetError, match=r"a\.xml: tag 'persn' of image a is no class; did you mean 'person'"
    ):
        read_listing(voc_set)
    with pytest.raises(
        DatasetError, match=r"labels\.csv: tag 'dog' of image a is no class; did you mean 'Dog'"
    ):
        read_listing(replace(folder_set, classes=["cat", "Dog"]))


def test_an_empty_train_split_is_an_error_and_an_empty_val_one_for_voc(voc_set, folder_set, write):
    (voc_set.root / "ImageSets/Segmentation/val.txt").write_text("\n")
    write.change(folder_set.root / "labels.csv", "train", "test")
    with pytest.raises(DatasetError, match=r"split val of .* is empty; set dataset.val"):
        read_listing(voc_set)
    with pytest.raises(DatasetError, match=r"split train of .* is empty; set dataset.train"):
        read_listing(folder_set)


@pytest.mark.parametrize("name", ["voc_set", "coco_set"])
def test_val_may_be_left_out_by_name(name, request):
    assert read_listing(replace(request.getfixturevalue(name), val="")).splits["val"] == ()


def test_all_problems_come_at_once_but_only_twenty_are_spelled_out(folder_set, write):
    rows = [f"x{number:02},dog,train" for number in range(30)]
    write.text(folder_set.root / "labels.csv", "image,labels,split", *rows)
    with pytest.raises(DatasetError) as caught:
        read_listing(folder_set)
    error = caught.value
    assert len(error.problems) == 30 + 3
    assert str(error).startswith("33 problems in data set")
    assert len(str(error).splitlines()) == 1 + 20 + 1
    assert str(error).endswith("... and 13 more")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["dog", "dog"], "'dog' stands twice"),
        (["background", "dog"], "'background'"),
        ([f"c{number}" for number in range(255)], "255 classes, where 1 to 254 fit"),
    ],
)
def test_impossible_classes_are_refused(folder_set, classes, message):
    with pytest.raises(DatasetError, match=message):
        read_listing(replace(folder_set, classes=classes))


def test_a_missing_root_names_the_parameter(voc_set, tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere: there is no such folder; set dataset.root"):
        read_listing(replace(voc_set, root=tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match=r"no train split is named; set dataset.train"):
        read_listing(replace(voc_set, train=""))


def test_an_unknown_format_names_those_that_exist(voc_set):
    with pytest.raises(ValueError, match="choose scenes, voc, folder or coco"):
        read_listing(replace(voc_set, format="ade20k"))


@pytest.mark.skipif(not VOC12_MINI.is_dir(), reason="voc12-mini is not beside this repository")
def test_voc12_mini_is_read():
    source = Source("voc", VOC12_MINI, classes=None, train="train", val="val", labels=None, images=None, masks=None)
    listing = read_listing(source)
    assert (len(listing.splits["train"]), len(listing.splits["val"])) == (647, 202)
    assert listing.classes == voc.CLASSES
    assert listing.supervision == "tags"
    assert listing.tags["2007_000063"] == ("chair", "dog")
