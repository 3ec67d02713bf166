"""Class lists that are legal but hardly meant: each is told with the way out."""

import json
import logging
from dataclasses import replace

import pytest

from wsss_core.data.check import check_dataset
from wsss_core.data.listing import read_listing, scan_listing
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem


@pytest.fixture
def tagged(folder_set, write):
    """What makes folder_set a set of images that bear these tags, one row each, and all in train."""

    def make(*cells: str, classes: list[str] | None = None) -> Source:
        for number in range(len(cells)):
            write.photo(folder_set.root / "photos" / f"{number}.png", grey=number)
        rows = [f'{number},"{cell}"' for number, cell in enumerate(cells)]
        write.text(folder_set.root / "labels.csv", "image,labels", *rows)
        return replace(folder_set, images="photos", classes=classes)

    return make


def problems_of(source: Source) -> list[Problem]:
    """The problems of all kinds but that of a set without a val split."""
    return [problem for problem in scan_listing(source)[1] if problem.kind != "empty split"]


def messages_of(source: Source) -> dict[str, str]:
    """kind -> message."""
    return {problem.kind: problem.message for problem in problems_of(source)}


def test_a_sound_list_is_not_talked_about(tagged):
    assert problems_of(tagged("cat;dog", "traffic light", "dog", "hot-dog stand", "O'Neill;bird (crane)", "")) == []


@pytest.mark.parametrize(
    "name", ["__ignore__", "_background_", "Background", "unlabeled", "Unlabelled", "VOID", "bg", "ignore region"]
)
def test_names_of_the_background_are_no_classes(tagged, name):
    found = messages_of(tagged(f"{name};cat", "dog", f"{name}"))
    assert list(found) == ["class for the background"]
    message = found["class for the background"]
    assert message.startswith(f"class {name!r} sounds like background or ignored pixels")
    assert message.endswith("take it out of the tags")


@pytest.mark.parametrize("name", ["None", "nan", "N/A", "null", "NaN", "#N/A", "empty", "-", "?"])
def test_missing_values_are_no_classes(tagged, name):
    found = messages_of(tagged("cat", "dog", name))
    assert list(found) == ["class for no value"]
    assert f"class {name!r} looks like a missing value" in found["class for no value"]
    assert "an empty list of tags" in found["class for no value"]


def test_a_list_written_as_text_is_named_once(tagged):
    found = messages_of(tagged("['cat', 'dog']", "['cat']", "['bird', 'dog']"))
    assert list(found) == ["list as class"]
    assert "without brackets and quotes, with ';' between" in found["list as class"]


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (("cat dog", "cat", "dog"), "cat dog"),
        (("cat dog", "cat", "bird"), "cat dog"),
        (("cat|dog", "cat;bird", "dog"), "cat|dog"),
        (("cat/dog", "cat", "bird"), "cat/dog"),
        (("cat_dog", "cat", "dog"), "cat_dog"),
        (("cat, dog", "cat;bird", "bird"), "cat, dog"),
    ],
)
def test_several_tags_in_one_are_told(tagged, cells, name):
    (problem,) = problems_of(tagged(*cells))
    assert (problem.kind, problem.severity) == ("several classes in one", "warning")
    assert problem.message == f"class {name!r} looks like the classes 'cat' and 'dog' in one; put ';' between tags"


def test_a_list_that_somebody_wrote_may_name_compounds(tagged):
    assert problems_of(tagged("hot dog", "dog", "bird", classes=["hot dog", "dog", "bird"])) == []
    classes = ["cat dog", "cat", "dog"]
    assert "several classes in one" in messages_of(tagged("cat", "dog", "cat dog", classes=classes))


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ("Cat", "'Cat' and 'cat'"),
        ("c at", "'c at' and 'cat'"),
        ("ca\u200bt", r"'cat' and 'ca\u200bt'"),  # a blank of no width
        ("\u0441at", r"'cat' and '\u0441at'"),  # a Cyrillic letter
        ("\uff43at", r"'cat' and '\uff43at'"),  # a letter of Japanese width
    ],
)
def test_names_that_look_alike_are_told(tagged, other, shown):
    found = messages_of(tagged("cat", other, "dog"))
    assert found == {"classes alike": f"the classes {shown} look like one; write one name for all of them"}


