import json
import logging
from pathlib import Path

import numpy as np
import pytest

from wsss_core import voc
from wsss_core.data.listing import read_listing
from wsss_core.data.problems import DatasetError

VOC12_MINI = Path(__file__).parents[3] / "shared" / "voc12-mini"


def lists(root: Path) -> Path:
    return root / "ImageSets" / "Segmentation"


def change(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


# --- voc


def test_voc_reads_splits_images_and_tags(voc_set):
    listing = read_listing(**voc_set)
    assert listing.classes == voc.CLASSES
    assert listing.splits == {"train": ("a", "b c.d"), "val": ("é",)}
    assert listing.images["b c.d"] == voc_set["root"] / "JPEGImages" / "b c.d.jpg"
    assert listing.tags == {"a": ("dog", "person"), "b c.d": (), "é": ("cat",)}
    assert listing.supervision == "tags"


def test_voc_takes_object_names_and_never_part_names(voc_set, write):
    write.annotation(voc_set["root"] / "Annotations" / "a.xml", "dog", "dog", part="person")
    assert read_listing(**voc_set).tags["a"] == ("dog",)


def test_voc_lists_may_hold_two_paths_blanks_and_no_last_newline(voc_set):
    lines = "/JPEGImages/a.jpg /SegmentationClassAug/a.png\r\n\n  b c.d  \nJPEGImages/b c.d.jpg x/b c.d.png"
    (lists(voc_set["root"]) / "train.txt").write_text(lines, encoding="utf-8")
    assert read_listing(**voc_set).splits["train"] == ("a", "b c.d")


def test_voc_images_may_have_any_known_suffix(voc_set, write):
    (voc_set["root"] / "JPEGImages" / "a.jpg").unlink()
    write.photo(voc_set["root"] / "JPEGImages" / "a.PNG")
    assert read_listing(**voc_set).images["a"].name == "a.PNG"


def test_voc_names_agree_across_unicode_forms(voc_set, write):
    write.text(lists(voc_set["root"]) / "val.txt", "e\u0301")
    assert read_listing(**voc_set).splits["val"] == ("\u00e9",)


def test_voc_takes_the_csv_for_images_without_xml(voc_set, write):
    (voc_set["root"] / "Annotations" / "é.xml").unlink()
    write.text(voc_set["root"] / "image_labels.csv", "image,labels", "a,sheep", "é,car;bus")
    tags = read_listing(**voc_set).tags
    assert tags["a"] == ("dog", "person")
    assert tags["é"] == ("bus", "car")


def test_voc_takes_a_csv_that_is_named_before_the_xml(voc_set, write):
    write.text(voc_set["root"] / "mine.csv", "image,labels", "a,sheep", "b c.d,", "é,cow")
    assert read_listing(**{**voc_set, "labels": "mine.csv"}).tags == {
        "a": ("sheep",),
        "b c.d": (),
        "é": ("cow",),
    }


def test_voc_takes_tags_from_masks_only_where_nothing_else_names_them_and_says_so(voc_set, caplog, write):
    root = voc_set["root"]
    (root / "Annotations").rename(root / "gone")
    write.labels(root / "SegmentationClass" / "a.png", np.array([[0, 255], [12, 15]]))
    with caplog.at_level(logging.WARNING):
        listing = read_listing(**voc_set)
    assert listing.supervision == "pixels"
    assert listing.tags == {"a": ("dog", "person"), "b c.d": (), "é": ()}
    assert "pixel supervised" in caplog.text


def test_voc_classes_may_come_from_a_file_or_from_the_parameters(voc_set, write):
    write.text(voc_set["root"] / "classes.txt", "person", "cat", "dog")
    assert read_listing(**voc_set).classes == ("person", "cat", "dog")
    assert read_listing(**voc_set).tags["a"] == ("person", "dog")
    assert read_listing(**{**voc_set, "classes": ["dog", "cat", "person"]}).classes == (
        "dog",
        "cat",
        "person",
    )


def test_scenes_are_read_as_voc(voc_set):
    assert read_listing(**{**voc_set, "format": "scenes"}) == read_listing(**voc_set)


def test_voc_list_that_is_missing_names_those_that_are_there(voc_set):
    with pytest.raises(DatasetError, match=r"train_aug\.txt: there is no such list; .* any of: train, val"):
        read_listing(**{**voc_set, "train": "train_aug"})


def test_voc_broken_xml_is_named(voc_set, write):
    write.text(voc_set["root"] / "Annotations" / "a.xml", "<annotation><object>")
    with pytest.raises(DatasetError, match=r"a\.xml is no valid XML .*; replace the file"):
        read_listing(**voc_set)


# --- folder


def test_folder_reads_splits_ids_and_sorted_classes(folder_set):
    listing = read_listing(**folder_set)
    assert listing.classes == ("cat", "dog")
    assert listing.splits == {"train": ("a", "sub/b c.d"), "val": ("é",)}
    assert listing.tags == {"a": ("dog",), "sub/b c.d": ("cat", "dog"), "é": ()}


def test_folder_classes_may_be_ordered_by_the_parameters(folder_set):
    listing = read_listing(**{**folder_set, "classes": ["dog", "emu", "cat"]})
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
    write.text(folder_set["root"] / "labels.csv", "image,labels", *rows)
    assert read_listing(**folder_set).classes == classes


@pytest.mark.parametrize("classes", [None, ["cat", "traffic light"]])
def test_blanks_never_part_a_tag(folder_set, write, classes):
    write.text(folder_set["root"] / "labels.csv", "image,labels", "a,traffic light", "sub/b c.d,cat", "é,")
    listing = read_listing(**{**folder_set, "classes": classes})
    assert listing.classes == ("cat", "traffic light")
    assert listing.tags["a"] == ("traffic light",)


def test_folder_class_that_holds_a_separator_is_one_tag_when_it_is_known(folder_set, write):
    write.text(folder_set["root"] / "labels.csv", "image,labels", 'a,"bus, coach"', '"sub/b c.d","cat,dog"', "é,")
    tags = read_listing(**{**folder_set, "classes": ["cat", "dog", "bus, coach"]}).tags
    assert (tags["a"], tags["sub/b c.d"]) == (("bus, coach",), ("cat", "dog"))


def test_folder_table_may_come_from_a_spreadsheet(folder_set):
    table = (
        '\ufeff"Labels";"Image"\r\n"cat|dog";"images\\sub\\b c.d.JPG"\r\n"dog";"./a.png"\r\n"";"e\u0301"\r\n'
    )
    (folder_set["root"] / "labels.csv").write_text(table, encoding="utf-8", newline="")
    assert read_listing(**folder_set).tags == {"a": ("dog",), "sub/b c.d": ("cat", "dog"), "é": ()}


def test_folder_without_a_split_column_is_all_train_and_says_that_val_is_empty(folder_set, caplog, write):
    write.text(folder_set["root"] / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,")
    with caplog.at_level(logging.WARNING):
        listing = read_listing(**folder_set)
    assert listing.splits == {"train": ("a", "sub/b c.d", "é"), "val": ()}
    assert "split val" in caplog.text


def test_folder_lists_tell_the_splits_where_there_is_no_column(folder_set, write):
    root = folder_set["root"]
    write.text(root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,")
    write.text(root / "holdout.txt", "sub/b c.d")
    arguments = {**folder_set, "val": "holdout"}
    assert read_listing(**arguments).splits == {"train": ("a", "é"), "val": ("sub/b c.d",)}
    write.text(root / "train.txt", "a")
    assert read_listing(**arguments).splits == {"train": ("a",), "val": ("sub/b c.d",)}


def test_folder_images_may_lie_in_the_root_beside_their_masks(tmp_path, folder_set, write):
    write.photo(tmp_path / "flat" / "a.jpg")
    write.labels(tmp_path / "flat" / "masks" / "a.png", np.zeros((4, 6)))
    write.text(tmp_path / "flat" / "labels.csv", "image,labels", "a,dog")
    assert list(read_listing(**{**folder_set, "root": tmp_path / "flat"}).images) == ["a"]


def test_folder_reads_what_voc_reads(voc_set, write):
    root = voc_set["root"]
    write.text(root / "image_labels.csv", "image,labels", "a,dog;person", "b c.d,", "é,cat")
    arguments = {
        **voc_set,
        "format": "folder",
        "images": "JPEGImages",
        "masks": "SegmentationClass",
        "train": "ImageSets/Segmentation/train",
        "val": "ImageSets/Segmentation/val",
        "classes": voc.CLASSES,
    }
    assert read_listing(**arguments) == read_listing(**voc_set)


def test_folder_two_files_of_one_id_are_both_named(folder_set, write):
    write.photo(folder_set["root"] / "images" / "a.jpg")
    with pytest.raises(DatasetError, match=r"a\.jpg and .*a\.png are both image a; rename or remove one"):
        read_listing(**folder_set)


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
    (folder_set["root"] / "labels.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DatasetError, match=rf"labels\.csv: .*{message}"):
        read_listing(**folder_set)


def test_folder_table_that_is_not_utf8_is_named(folder_set):
    (folder_set["root"] / "labels.csv").write_bytes("image,labels\né,dog\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"labels\.csv: it is not UTF-8; save it"):
        read_listing(**folder_set)


def test_folder_rows_of_one_image_are_joined_with_a_warning(folder_set, caplog, write):
    write.text(folder_set["root"] / "labels.csv", "image,labels", "a,dog", "a,cat", "sub/b c.d,cat", "é,")
    with caplog.at_level(logging.WARNING):
        assert read_listing(**folder_set).tags["a"] == ("cat", "dog")
    assert "1 images have several rows (first a)" in caplog.text


def test_folder_without_a_table_is_told(folder_set):
    (folder_set["root"] / "labels.csv").unlink()
    with pytest.raises(DatasetError, match=r"labels\.csv: there is no table of tags; add it"):
        read_listing(**folder_set)


# --- coco


def test_coco_closes_the_gaps_of_category_numbers(coco_set):
    listing = read_listing(**coco_set)
    assert listing.classes == ("bird", "dog", "cat")
    assert listing.splits == {"train": ("a", "b c.d"), "val": ("é",)}
    assert listing.tags == {"a": ("bird", "dog"), "b c.d": (), "é": ("dog",)}
    assert listing.images["é"] == coco_set["root"] / "images" / "val" / "é.jpg"


@pytest.mark.parametrize("folder", ["images", "."])
def test_coco_images_may_lie_at_the_top_of_their_folder(coco_set, folder):
    root = coco_set["root"]
    for path in list((root / "images").rglob("*.jpg")):
        (root / folder).mkdir(exist_ok=True)
        path.rename(root / folder / path.name)
    assert read_listing(**{**coco_set, "images": folder}).images["a"] == root / folder / "a.jpg"


def test_coco_classes_of_the_parameters_select_categories_with_a_warning(coco_set, caplog):
    with caplog.at_level(logging.WARNING):
        listing = read_listing(**{**coco_set, "classes": ["dog"]})
    assert listing.classes == ("dog",)
    assert listing.tags == {"a": ("dog",), "b c.d": (), "é": ("dog",)}
    assert "hence background: bird, cat" in caplog.text


def test_coco_class_that_is_no_category_is_told(coco_set):
    with pytest.raises(
        DatasetError, match=r"class 'dogs' of dataset.classes is no category; did you mean 'dog'"
    ):
        read_listing(**{**coco_set, "classes": ["dogs"]})


def test_coco_one_name_in_two_folders_is_two_images(coco_set, write):
    root = coco_set["root"]
    write.photo(root / "images" / "val" / "a.jpg", grey=9)
    change(root / coco_set["val"], "\\u00e9.jpg", "a.jpg")
    with pytest.raises(DatasetError, match=r"train/a\.jpg and .*val/a\.jpg are both image a"):
        read_listing(**coco_set)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ("[]", "no COCO instances file"),
        (json.dumps({"images": []}), "no COCO instances"),
    ],
)
def test_coco_broken_json_is_named(coco_set, content, message):
    (coco_set["root"] / coco_set["train"]).write_text(content)
    with pytest.raises(DatasetError, match=rf"instances_train\.json: .*{message}"):
        read_listing(**coco_set)


@pytest.mark.parametrize(
    ("entry", "fields", "message"),
    [
        ("annotations", {"image_id": 999}, r"annotations\[0\] \(id 1\) is of image 999, which is not among the images"),
        ("annotations", {"id": None, "image_id": None}, r"the image_id of annotations\[0\] is null, not a number;"),
        ("annotations", {"category_id": "dog"}, r'the category_id of annotations\[0\] \(id 1\) is "dog", not a number'),
        ("images", {"file_name": ""}, r'the file_name of images\[0\] \(id 10\) is "", not a text;'),
        ("images", {"height": None}, r"the height of images\[0\] \(id 10\) is null, not a number;"),
        ("categories", {"name": 7}, r"the name of categories\[0\] \(id 90\) is 7, not a text;"),
        ("categories", {"id": 5}, r"tag 'category 90' of image a is no class"),
    ],
)
def test_coco_broken_entry_is_named(coco_set, entry, fields, message):
    path = coco_set["root"] / coco_set["train"]
    content = json.loads(path.read_text())
    if entry == "categories" and "id" in fields:
        content["annotations"][0]["category_id"] = 90
    content[entry][0].update(fields)
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=rf"instances_train\.json: {message}"):
        read_listing(**coco_set)


@pytest.mark.parametrize("entry", ["text", None, [1]])
def test_coco_entry_that_is_none_is_named(coco_set, entry):
    path = coco_set["root"] / coco_set["train"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "categories": [entry]}))
    with pytest.raises(DatasetError, match=r"the id of categories\[0\] is null, not a number; repair the file"):
        read_listing(**coco_set)


