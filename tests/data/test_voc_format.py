"""VOC devkits: lists, XML annotations, CSV tags, and classes."""

import logging
import os
from dataclasses import replace

import numpy as np
import pytest

from wsss_core import voc
from wsss_core.data.listing import read_listing
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError


def test_voc_reads_splits_images_and_tags(voc_set):
    listing = read_listing(voc_set)
    assert listing.classes == voc.CLASSES
    assert listing.splits == {"train": ("a", "b c.d"), "val": ("é",)}
    assert listing.images["b c.d"] == voc_set.root / "JPEGImages" / "b c.d.jpg"
    assert listing.tags == {"a": ("dog", "person"), "b c.d": (), "é": ("cat",)}
    assert listing.supervision == "tags"


def test_voc_takes_object_names_and_never_part_names(voc_set, write):
    write.annotation(voc_set.root / "Annotations" / "a.xml", "dog", "dog", part="person")
    assert read_listing(voc_set).tags["a"] == ("dog",)


def test_voc_lists_may_hold_two_paths_blanks_and_no_last_newline(voc_set):
    lines = "/JPEGImages/a.jpg /SegmentationClassAug/a.png\r\n\n  b c.d  \nJPEGImages/b c.d.jpg x/b c.d.png"
    (voc_set.root / "ImageSets/Segmentation/train.txt").write_text(lines, encoding="utf-8")
    assert read_listing(voc_set).splits["train"] == ("a", "b c.d")


def test_voc_images_may_have_any_known_suffix(voc_set, write):
    (voc_set.root / "JPEGImages" / "a.jpg").unlink()
    write.photo(voc_set.root / "JPEGImages" / "a.PNG")
    assert read_listing(voc_set).images["a"].name == "a.PNG"


def test_voc_names_agree_across_unicode_forms(voc_set, write):
    write.text(voc_set.root / "ImageSets/Segmentation/val.txt", "e\u0301")
    assert read_listing(voc_set).splits["val"] == ("\u00e9",)


def test_voc_takes_the_csv_for_images_without_xml(voc_set, write):
    (voc_set.root / "Annotations" / "é.xml").unlink()
    write.text(voc_set.root / "image_labels.csv", "image,labels", "a,sheep", "é,car;bus")
    tags = read_listing(voc_set).tags
    assert tags["a"] == ("dog", "person")
    assert tags["é"] == ("bus", "car")


def test_voc_takes_a_csv_that_is_named_before_the_xml(voc_set, write):
    write.text(voc_set.root / "mine.csv", "image,labels", "a,sheep", "b c.d,", "é,cow")
    assert read_listing(replace(voc_set, labels="mine.csv")).tags == {
        "a": ("sheep",),
        "b c.d": (),
        "é": ("cow",),
    }


def test_voc_takes_tags_from_masks_only_where_nothing_else_names_them_and_says_so(voc_set, caplog, write):
    root = voc_set.root
    (root / "Annotations").rename(root / "gone")
    write.labels(root / "SegmentationClass" / "a.png", np.array([[0, 255], [12, 15]]))
    with caplog.at_level(logging.WARNING):
        listing = read_listing(voc_set)
    assert listing.supervision == "pixels"
    assert listing.tags == {"a": ("dog", "person"), "b c.d": (), "é": ("cat",)}
    assert "pixel supervised" in caplog.text


def test_voc_classes_may_come_from_a_file_or_from_the_parameters(voc_set, write):
    write.text(voc_set.root / "classes.txt", "person", "cat", "dog")
    assert read_listing(voc_set).classes == ("person", "cat", "dog")
    assert read_listing(voc_set).tags["a"] == ("person", "dog")
    assert read_listing(replace(voc_set, classes=["dog", "cat", "person"])).classes == (
        "dog",
        "cat",
        "person",
    )


def test_scenes_are_read_as_voc(voc_set):
    assert read_listing(replace(voc_set, format="scenes")) == read_listing(voc_set)


def test_voc_list_that_is_missing_names_those_that_are_there(voc_set):
    with pytest.raises(DatasetError, match=r"train_aug\.txt: there is no such list; .* any of: train, val"):
        read_listing(replace(voc_set, train="train_aug"))


def test_voc_broken_xml_is_named(voc_set, write):
    write.text(voc_set.root / "Annotations" / "a.xml", "<annotation><object>")
    with pytest.raises(DatasetError, match=r"a\.xml is no valid XML .*; replace the file"):
        read_listing(voc_set)


