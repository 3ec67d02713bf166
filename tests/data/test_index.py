import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_files import with_digest

from wsss_core.data.images import ImageError
from wsss_core.data.index import Index, Record, spread
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError, Problem


def index_of(source: Source, **options) -> Index:
    return build_index(read_listing(source), source, **options)


def test_records_hold_tags_as_ascending_ids_and_the_size(voc_set):
    index = index_of(voc_set)
    record = index["a"]
    assert record == Record("a", "JPEGImages/a.jpg", (12, 15), 4, 6, record.digest)
    np.testing.assert_array_equal(index.tag_ids("a"), np.array([12, 15], dtype=np.uint8), strict=True)
    assert index.tag_ids("b c.d").shape == (0,)
    assert index.size("a") == (4, 6)


def test_ids_of_several_splits_come_once_each(voc_set):
    index = index_of(voc_set)
    assert index.ids("train") == ("a", "b c.d")
    assert index.ids("train", "val", "train") == ("a", "b c.d", "é")
    with pytest.raises(ValueError, match="no split 'test'; choose train or val"):
        index.ids("test")


def test_the_image_is_the_photograph(any_set):
    index = index_of(any_set)
    for name in index.ids("train", "val"):
        assert index.image(name).shape == (4, 6, 3)


def test_what_is_written_is_read_and_the_same_bytes_come_twice(any_set, tmp_path):
    first, second = tmp_path / "index" / "index.json", tmp_path / "again.json"
    index = index_of(any_set)
    index.write(first)
    index_of(any_set).write(second)
    assert Index.open(first) == index
    assert first.read_bytes() == second.read_bytes()
    assert "é" in first.read_text(encoding="utf-8")
    assert list(first.parent.iterdir()) == [first]


def test_several_processes_build_the_same_index(folder_set, write):
    for number in range(70):
        write.photo(folder_set.root / "images" / f"{number}.png", grey=number)
    names = [path.stem for path in (folder_set.root / "images").glob("[0-9]*.png")]
    rows = [f"{name},dog,train" for name in names]
    write.text(
        folder_set.root / "labels.csv", "image,labels,split", "a,,val", "é,,val", "sub/b c.d,,val", *rows
    )
    assert index_of(folder_set, workers=2) == index_of(folder_set, workers=0)


def test_the_index_does_not_change_with_the_masks(voc_set, tmp_path):
    index_of(voc_set).write(tmp_path / "with.json")
    masks = voc_set.root / "SegmentationClass"
    masks.rename(masks.with_name("gone"))
    index_of(voc_set).write(tmp_path / "without.json")
    assert (tmp_path / "with.json").read_bytes() == (tmp_path / "without.json").read_bytes()
    assert "Segmentation" not in (tmp_path / "with.json").read_text(encoding="utf-8")


def test_the_digest_follows_the_content(voc_set, write):
    before = index_of(voc_set)
    write.photo(voc_set.root / "JPEGImages" / "a.jpg", grey=222)
    after = index_of(voc_set)
    assert after["a"].digest != before["a"].digest
    assert after["é"] == before["é"]


def test_images_outside_the_root_keep_their_own_path(voc_set, tmp_path):
    (voc_set.root / "JPEGImages").rename(tmp_path / "photos")
    index = index_of(replace(voc_set, images=str(tmp_path / "photos")))
    assert index["a"].path == (tmp_path / "photos" / "a.jpg").as_posix()
    assert index.image("a").shape == (4, 6, 3)


def test_a_relative_root_is_kept_as_it_is_given(voc_set, monkeypatch):
    monkeypatch.chdir(voc_set.root.parent)
    index = index_of(replace(voc_set, root=Path("voc")))
    assert (index.root, index["a"].path) == ("voc", "JPEGImages/a.jpg")
    assert index.path("a") == Path("voc/JPEGImages/a.jpg")


def test_all_corrupt_images_are_told_at_once(any_set):
    paths = sorted(any_set.root.rglob("*.jp*g"))
    for path in paths:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError) as caught:
        index_of(any_set)
    assert {problem.kind for problem in caught.value.problems} == {"unreadable image"}
    assert {problem.file for problem in caught.value.problems} == {str(path) for path in paths}
    assert "cannot be decoded" in str(caught.value)


