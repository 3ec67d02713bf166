"""One photograph, written in many ways."""

from pathlib import Path

import pytest

from wsss_core.data.names import HERE, Names, as_id, guesses

FOLDER = Path("/data/set/images")


def found(names: list[str], ids: list[str], folder: Path = FOLDER) -> list[str | None]:
    matches = Names(ids, folder).all_matches(names)
    return [matches[name].id if name in matches else None for name in names]


@pytest.mark.parametrize(
    "name",
    ["a0", "a0.jpg", "a0.JPEG", "a0.png", "a0.heic", " a0.jpg ", "./a0.jpg", ".\\a0.jpg", "images/a0.jpg",
     "images\\a0.jpg", "/data/set/images/a0.jpg", "set/images/a0", "/images/a0.jpg"],
)  # fmt: skip
def test_a_name_with_the_folders_own_path_or_any_suffix_is_exact(name):
    (match,) = Names(["a0", "b"], FOLDER).all_matches([name]).values()
    assert match.id == "a0"
    assert match.is_exact


@pytest.mark.parametrize(
    "name",
    ["images/1/a0.jpg", "1\\a0.jpg", "C:\\Users\\x\\photos\\a0.jpg", "/home/x/a0.jpg", "file:///home/x/a%30.jpg",
     "/data/local-files/?d=photos/a0.jpg", "data/upload/1/0123abcd-a0.jpg", "0123abcd-a0.jpg", "../elsewhere/a0.jpg"],
)  # fmt: skip
def test_a_name_with_folders_that_are_not_there_is_found_by_its_end_and_told(name):
    (match,) = Names(["a0", "b"], FOLDER).all_matches([name]).values()
    assert match.id == "a0"
    (problem,) = guesses([match], Path("labels.csv"))
    assert problem.severity == "warning"
    assert "labels.csv: 1 images were found by the ends of their paths only (a0)" in problem.message


def test_an_image_in_a_sub_folder_is_found_by_its_base_name_if_no_other_has_it():
    assert found(["a0.jpg"], ["sub/a0", "sub/b"]) == ["sub/a0"]
    assert found(["a0.jpg"], ["sub/a0", "other/a0"]) == [None]
    assert found(["other/a0.jpg"], ["x/sub/a0", "x/other/a0"]) == ["x/other/a0"]


def test_the_longest_end_of_a_name_counts():
    assert found(["images/1/a0.jpg"], ["a0", "1/a0", "2/a0"]) == ["1/a0"]
    assert found(["images/1/a0.jpg"], ["a0", "x/1/a0"]) == ["x/1/a0"]


def test_an_id_counts_as_it_stands_before_anything_is_taken_off():
    assert found(["a.jpg", "images/a", "b c.d", "e\\f"], ["a.jpg", "a", "images/a", "b c.d", "e\\f", "f"]) == [
        "a.jpg", "images/a", "b c.d", "e\\f",
    ]  # fmt: skip


def test_a_name_is_never_another_images():
    """Where one of two photographs is missing, the other must not stand for both."""
    assert found(["train/a.jpg", "val/a.jpg"], ["a"]) == [None, None]
    assert found(["a.jpg", "sub/a.jpg"], ["a"]) == ["a", None]
    assert found(["train/a.jpg", "train/a.JPG", "b"], ["a", "b"]) == ["a", "a", "b"], "one name, written twice"


def test_places_are_searched_in_their_order():
    names = Names(["a", "val/a", "train/a"], FOLDER)
    assert names.matches({"x": ("a.jpg", ("val", *HERE))})["x"].id == "val/a"
    assert names.matches({"x": ("a.jpg", ("test", *HERE))})["x"].id == "a"


def test_accents_are_found_however_they_are_coded():
    assert found(["e\u0301.jpg"], ["\u00e9"]) == ["\u00e9"]


@pytest.mark.parametrize("image_id", [" lead", "trail ", " sub/both ", "sub / lead"])
def test_blanks_around_a_name_do_not_matter_where_nothing_else_fits(image_id):
    bare = "/".join(part.strip() for part in image_id.split("/"))
    assert found([image_id, f"{image_id}.jpg", f"{bare}.jpg", bare, f"images/{bare}"], [image_id]) == [image_id] * 5
    assert found([bare], [image_id, bare]) == [bare]
    assert found([bare], [image_id, f"{image_id} "]) == [None], "which of two?"


def test_alike_are_those_of_the_same_base_name_else_of_another_case():
    names = Names(["x/a", "y/a", "B"], FOLDER)
    assert names.alike("z/a.jpg") == ["x/a", "y/a"]
    assert names.alike("b.jpg") == ["B"]
    assert names.alike("c") == []


def test_what_is_within_a_name_ends_where_letters_or_digits_end():
    names = Names(["a1", "a10", "cat", "p/7"], FOLDER)
    assert names.within("x/mask_A10") == ["a10"]
    assert names.within("7.mask") == ["p/7"]
    assert names.within("a11") == names.within("catfish") == names.within("cat") == []


@pytest.mark.parametrize("name", ["", ".", "..", "/", "\\", ".jpg", "a/", "//", "\0", "%", "x" * 9999, "/" * 99])
def test_any_text_is_a_name(name):
    assert found([name], ["a"]) == ["a" if name == "a/" else None]
    assert not as_id(name).startswith(("/", ".."))