# --- what no format may hold


def remove_image(arguments: dict) -> None:
    next(arguments["root"].rglob("b c.d.jpg")).unlink()


def test_a_missing_image_is_named(any_set):
    remove_image(any_set)
    with pytest.raises(DatasetError, match=r"image (sub/)?b c\.d has no file in .*; add it or take it out"):
        read_listing(**any_set)


def test_an_image_missing_from_the_tags_is_named(voc_set, folder_set):
    (voc_set["root"] / "Annotations" / "a.xml").unlink()
    change(folder_set["root"] / "labels.csv", "a,dog,train\n", "")
    for arguments in (voc_set, folder_set):
        with pytest.raises(DatasetError, match="image a is missing from the tags; add it"):
            read_listing(**arguments)


def test_a_tag_that_is_no_class_is_named_with_a_suggestion(voc_set, folder_set, write):
    write.annotation(voc_set["root"] / "Annotations" / "a.xml", "persn")
    with pytest.raises(
        DatasetError, match=r"a\.xml: tag 'persn' of image a is no class; did you mean 'person'"
    ):
        read_listing(**voc_set)
    with pytest.raises(
        DatasetError, match=r"labels\.csv: tag 'dog' of image a is no class; did you mean 'Dog'"
    ):
        read_listing(**{**folder_set, "classes": ["cat", "Dog"]})


