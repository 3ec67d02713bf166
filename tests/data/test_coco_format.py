"""COCO instances: categories, images, broken entries."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.data.masks import open_masks
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError


def test_coco_closes_the_gaps_of_category_numbers(coco_set):
    listing = read_listing(coco_set)
    assert listing.classes == ("bird", "dog", "cat")
    assert listing.splits == {"train": ("a", "b c.d"), "val": ("é",)}
    assert listing.tags == {"a": ("bird", "dog"), "b c.d": (), "é": ("dog",)}
    assert listing.images["é"] == coco_set.root / "images" / "val" / "é.jpg"


@pytest.mark.parametrize("folder", ["images", "."])
def test_coco_images_may_lie_at_the_top_of_their_folder(coco_set, folder):
    root = coco_set.root
    for path in list((root / "images").rglob("*.jpg")):
        (root / folder).mkdir(exist_ok=True)
        path.rename(root / folder / path.name)
    assert read_listing(replace(coco_set, images=folder)).images["a"] == root / folder / "a.jpg"


def test_coco_classes_of_the_parameters_select_categories_with_a_warning(coco_set, caplog):
    with caplog.at_level(logging.WARNING):
        listing = read_listing(replace(coco_set, classes=["dog"]))
    assert listing.classes == ("dog",)
    assert listing.tags == {"a": ("dog",), "b c.d": (), "é": ("dog",)}
    assert "hence background: bird, cat" in caplog.text


def test_coco_class_that_is_no_category_is_told(coco_set):
    with pytest.raises(
        DatasetError, match=r"class 'dogs' of dataset.classes is no category; did you mean 'dog'"
    ):
        read_listing(replace(coco_set, classes=["dogs"]))


def test_coco_one_name_in_two_folders_is_two_images(coco_set, write):
    root = coco_set.root
    write.photo(root / "images" / "val" / "a.jpg", grey=9)
    write.change(root / coco_set.val, "\\u00e9.jpg", "a.jpg")
    with pytest.raises(DatasetError, match=r"train/a\.jpg and .*val/a\.jpg are both image a"):
        read_listing(coco_set)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ("[]", "no COCO instances file"),
        (json.dumps({"images": []}), "no COCO instances"),
    ],
)
def test_coco_broken_json_is_named(coco_set, content, message):
    (coco_set.root / coco_set.train).write_text(content)
    with pytest.raises(DatasetError, match=rf"instances_train\.json: .*{message}"):
        read_listing(coco_set)


@pytest.mark.parametrize(
    ("entry", "fields", "message"),
    [
        ("annotations", {"image_id": 999}, r"annotations\[0\] \(id 1\) is of image 999, which is not among the images"),
        ("annotations", {"id": None, "image_id": None}, r"the image_id of annotations\[0\] is null, not a number;"),
        ("annotations", {"category_id": "dog"}, r'the category_id of annotations\[0\] \(id 1\) is "dog", not a number'),
        ("annotations", {"category_id": 1.5}, r"the category_id of annotations\[0\] .* is 1\.5, not a whole number;"),
        ("images", {"width": 1.5}, r"the width of images\[0\] \(id 10\) is 1\.5, not a whole number above 0;"),
        ("images", {"file_name": ""}, r'the file_name of images\[0\] \(id 10\) is "", not a text;'),
        ("images", {"height": None}, r"the height of images\[0\] \(id 10\) is null, not a number;"),
        ("categories", {"name": 7}, r"the name of categories\[0\] \(id 90\) is 7, not a text;"),
        ("categories", {"id": 5}, r"tag 'category 90' of image a is no class"),
    ],
)
def test_coco_broken_entry_is_named(coco_set, entry, fields, message):
    path = coco_set.root / coco_set.train
    content = json.loads(path.read_text())
    if entry == "categories" and "id" in fields:
        content["annotations"][0]["category_id"] = 90
    content[entry][0].update(fields)
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=rf"instances_train\.json: {message}"):
        read_listing(coco_set)


@pytest.mark.parametrize("entry", ["text", None, [1]])
def test_coco_entry_that_is_none_is_named(coco_set, entry):
    path = coco_set.root / coco_set.train
    path.write_text(json.dumps({**json.loads(path.read_text()), "categories": [entry]}))
    with pytest.raises(DatasetError, match=r"the id of categories\[0\] is null, not a number; repair the file"):
        read_listing(coco_set)


@pytest.mark.parametrize(
    "written", ["images/a.jpg", "images\\\\a.jpg", "images/1/a.jpg", "./a.jpg", "/home/x/images/train/a.jpg"]
)
def test_coco_names_with_folders_are_found(coco_set, write, written):
    path = coco_set.root / coco_set.train
    write.change(path, '"a.jpg"', f'"{written}"')
    listing = read_listing(coco_set)
    assert coco_set.root / "images/train/a.jpg" in listing.images.values()
    masks = open_masks(coco_set, build_index(listing, coco_set))
    (image_id,) = set(listing.splits["train"]) - {"b c.d"}
    assert masks.read(image_id).max() == 2


def test_coco_names_never_leave_the_artifacts_folder(coco_set, write):
    write.change(coco_set.root / coco_set.train, '"a.jpg"', '"../../train/a.jpg"')
    assert set(read_listing(coco_set).images) == {"train/a", "b c.d", "é"}


def test_coco_outlines_of_another_set_are_found_by_name(coco_set, folder_set, write):
    write.change(coco_set.root / coco_set.train, '"a.jpg"', '"images/a.png"')
    source = replace(folder_set, masks=str(coco_set.root / coco_set.train), classes=["bird", "cat", "dog"])
    assert open_masks(source, build_index(read_listing(source), source)).read("a").max() == 3


def test_coco_whole_floats_and_numbers_as_text_are_integers(coco_set):
    path = coco_set.root / coco_set.train
    content = json.loads(path.read_text())
    for image in content["images"]:
        image |= {"id": float(image["id"]), "height": float(image["height"]), "width": str(image["width"])}
    content["annotations"][0] |= {"category_id": "7", "iscrowd": None}
    path.write_text(json.dumps(content))
    listing = read_listing(coco_set)
    assert listing.tags["a"] == ("bird", "dog")
    assert open_masks(coco_set, build_index(listing, coco_set)).read("a").shape == (4, 6)


@pytest.mark.parametrize("content", ["[" * 100_000, f'{{"images": {"9" * 5000}}}', '"\ud800"'])
def test_coco_text_that_no_parser_takes_is_named(coco_set, content):
    (coco_set.root / coco_set.train).write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(DatasetError, match=r"instances_train\.json: it is (no valid JSON|not UTF-8)"):
        read_listing(coco_set)


@pytest.mark.parametrize("name", ["images", "categories"])
def test_coco_ids_that_repeat_are_told(coco_set, name):
    path = coco_set.root / coco_set.train
    content = json.loads(path.read_text())
    content[name][1]["id"] = content[name][0]["id"]
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=rf"{name}\[1\] \(id \d+\) has the id of another one before it; give each"):
        read_listing(coco_set)


def add_entry(source: Source, file_name: str, *, category: int = 90, **changes: int) -> None:
    """One more image of the train file, with one object, a triangle."""
    path = source.root / source.train
    content = json.loads(path.read_text())
    content["images"].append({"id": 99, "file_name": file_name, "height": 4, "width": 6, **changes})
    outline = [[4, 0, 6, 0, 6, 2]]
    content["annotations"].append({"image_id": 99, "category_id": category, "segmentation": outline})
    path.write_text(json.dumps(content))


def test_coco_entries_of_one_file_are_joined_with_a_warning(coco_set, caplog):
    add_entry(coco_set, "a.jpg")
    listing = read_listing(coco_set)
    assert listing.tags["a"] == ("bird", "dog", "cat")
    assert "1 images have several entries (first a); their annotations are joined" in caplog.text
    assert set(np.unique(open_masks(coco_set, build_index(listing, coco_set)).read("a"))) == {0, 1, 2, 3}


def test_coco_entries_of_one_file_that_disagree_on_its_size_are_named(coco_set):
    add_entry(coco_set, "a.jpg", width=7)
    with pytest.raises(DatasetError, match=r"images\[0\] \(id 10\) and images\[2\] \(id 99\) give image a two sizes"):
        read_listing(coco_set)


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a"])
def test_coco_entries_of_two_files_that_are_one_image_are_named(coco_set, name):
    add_entry(coco_set, name)
    both = rf"images\[0\] \(id 10\) and images\[2\] \(id 99\) are both image a \('a\.jpg' and '{name}'\); rename one"
    with pytest.raises(DatasetError, match=both):
        read_listing(coco_set)


def test_coco_names_of_one_file_are_told_in_one_document_or_two(coco_set, write):
    root = coco_set.root
    add_entry(coco_set, "train/a.jpg")
    with pytest.raises(DatasetError, match=r"train/a\.jpg is called by 2 names \(a, train/a\); write one"):
        read_listing(coco_set)
    write.change(root / coco_set.train, '"a.jpg"', '"val/\\u00e9.jpg"')
    with pytest.raises(DatasetError, match=r"val/é\.jpg is called by 2 names \(val/é, é\); write one"):
        read_listing(coco_set)


def test_a_json_of_masks_with_two_names_of_one_image_is_refused(coco_set):
    index = build_index(read_listing(coco_set), coco_set)
    add_entry(coco_set, "images/a.jpg")
    with pytest.raises(DatasetError, match=r"'a\.jpg' and 'images/a\.jpg' are both image a; keep one entry"):
        open_masks(coco_set, replace(index, root=f"{index.root}/images"))


def test_coco_file_that_is_not_there_names_those_that_are(coco_set):
    with pytest.raises(DatasetError, match=r"there is no such file; set dataset\.train to any of: annotations/ins"):
        read_listing(replace(coco_set, train="train"))


def test_roboflows_instances_lie_beside_their_images(coco_set):
    root = coco_set.root
    for split in ("train", "val"):
        (root / "images" / split).rename(root / split)
        (root / f"annotations/instances_{split}.json").rename(root / split / "_annotations.coco.json")
    (root / "images").rmdir()
    source = replace(coco_set, train="train/_annotations.coco.json", val="val/_annotations.coco.json")
    assert read_listing(source).images["é"] == root / "val/é.jpg"
    with pytest.raises(DatasetError, match=r"any of: train/_annotations\.coco\.json, val/_annotations\.coco\.json$"):
        read_listing(replace(source, train="train"))