def test_blanks_and_signs_between_words_make_no_other_class(tagged):
    (problem,) = problems_of(tagged("traffic light", "traffic_light", "Traffic-Light"))
    assert "'Traffic-Light' and 'traffic light' and 'traffic_light' look like one" in problem.message


def test_a_class_in_no_training_image(tagged):
    found = messages_of(tagged("cat", "dog", classes=["cat", "dog", "emu", "yak"]))
    assert list(found) == ["class without images"]
    assert "2 of 4 classes are the tag of no training image (emu, yak)" in found["class without images"]
    assert "tag images, or leave them out of dataset.classes" in found["class without images"]


def test_a_class_of_val_alone_is_one_that_no_training_image_bears(folder_set, write):
    write.text(folder_set.root / "labels.csv", "image,labels,split", "a,dog,train", "sub/b c.d,,train", "é,cat,val")
    assert "(cat)" in messages_of(folder_set)["class without images"]


def test_a_class_on_every_image(tagged):
    found = messages_of(tagged("cat;dog", "dog", "dog;bird"))
    assert list(found) == ["class in every image"]
    assert found["class in every image"].startswith("class 'dog' is a tag of 3 of 3 training images")


def test_a_class_on_nearly_every_image(tagged):
    assert "39 of 40" in messages_of(tagged(*["dog"] * 39, "cat"))["class in every image"]
    assert problems_of(tagged(*["dog"] * 38, "cat", "cat")) == []


@pytest.mark.parametrize("classes", [None, ["cat", "dog"]])
def test_a_set_without_any_tag_is_an_error(tagged, classes):
    with pytest.raises(DatasetError, match="no (training )?image .*has a tag"):
        read_listing(tagged("", "", classes=classes))


def test_tags_of_val_do_not_help_training(folder_set, write):
    write.text(folder_set.root / "labels.csv", "image,labels,split", "a,,train", "sub/b c.d,,train", "é,cat,val")
    with pytest.raises(DatasetError, match="no training image of .* has a tag, so there is nothing to learn"):
        read_listing(folder_set)


@pytest.fixture
def roboflow(coco_set):
    """coco_set under a category 0 that bears the project's name and no objects, as Roboflow writes it."""
    for path in (coco_set.root / "annotations").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for category in content["categories"]:
            category["supercategory"] = "animals"
        content["categories"].insert(0, {"id": 0, "name": "animals", "supercategory": "none"})
        path.write_text(json.dumps(content), encoding="utf-8")
    return coco_set


def test_a_heading_of_other_categories_is_no_class(roboflow):
    message = messages_of(roboflow)["parent category"]
    assert message.startswith("'animals' is the heading of other categories and no image's tag")
    assert message.endswith("set dataset.classes to [bird, dog, cat]")
    assert "parent category" not in messages_of(replace(roboflow, classes=["bird", "dog", "cat"]))


def test_a_heading_that_is_a_tag_itself_is_a_class(roboflow, write):
    write.change(roboflow.root / "annotations/instances_train.json", '"category_id": 3', '"category_id": 0')
    assert "parent category" not in messages_of(roboflow)


def test_background_among_categories_is_left_out_by_the_parameters(roboflow, write):
    write.change(roboflow.root / "annotations/instances_train.json", '"name": "bird"', '"name": "Background"')
    assert messages_of(roboflow)["class for the background"].endswith("set dataset.classes to the names of the others")


def test_prepare_logs_what_check_prints(tagged, caplog):
    source = tagged("cat", "Cat", "_background_")
    with caplog.at_level(logging.WARNING):
        read_listing(source)
    report = check_dataset(source)
    warnings = [problem.message for problem in report.problems if problem.severity == "warning"]
    assert len(warnings) == 3  # and that val is empty
    assert report.ok
    for message in warnings:
        assert message in caplog.text
        assert message in report.text()