@pytest.mark.parametrize("encoding", ["gb2312", "GBK", "utf-16", "shift_jis", "utf-8-sig"])
def test_voc_xml_may_be_in_any_encoding_that_it_declares(voc_set, encoding):
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><annotation><!-- 猫 -->' + (
        "<object><name>dog</name></object></annotation>"
    )
    (voc_set.root / "Annotations/a.xml").write_bytes(text.encode(encoding))
    assert read_listing(voc_set).tags["a"] == ("dog",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html><object><name>dog</name></object></html>", r"is no annotation of VOC's kind \(its root is <html>\)"),
        (b"<annotation><object/></annotation>", "has no name for its object 1; add <name> or remove the object"),
        (b"<annotation><object><name> </name></object></annotation>", "has no name for its object 1"),
        (b'<?xml version="1.0"?><annotation>\xff</annotation>', "is no valid XML .*; replace the file"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "is no valid XML .*unknown encoding: klingon"),
    ],
)
def test_voc_xml_of_another_kind_is_named(voc_set, content, message):
    (voc_set.root / "Annotations/a.xml").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"a\.xml {message}"):
        read_listing(voc_set)


def test_voc_xml_that_is_no_file_is_not_opened(voc_set):
    (voc_set.root / "Annotations/a.xml").unlink()
    os.mkfifo(voc_set.root / "Annotations/a.xml")
    with pytest.raises(DatasetError, match=r"a\.xml is no file, and a pipe would hang; replace it"):
        read_listing(voc_set)


def test_voc_lists_may_lie_in_main_and_bear_the_labels_of_a_class(voc_set, caplog):
    lists = voc_set.root / "ImageSets"
    (lists / "Segmentation").rename(lists / "Main")
    (lists / "Main/dog_train.txt").write_text("a  1\nb c.d -1\n")
    assert read_listing(voc_set).splits["train"] == ("a", "b c.d")
    assert "gives each image" not in caplog.text
    with caplog.at_level(logging.WARNING):
        listing = read_listing(replace(voc_set, train="dog_train"))
    assert listing.splits["train"] == ("a", "b c.d")
    assert listing.tags["b c.d"] == ()
    assert "dog_train.txt gives each image a -1, 0 or 1" in caplog.text
    assert "all its images are used, whatever the number" in caplog.text


def test_voc_images_whose_names_end_in_a_number_are_no_labels(voc_set, write, caplog):
    for name in ("x 0", "x 1"):
        write.photo(voc_set.root / "JPEGImages" / f"{name}.jpg", grey=len(name))
        write.annotation(voc_set.root / "Annotations" / f"{name}.xml", "dog")
    write.text(voc_set.root / "ImageSets/Segmentation/train.txt", "x 0", "x 1")
    assert read_listing(voc_set).splits["train"] == ("x 0", "x 1")
    assert "gives each image" not in caplog.text


def test_voc_annotations_may_lie_beside_their_images(voc_set):
    for path in (voc_set.root / "Annotations").glob("*.xml"):
        path.rename(voc_set.root / "JPEGImages" / path.name)
    (voc_set.root / "Annotations").rmdir()
    listing = read_listing(voc_set)
    assert listing.tags == {"a": ("dog", "person"), "b c.d": (), "é": ("cat",)}
    assert listing.supervision == "tags"


@pytest.fixture
def roboflow_set(tmp_path, write) -> Source:
    """train/ and valid/ hold images with their XML beside them, and a.jpg each; no list, no JPEGImages."""
    for grey, (name, tag) in enumerate({"train/a": "dog", "train/b": "cat", "valid/a": "cow"}.items()):
        write.photo(tmp_path / f"{name}.jpg", grey=60 * grey)
        write.annotation(tmp_path / f"{name}.xml", tag)
    write.text(tmp_path / "README.roboflow.txt", "exported")
    return Source("voc", tmp_path, classes=None, train="train", val="valid", labels=None, images=None, masks=None)


def test_roboflows_folders_are_splits(roboflow_set):
    listing = read_listing(roboflow_set)
    assert listing.splits == {"train": ("train/a", "train/b"), "val": ("valid/a",)}
    assert listing.tags == {"train/a": ("dog",), "train/b": ("cat",), "valid/a": ("cow",)}


def test_the_remedy_for_a_split_that_is_not_there_is_true(roboflow_set):
    with pytest.raises(DatasetError, match=r"there is no such list; .* any of: train, valid$"):
        read_listing(replace(roboflow_set, val="val"))


def test_a_set_without_any_list_is_told_to_write_one(voc_set):
    for path in (voc_set.root / "ImageSets/Segmentation").glob("*.txt"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"none of another name; write one, an image's name a line, in "):
        read_listing(voc_set)