def test_an_image_that_is_gone_says_to_prepare_again(voc_set):
    index = index_of(voc_set)
    (voc_set.root / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(ImageError, match=r"a\.jpg is gone since .*run `dvc repro -f prepare`"):
        index.image("a")


def test_an_image_whose_bytes_are_others_is_refused_until_they_are_indexed(voc_set):
    index, path = index_of(voc_set), voc_set.root / "JPEGImages" / "a.jpg"
    before = path.read_bytes()
    path.write_bytes(before + b"\0")  # which decodes to the same picture
    with pytest.raises(ImageError, match=r"a\.jpg has changed since the index was made; .*run `dvc repro -f prepare`"):
        index.image("a")
    index_of(voc_set).image("a")
    path.write_bytes(before)
    index.image("a")


def test_an_unknown_id_is_named(voc_set):
    index = index_of(voc_set)
    assert "a" in index
    assert "z" not in index
    with pytest.raises(DatasetError, match="the index has no image z"):
        index["z"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing; run `dvc repro prepare` first"),
        ("{", "is damaged; run"),
        ("[]", "is damaged; run"),
        (json.dumps({"version": 3}), "is damaged, or was changed by hand; run"),
        (json.dumps({"version": 1}), "is of another version of this software; run"),
        (json.dumps({"version": None}), "is of another version"),
        (json.dumps({"version": 0}), "is of another version of this software; run"),
    ],
)
def test_an_index_that_cannot_be_used_says_what_to_do(tmp_path, content, message):
    path = tmp_path / "index.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DatasetError, match=rf"index\.json: the index {message}"):
        Index.open(path)


@pytest.mark.parametrize(
    ("old", "new"), [('"height": 4', '"height": 5'), ('"tags"', '"tagz"'), ("JPEGImages/a", "JPEGImages/b")]
)
def test_an_index_that_was_changed_by_hand_is_refused(voc_set, tmp_path, old, new):
    path = tmp_path / "index.json"
    index_of(voc_set).write(path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DatasetError, match="the index is damaged, or was changed by hand; run `dvc repro -f prepare`"):
        Index.open(path)


def test_the_error_survives_the_way_out_of_a_worker_process():
    error = DatasetError([Problem("a", "b", "c"), Problem("d", "e", "f", "warning")], "root")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.problems) == (str(error), error.problems)


def test_a_spread_keeps_even_distances_and_the_order():
    assert spread(list("abcdefghi"), 3) == ["b", "e", "h"]
    assert spread(list("abcd"), 1) == ["c"]


def test_a_spread_over_fewer_ids_than_asked_for_holds_all_of_them():
    assert spread(list("abc"), 8) == ["a", "b", "c"]
    assert spread([], 8) == []


@pytest.mark.parametrize("total", range(1, 30))
def test_a_spread_names_no_id_twice(total):
    chosen = spread([str(place) for place in range(total)], 8)
    assert len(set(chosen)) == min(8, total)


CONTENT = {
    "version": 3, "format": "folder", "root": "data", "supervision": "tags", "classes": ["cat", "dog"],
    "splits": {"train": ["a"], "val": []},
    "records": [{"id": "a", "path": "a.jpg", "tags": [1, 2], "height": 4, "width": 6, "digest": "0"}],
}  # fmt: skip


def write_with_digest(path: Path, content: dict) -> None:
    path.write_text(json.dumps(with_digest(content)))


@pytest.mark.parametrize("field", CONTENT)
@pytest.mark.parametrize("value", [None, 1.5, {"a": 1}, [None], [[]], "\ud800"])
def test_an_index_with_a_field_of_another_kind_is_damaged(tmp_path, field, value):
    write_with_digest(tmp_path / "index.json", {**CONTENT, field: value})
    with pytest.raises(DatasetError, match="the index is (damaged|of another version)"):
        Index.open(tmp_path / "index.json")


RECORD = CONTENT["records"][0]


@pytest.mark.parametrize(
    "records", [[{**RECORD, "more": 1}], [[RECORD]], [RECORD, RECORD], [{**RECORD, "digest": RECORD}]]
)
def test_an_index_with_other_records_is_refused(tmp_path, records):
    write_with_digest(tmp_path / "index.json", {**CONTENT, "records": records})
    with pytest.raises(DatasetError, match=r"the index (is damaged|contradicts itself)"):
        Index.open(tmp_path / "index.json")


@pytest.mark.parametrize(
    "record",
    [{"tags": [3]}, {"tags": [0]}, {"tags": [2, 1]}, {"tags": [1, 1]}, {"id": "b"}, {"id": "../a"}, {"id": "/a"},
     {"height": 10**6, "width": 10**6}],
)  # fmt: skip
def test_an_index_whose_parts_do_not_fit_says_so(tmp_path, record):
    content = {**CONTENT, "records": [RECORD | record]}
    if record.get("id", "b") != "b":
        content["splits"] = {"train": [record["id"]]}
    write_with_digest(tmp_path / "index.json", content)
    with pytest.raises(DatasetError, match="the index contradicts itself; run `dvc repro -f prepare`"):
        Index.open(tmp_path / "index.json")
