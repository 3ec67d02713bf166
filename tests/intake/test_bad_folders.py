"""Folders and tables that are not what they should be: one sentence with the way out, and nothing written."""

import numpy as np
import pytest

TABLE = ("image,labels", "a0,cat", "a1,dog")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "there is no photograph in it, nor in a folder inside it"),
        (("notes.txt", "more/read.md"), "there is no photograph in it, nor in a folder inside it"),
        (("a.mp4", "b.MOV"), "2 files are a video or several, not photographs (cut them into pictures first"),
        (("a.heic",), "1 file is passed over, for "),
        (("a.xyz",), "'.xyz' is no suffix of an image"),
    ],
)
def test_a_folder_without_photographs(own, files, message):
    for name in files:
        own.text(name, "x")
    assert message in own.refused()


def test_a_folder_that_is_none(own):
    own.folder.rmdir()
    assert "there is no such folder; give the one that holds the photographs" in own.refused()
    own.folder.write_text("x")
    assert "it is a file; give the folder that holds the photographs" in own.refused()
    own.folder.unlink()
    own.folder.mkdir()
    own.photos("a.jpg").text("dvc.yaml", "stages: {}")
    assert "it is a project with a graph of its own" in own.refused()


def test_photographs_alone_come_with_a_table_to_begin_with(own):
    message = own.photos("a0.jpg", "more/a1.jpg").refused()
    assert "2 photographs lie there, and nothing that is understood says what they show" in message
    assert "'image,labels\\na0.jpg,dog;cat\\nmore/a1.jpg,'" in message


