"""A folder of images and a CSV: separators, splits, broken tables."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from wsss_core import voc
from wsss_core.data.listing import read_listing
from wsss_core.problems import DatasetError


def test_folder_reads_splits_ids_and_sorted_classes(folder_set):
    listing = read_listing(folder_set)
    assert listing.classes == ("cat", "dog")
    assert listing.splits == {"train": ("a", "sub/b c.d"), "val": ("é",)}
    assert listing.tags == {"a": ("dog",), "sub/b c.d": ("cat", "dog"), "é": ()}


def test_folder_classes_may_be_ordered_by_the_parameters(folder_set):
    listing = read_listing(replace(folder_set, classes=["dog", "emu", "cat"]))
    assert listing.classes == ("dog", "emu", "cat")
    assert listing.tags["sub/b c.d"] == ("dog", "cat")


@pytest.mark.parametrize(
    ("rows", "classes"),
    [
        (["a,cat|traffic light", "sub/b c.d,dog", "é,"], ("cat", "dog", "traffic light")),
        (['a,"cat, traffic light"', "sub/b c.d,dog", "é,"], ("cat", "dog", "traffic light")),
        (["a,cat; traffic light ;", "sub/b c.d,traffic light", "é,"], ("cat", "traffic light")),
    ],
)
def test_folder_tags_may_be_apart_by_any_usual_sign(folder_set, rows, classes, write):
    write.text(folder_set.root / "labels.csv", "image,labels", *rows)
    assert read_listing(folder_set).classes == classes


@pytest.mark.parametrize("classes", [None, ["cat", "traffic light"]])
def test_blanks_never_part_a_tag(folder_set, write, classes):
    write.text(folder_set.root / "labels.csv", "image,labels", "a,traffic light", "sub/b c.d,cat", "é,")
    listing = read_listing(replace(folder_set, classes=classes))
    assert listing.classes == ("cat", "traffic light")
    assert listing.tags["a"] == ("traffic light",)


def test_folder_class_that_holds_a_separator_is_one_tag_when_it_is_known(folder_set, write):
    write.text(folder_set.root / "labels.csv", "image,labels", 'a,"bus, coach"', '"sub/b c.d","cat,dog"', "é,")
    tags = read_listing(replace(folder_set, classes=["cat", "dog", "bus, coach"])).tags
    assert (tags["a"], tags["sub/b c.d"]) == (("bus, coach",), ("cat", "dog"))


def test_folder_table_may_come_from_a_spreadsheet(folder_set):
    table = (
        '\ufeff"Labels";"Image"\r\n"cat|dog";"images\\sub\\b c.d.JPG"\r\n"dog";"./a.png"\r\n"";"e\u0301"\r\n'
    )
    (folder_set.root / "labels.csv").write_text(table, encoding="utf-8", newline="")
    assert read_listing(folder_set).tags == {"a": ("dog",), "sub/b c.d": ("cat", "dog"), "é": ()}


def test_folder_without_a_split_column_is_all_train_and_says_that_val_is_empty(folder_set, caplog, write):
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,")
    with caplog.at_level(logging.WARNING):
        listing = read_listing(folder_set)
    assert listing.splits == {"train": ("a", "sub/b c.d", "é"), "val": ()}
    assert "split val" in caplog.text


def test_folder_lists_tell_the_splits_where_there_is_no_column(folder_set, write):
    root = folder_set.root
    write.text(root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,")
    write.text(root / "holdout.txt", "sub/b c.d")
    source = replace(folder_set, val="holdout")
    assert read_listing(source).splits == {"train": ("a", "é"), "val": ("sub/b c.d",)}
    write.text(root / "train.txt", "a")
    assert read_listing(source).splits == {"train": ("a",), "val": ("sub/b c.d",)}


def test_folder_images_may_lie_in_the_root_beside_their_masks(tmp_path, folder_set, write):
    write.photo(tmp_path / "flat" / "a.jpg")
    write.labels(tmp_path / "flat" / "masks" / "a.png", np.zeros((4, 6)))
    write.text(tmp_path / "flat" / "labels.csv", "image,labels", "a,dog")
    assert list(read_listing(replace(folder_set, root=tmp_path / "flat")).images) == ["a"]


def test_folder_reads_what_voc_reads(voc_set, write):
    root = voc_set.root
    write.text(root / "image_labels.csv", "image,labels", "a,dog;person", "b c.d,", "é,cat")
    as_folder = replace(
        voc_set,
        format="folder",
        images="JPEGImages",
        masks="SegmentationClass",
        train="ImageSets/Segmentation/train",
        val="ImageSets/Segmentation/val",
        classes=voc.CLASSES,
    )
    assert read_listing(as_folder) == read_listing(voc_set)


def test_folder_two_files_of_one_id_are_both_named(folder_set, write):
    write.photo(folder_set.root / "images" / "a.jpg")
    with pytest.raises(DatasetError, match=r"a\.jpg and .*a\.png are both image a; rename or remove one"):
        read_listing(folder_set)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,tags\na,dog\n", "must name columns image,labels"),
        ("", "must name columns image,labels"),
        ("image,labels\n", "it has no rows"),
        ("image,labels\na,dog,cat\n", r"line 2 has 3 cells, not 2; put ';' between tags"),
        ("image,labels,split\na,dog,train\na,dog,val\n", "image a is in the splits train and val"),
    ],
)
def test_folder_broken_table_is_named(folder_set, table, message):
    (folder_set.root / "labels.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DatasetError, match=rf"labels\.csv: .*{message}"):
        read_listing(folder_set)


@pytest.mark.parametrize("column", ["image", "labels", "split"])
@pytest.mark.parametrize("write_again", [str, str.upper, "{} ".format], ids=["the same", "another case", "a blank"])
def test_a_column_that_stands_twice_loses_no_cells_but_is_named(folder_set, write, column, write_again):
    again = write_again(column)
    write.text(folder_set.root / "labels.csv", f"image,labels,split,{again}", "a,dog,train,cat")
    shown = rf"'{column}' and '{again.strip()}'"
    with pytest.raises(DatasetError, match=rf"labels\.csv: .* names the column {column} 2 times \({shown}\); put"):
        read_listing(folder_set)


def test_columns_that_are_not_read_may_have_one_heading(folder_set, write):
    rows = ("a,dog,train,,", "sub/b c.d,cat,train,x,y", "é,,val,,")
    write.text(folder_set.root / "labels.csv", "image,labels,split,,", *rows)
    assert read_listing(folder_set).tags["sub/b c.d"] == ("cat",)


def test_folder_table_that_is_not_utf8_is_named(folder_set):
    (folder_set.root / "labels.csv").write_bytes("image,labels\né,dog\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"labels\.csv: it is not UTF-8; save it"):
        read_listing(folder_set)


def test_folder_rows_of_one_image_are_joined_with_a_warning(folder_set, caplog, write):
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "a,cat", "sub/b c.d,cat", "é,")
    with caplog.at_level(logging.WARNING):
        assert read_listing(folder_set).tags["a"] == ("cat", "dog")
    assert "1 images have several rows (first a)" in caplog.text


def test_folder_without_a_table_is_told(folder_set):
    (folder_set.root / "labels.csv").unlink()
    with pytest.raises(DatasetError, match=r"labels\.csv: there is no table of tags; add it"):
        read_listing(folder_set)


def test_folder_names_may_have_any_folders_in_front(folder_set, write, caplog):
    rows = ["images\\1\\a.png,dog,train", "photos/sub/b c.d.jpg,dog;cat,train", "/home/x/é.jpg,,val"]
    write.text(folder_set.root / "labels.csv", "image,labels,split", *rows)
    with caplog.at_level(logging.WARNING):
        listing = read_listing(folder_set)
    assert listing.splits == {"train": ("a", "sub/b c.d"), "val": ("é",)}
    assert "3 images were found by the ends of their paths only (a, sub/b c.d, é)" in caplog.text


def test_folder_base_name_of_several_images_names_them(folder_set, write):
    write.photo(folder_set.root / "images/other/b c.d.jpg", grey=9)
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "b c.d.jpg,cat", "é,")
    with pytest.raises(DatasetError, match=r"b c\.d has no file .*; found .*other/b c\.d\.jpg, .*sub/b c\.d\.jpg"):
        read_listing(folder_set)


def test_folder_lists_and_table_may_write_names_differently(folder_set, write):
    root = folder_set.root
    write.text(root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,")
    write.text(root / "train.txt", "/content/set/a.png", "/content/set/sub/b c.d.jpg")
    write.text(root / "val.txt", "images/é.jpeg")
    assert read_listing(folder_set).splits == {"train": ("a", "sub/b c.d"), "val": ("é",)}


def test_folder_splits_of_other_names_are_told(folder_set, write, caplog):
    write.change(folder_set.root / "labels.csv", ",val", ",valid")
    with caplog.at_level(logging.WARNING):
        read_listing(folder_set)
    assert "split val" in caplog.text
    assert "unless you set dataset.val to any of: train, valid" in caplog.text
    with pytest.raises(DatasetError, match=r"split train of .* is empty; set dataset\.train to any of: train, valid"):
        read_listing(replace(folder_set, train="training"))


@pytest.mark.parametrize("blank", [",", ",,,,", '"",""', "  , ", ""])
def test_rows_of_empty_cells_are_passed_over(folder_set, write, blank):
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", blank, "sub/b c.d,cat", "é,", blank, blank)
    assert set(read_listing(folder_set).tags) == {"a", "sub/b c.d", "é"}


@pytest.mark.parametrize("row", ['sub/b c.d,"cat', '"sub/b c.d,cat', 'sub/b c.d,"cat""'])
def test_a_quote_that_stays_open_names_its_line(folder_set, write, row):
    """Where another quote closes it some lines below too."""
    for last in ("é,", 'é,"dog"'):
        write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", row, last)
        with pytest.raises(DatasetError, match=r'labels\.csv: line 3 opens a quote \("\) that it does not close'):
            read_listing(folder_set)


def test_a_cell_beyond_all_measure_names_its_line(folder_set, write):
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", f"é,{'x' * 200_000}")
    with pytest.raises(DatasetError, match=r"labels\.csv: line 3 cannot be read"):
        read_listing(folder_set)