def test_an_empty_train_split_is_an_error_and_an_empty_val_one_for_voc(voc_set, folder_set):
    (lists(voc_set["root"]) / "val.txt").write_text("\n")
    change(folder_set["root"] / "labels.csv", "train", "test")
    with pytest.raises(DatasetError, match=r"split val of .* is empty; set dataset.val"):
        read_listing(**voc_set)
    with pytest.raises(DatasetError, match=r"split train of .* is empty; set dataset.train"):
        read_listing(**folder_set)


@pytest.mark.parametrize("name", ["voc_set", "coco_set"])
def test_val_may_be_left_out_by_name(name, request):
    assert read_listing(**{**request.getfixturevalue(name), "val": ""}).splits["val"] == ()


def test_all_problems_come_at_once_but_only_twenty_are_spelled_out(folder_set, write):
    rows = [f"x{number:02},dog,train" for number in range(30)]
    write.text(folder_set["root"] / "labels.csv", "image,labels,split", *rows)
    with pytest.raises(DatasetError) as caught:
        read_listing(**folder_set)
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
        read_listing(**{**folder_set, "classes": classes})


def test_a_missing_root_names_the_parameter(voc_set, tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere: there is no such folder; set dataset.root"):
        read_listing(**{**voc_set, "root": tmp_path / "nowhere"})
    with pytest.raises(DatasetError, match=r"no train split is named; set dataset.train"):
        read_listing(**{**voc_set, "train": ""})


def test_an_unknown_format_names_those_that_exist(voc_set):
    with pytest.raises(ValueError, match="choose scenes, voc, folder or coco"):
        read_listing(**{**voc_set, "format": "ade20k"})


@pytest.mark.skipif(not VOC12_MINI.is_dir(), reason="voc12-mini is not beside this repository")
def test_voc12_mini_is_read():
    listing = read_listing(
        format="voc",
        root=VOC12_MINI,
        classes=None,
        train="train",
        val="val",
        labels=None,
        images=None,
        masks=None,
    )
    assert (len(listing.splits["train"]), len(listing.splits["val"])) == (647, 202)
    assert listing.classes == voc.CLASSES
    assert listing.supervision == "tags"
    assert listing.tags["2007_000063"] == ("chair", "dog")