def test_class_folders_with_folders_below_are_told(own):
    message = own.photos("cat/a0.jpg", "dog/a1.jpg", "dog/puppy/a2.jpg").refused()
    assert "Sort them into a sub-folder for each class (and none below it, as in dog/puppy), or write" in message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["image,labels", "a0,cat,dog", "a1,dog"], "line 2 has 3 cells, not 2; put ';' between tags"),
        (["image,labels", 'a0,"cat', "a1,dog"], "cannot be read (unexpected end of data); close its quotes"),
        (["image,labels", "b0,cat", "b1,dog"], "names these photographs (its first row begins with 'b0')"),
        (["image labels", "a0 cat", "a1 dog"], "names these photographs (its first row begins with 'a0 cat')"),
        (["image,labels", "A0.JPG,cat", "A1.JPG,dog"], "names these photographs (its first row begins with 'A0.JPG')"),
        (["image,labels"], "tags.csv is a table of which no column names these photographs (it has no rows)"),
        (["image,kind,place", "a0,cat,x", "a1,dog,y"], "choose by --column one of kind, place"),
        (["image,label,class", "a0,cat,x", "a1,dog,y"], "choose by --column one of label, class"),
        (["image,labels,split", "a0,cat,train", "a0,cat,val", "a1,dog,val"], "a0 is in the splits train and val"),
        (["image,cat,dog", "a0,1,-1", "a1,0,1"], "1 of its cells are empty or -1, which may mean that nobody"),
        (["image,cat,dog", "a0,1,0", "a0,1,0", "a1,0,1"], "1 photographs have several rows (a0); keep one"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(own, lines, message):
    own.photos("a0.jpg", "a1.jpg").text("tags.csv", *lines)
    assert message in own.refused()


def test_a_column_of_tags_that_no_heading_tells_is_chosen(own):
    own.photos("a0.jpg", "a1.jpg").text("tags.csv", "image,kind,place", "a0,cat,x", "a1,dog,y")
    own.said("--column", "kind")
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog"}


def test_a_table_without_headings_loses_no_row(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg").text("tags.csv", "a0,cat", "a1,dog", "a2,")
    own.said()
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog", "a2.jpg": ""}


def test_a_mistyped_cell_of_a_one_hot_table_is_no_silent_loss_of_its_class(own):
    own.photos("a0.jpg", "a1.jpg").text("tags.csv", "image,cat,dog", "a0,2,1", "a1,1,0")
    assert "Columns of tags.csv that hold more than 0 and 1 are no classes: cat ('2')." in own.said()


def test_a_folder_in_which_too_little_is_left_says_what_was_left_out(own):
    own.photos("cat/1.jpg", "cat/1.png", "dog/2.jpg")
    message = own.refused()
    assert "all 1 photographs bear the one class 'dog'" in message
    assert "Left out: 2 files are both called cat/1 (cat/1.jpg, cat/1.png): keep one." in message


def test_options_decide_what_a_table_leaves_open(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg")
    own.text("tags.csv", "image,label,class", "a0,cat,hot dog", "a1,dog,hot dog", "a2,cat,ice")
    own.said("--column", "class")
    assert own.tags() == {"a0.jpg": "hot dog", "a1.jpg": "hot dog", "a2.jpg": "ice"}
    own.said("--column", "class", "--separator", "space")
    assert own.tags() == {"a0.jpg": "dog;hot", "a1.jpg": "dog;hot", "a2.jpg": "ice"}
    own.text("tags.csv", "image,cat,dog", "a0,1,", "a1,0,1", "a2,-1,0")
    own.said("--unknown", "absent")
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog", "a2.jpg": ""}


def test_blanks_separate_tags_where_words_make_up_the_cells(own):
    own.photos(*(f"train_{number}.jpg" for number in range(5)))
    own.text("t.csv", "image_name,tags", "train_0,haze primary", "train_1,primary clear", "train_2,haze water",
             "train_3,clear water", "train_4,primary water clear")  # fmt: skip
    assert "Blanks separate tags ('clear water'); if not, give --separator none" in own.said()
    assert own.tags()["train_4.jpg"] == "clear;primary;water"


def test_unknown_images_and_unlabelled_photographs_are_told_and_left_out(own):
    own.photos("a0.jpg", "a1.jpg", "a2.jpg").text("tags.csv", *TABLE, "b7.jpg,cat")
    said = own.said()
    assert "tags.csv names 1 image that is not there, or not found by one name (b7.jpg)" in said
    assert "1 more are not labelled and not used: a2" in said
    assert own.table()["a2.jpg"] == ("", "unlabelled")


def test_numbers_without_the_zeros_in_front_of_them(own):
    own.photos("0007.jpg", "0012.jpg").text("tags.csv", "id,label", "7,cat", "12,dog").said()
    assert own.tags() == {"0007.jpg": "cat", "0012.jpg": "dog"}


def test_two_photographs_of_one_name_in_sub_folders(own):
    own.photos("1/a0.jpg", "2/a0.jpg", "2/a1.jpg").text("tags.csv", "image,label", "a0,cat", "a1,dog", "1/a0,bee")
    assert "names 1 image that is not there, or not found by one name (a0)" in own.said()
    assert own.tags() == {"1/a0.jpg": "bee", "2/a1.jpg": "dog"}
    assert own.table()["2/a0.jpg"] == ("", "unlabelled")


def test_two_files_of_one_name_are_told(own):
    own.photos("cat/a.jpg", "cat/a.png", "cat/b.jpg", "dog/c.jpg")
    assert "2 files are both called cat/a (cat/a.jpg, cat/a.png): keep one" in own.init().output


def test_folders_without_photographs_are_no_classes(own):
    own.photos("cat/a.jpg", "dog/b.jpg").path("bird/x").parent.rmdir()
    (own.folder / "bird").mkdir()
    assert "1 folders hold no photograph and are no classes: bird" in own.said()
    assert own.dataset()["classes"] == ["cat", "dog"]


def test_a_broken_document_is_named_where_nothing_else_tells(own):
    own.photos("a0.jpg", "a1.jpg").text("tags.json", "{")
    assert "tags.json: it is no valid JSON" in own.refused()


@pytest.mark.parametrize(
    ("files", "way"),
    [
        ({"tags.csv": TABLE, "more.csv": ("image,labels", "a0,dog", "a1,dog")}, "--labels FILE"),
        ({"tags.csv": TABLE, "one.csv": ("image,cat,dog", "a0,0,1", "a1,0,1")}, "--format (csv, one_hot)"),
    ],
)
def test_of_several_readings_that_differ_none_is_taken(own, files, way):
    own.photos("a0.jpg", "a1.jpg")
    for name, lines in files.items():
        own.text(name, *lines)
    message = own.refused()
    assert f"may be read in several ways that differ; choose by {way}" in message
    assert "tags.csv names 2 photographs: 2 photographs, classes cat, dog" in message
    own.said("--labels", "../mine/tags.csv")
    assert own.tags() == {"a0.jpg": "cat", "a1.jpg": "dog"}


def test_of_readings_that_agree_one_is_taken(own):
    own.photos("cat/a0.jpg", "dog/a1.jpg").text("tags.csv", "image,labels", "cat/a0.jpg,cat", "dog/a1.jpg,dog")
    assert "It also looks like " in own.said()
    assert own.tags() == {"cat/a0.jpg": "cat", "dog/a1.jpg": "dog"}


def test_a_format_that_the_folder_has_not(own):
    own.photos("a0.jpg", "a1.jpg").text("tags.csv", *TABLE)
    assert "it is not what --format coco wants (COCO JSON)" in own.refused("--format", "coco")
    assert "is not understood: it names none of the photographs" in own.refused("--labels", "../mine/a0.jpg")


def test_masks_that_do_not_fit_the_classes_are_not_used(own):
    own.photos("p/a0.jpg", "p/a1.jpg").text("tags.csv", *TABLE)
    for name in ("a0", "a1"):
        own.mask(f"gt/{name}.png", np.full((6, 8), 7))
    said = own.said()
    assert "2 of 2 photographs have a true mask in gt" in said
    assert "but they do not fit the classes" in said
    assert own.dataset()["masks"] is None


def test_masks_that_do_not_fit_are_an_error_where_the_project_looks_for_them(own):
    own.photos("images/a0.jpg", "images/a1.jpg").text("tags.csv", *TABLE)
    own.mask("masks/a0.png", np.full((6, 8), 7)).mask("masks/a1.png", np.full((6, 8), 7))
    assert "correct them, or rename the folder" in own.refused()


def test_a_few_masks_beside_the_photographs_are_used(own):
    own.photos("p/a0.jpg", "p/a1.jpg").text("tags.csv", *TABLE).mask("gt/a0.png", np.eye(6, 8))
    assert "1 of 2 photographs have a true mask in gt" in own.said()
    assert own.dataset()["masks"] == "gt"
