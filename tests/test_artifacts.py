"""Artifacts: round trips, the files' format, errors that name the file and the remedy."""

import json
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss_core import artifacts, manifests, voc
from wsss_core.artifacts import ArtifactError, Scores
from wsss_core.cli.outputs import is_label_map

IDS = ["2007_000032", "b c.d", "é", "sub/folder/a"]


def some_scores(num_classes=2, size=(10, 13), stride=4) -> Scores:
    grid = [-(-side // stride) for side in size]
    values = np.random.default_rng(0).random((num_classes, *grid)).astype(np.float16)
    return Scores(np.arange(3, 3 + num_classes, dtype=np.uint8), values, size)


@pytest.mark.parametrize("image_id", IDS)
@pytest.mark.parametrize("num_classes", [0, 1, 3])
def test_scores_come_back_as_they_were_written(tmp_path, image_id, num_classes):
    written = some_scores(num_classes)
    artifacts.write_scores(tmp_path, image_id, written)
    read = artifacts.read_scores(tmp_path, image_id)
    np.testing.assert_array_equal(read.scores, written.scores)
    np.testing.assert_array_equal(read.classes, written.classes)
    assert (read.scores.dtype, read.classes.dtype, read.size) == (np.float16, np.uint8, (10, 13))


def test_scores_file_has_the_documented_arrays_and_no_pickle(tmp_path):
    artifacts.write_scores(tmp_path, "a", some_scores())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as content:
        assert {name: (content[name].dtype, content[name].shape) for name in content.files} == {
            "classes": (np.uint8, (2,)), "scores": (np.float16, (2, 3, 4)), "size": (np.int32, (2,)),
        }  # fmt: skip
        assert content["size"].tolist() == [10, 13]


def test_a_scores_file_with_a_pickle_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", classes=np.array([1], object), scores=np.zeros((1, 2, 2), np.float16),
             size=np.array([2, 2], np.int32))  # fmt: skip
    with pytest.raises(ArtifactError, match=r"a\.npz holds object classes, float16 scores and a size of int32, not"):
        artifacts.read_scores(tmp_path, "a")


@pytest.mark.parametrize("classes", [[5, 3], [3, 3]])
def test_scores_refuse_classes_that_do_not_ascend(classes):
    with pytest.raises(ValueError, match="must ascend"):
        Scores(np.array(classes, np.uint8), np.zeros((2, 1, 1), np.float16), (1, 1))


@pytest.mark.parametrize("shape", [(3, 1, 1), (2, 1), (1, 1, 1)])
def test_scores_refuse_maps_that_do_not_match_the_classes(shape):
    with pytest.raises(ValueError, match="2 classes do not match"):
        Scores(np.array([1, 2], np.uint8), np.zeros(shape, np.float16), (1, 1))


@pytest.mark.parametrize("image_id", IDS)
def test_labels_come_back_as_they_were_written_in_the_colours_of_voc(tmp_path, image_id):
    labels = np.array([[0, 1, 20], [255, 15, 7]], np.uint8)
    artifacts.write_labels(tmp_path, image_id, labels)
    np.testing.assert_array_equal(artifacts.read_labels(tmp_path, image_id), labels)
    with Image.open(tmp_path / f"{image_id}.png") as picture:
        assert picture.mode == "P"
        assert picture.convert("RGB").getpixel((0, 1)) == (224, 224, 192)
        assert picture.getpalette() == voc.palette()


def test_grey_maps_are_rounded_to_255_steps(tmp_path):
    artifacts.write_grey(tmp_path, "a", np.array([[0, 1, 0.5019, 0.0019, 0.0021]]))
    np.testing.assert_array_equal(artifacts.read_grey(tmp_path, "a") * 255, [[0, 255, 128, 0, 1]])
    assert artifacts.read_grey(tmp_path, "a").dtype == np.float32


@pytest.mark.parametrize("read", [artifacts.read_scores, artifacts.read_labels, artifacts.read_grey])
def test_a_missing_file_is_named_with_the_remedy(tmp_path, read):
    with pytest.raises(ArtifactError, match=r"lost\.(npz|png) is missing; run the stage .*dvc repro"):
        read(tmp_path / "data/cam", "lost")


@pytest.mark.parametrize("content", [None, b"no such format"])
def test_no_stage_is_sent_for_what_none_writes(tmp_path, content):
    if content:
        (tmp_path / "mine.png").write_bytes(content)
    remedy = "cannot be read .*; put a sound one there or give" if content else "is missing; put it there or correct"
    with pytest.raises(ArtifactError, match=rf"mine\.png {remedy}") as caught:
        artifacts.read_labels(tmp_path, "mine")
    assert "dvc" not in str(caught.value)


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (artifacts.read_scores, b""),
        (artifacts.read_scores, b"PK\x03\x04 cut off"),
        (artifacts.read_scores, b"no such format"),
        (artifacts.read_labels, b""),
        (artifacts.read_labels, b"no such format"),
        (artifacts.read_grey, b""),
        (artifacts.read_grey, b"no such format"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, read, content):
    for suffix in ("npz", "png"):
        (tmp_path / "models/cam").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"models/cam/a.{suffix}").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.(npz|png) cannot be read .*make it anew: .*dvc repro"):
        read(tmp_path / "models/cam", "a")


@pytest.mark.parametrize("kept", [30, 0.5, 0.95])
@pytest.mark.parametrize(("suffix", "read"), [("npz", artifacts.read_scores), ("png", artifacts.read_labels)])
def test_a_truncated_file_is_named_with_the_remedy(tmp_path, suffix, read, kept):
    artifacts.write_scores(tmp_path, "a", some_scores(size=(200, 200), stride=2))
    artifacts.write_labels(tmp_path, "a", np.random.default_rng(0).integers(0, 21, (200, 200)))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(path.read_bytes()[: kept if kept > 1 else int(kept * path.stat().st_size)])
    with pytest.raises(ArtifactError, match=rf"a\.{suffix} cannot be read"):
        read(tmp_path, "a")


def test_changed_bytes_raise_nothing_but_artifact_errors(tmp_path):
    rng = np.random.default_rng(0)
    artifacts.write_scores(tmp_path, "a", some_scores(size=(80, 80)))
    whole, refused = (tmp_path / "a.npz").read_bytes(), 0
    for place in rng.integers(len(whole), size=200):
        (tmp_path / "a.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 85]) + whole[place + 1 :])
        try:
            artifacts.read_scores(tmp_path, "a")
        except ArtifactError:
            refused += 1
    assert refused > 100


def test_what_the_system_refuses_to_read_need_not_be_made_anew(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot be read \(Is a directory\); make it readable"):
        artifacts.read_json(tmp_path)


def test_a_scores_file_without_its_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", classes=np.array([1], np.uint8))
    with pytest.raises(ArtifactError, match=r"a\.npz cannot be read"):
        artifacts.read_scores(tmp_path, "a")


def test_a_colour_picture_is_no_label_map(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ArtifactError, match=r"a\.png is a RGB picture"):
        artifacts.read_labels(tmp_path, "a")


def bomb(path: Path, *, cells: int, version: int) -> None:
    """A small .npz whose scores, of a file format's version, unpack to one row of so many cells."""
    np.savez(path, classes=np.array([1], np.uint8), size=np.array([1, cells], np.int32))
    write_header = {1: np.lib.format.write_array_header_1_0, 2: np.lib.format.write_array_header_2_0}[version]
    with (
        zipfile.ZipFile(path, "a", compression=zipfile.ZIP_DEFLATED) as archive,
        archive.open("scores.npy", "w") as file,
    ):
        write_header(file, {"descr": "<f2", "fortran_order": False, "shape": (1, 1, cells)})
        file.write(bytes(2 * cells))


def peak_of(call) -> int:
    """Bytes that a call takes at most, counted where Python and NumPy take them."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [None, (10, 13)], ids=["size unknown", "size known"])
@pytest.mark.parametrize("version", [1, 2])
def test_scores_that_unpack_to_much_more_than_a_photograph_s_are_refused_before_they_do(
    tmp_path, monkeypatch, size, version
):
    monkeypatch.setattr(artifacts, "MAX_CELLS", 1_000_000)
    folder = tmp_path / "data/cam"
    folder.mkdir(parents=True)
    bomb(folder / "a.npz", cells=20_000_000, version=version)
    assert (folder / "a.npz").stat().st_size < 100_000

    def read() -> None:
        with pytest.raises(ArtifactError, match=r"a\.npz (holds an array|cannot be read).* make it anew: `dvc repro`"):
            artifacts.read_scores(folder, "a", size=size)

    assert peak_of(read) < 4_000_000


def test_a_huge_png_is_refused_before_a_pixel_is_decoded(tmp_path):
    Image.new("P", (9000, 9000)).save(tmp_path / "a.png")
    for read in (artifacts.read_labels, artifacts.read_grey):
        with pytest.raises(ArtifactError):
            read(tmp_path, "a", size=(10, 13))
    with pytest.raises(ArtifactError, match="9000 x 9000 pixels, its photograph of 10 x 13"):
        artifacts.read_labels(tmp_path, "a", size=(10, 13))


def test_a_png_of_more_pixels_than_any_photograph_is_told_without_knowing_the_size(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    artifacts.write_labels(tmp_path, "a", np.zeros((30, 30)))
    with pytest.raises(ArtifactError, match=r"a\.png cannot be read"):
        artifacts.read_labels(tmp_path, "a")


@pytest.mark.parametrize(("changes", "message"), [
    ({"size": (13, 10)}, "no score maps|10 x 13 pixels, its photograph of 13 x 10"),
    ({"size": (10, 14)}, "10 x 13 pixels, its photograph of 10 x 14"),
    ({"num_classes": 3}, "maps of class 4 of 3"),
])  # fmt: skip
def test_scores_of_another_photograph_or_of_other_classes_are_refused(tmp_path, changes, message):
    artifacts.write_scores(tmp_path, "a", some_scores(2))
    assert artifacts.read_scores(tmp_path, "a", size=(10, 13), num_classes=4).size == (10, 13)
    with pytest.raises(ArtifactError, match=message):
        artifacts.read_scores(tmp_path, "a", **{"size": (10, 13), "num_classes": 4, **changes})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01])
def test_scores_outside_0_to_1_are_neither_written_nor_read(tmp_path, value):
    scores = some_scores(1)
    scores.scores[0, 1, 1] = value
    with pytest.raises(ArtifactError, match=r"a\.npz has scores that are not finite or not in \[0, 1\]"):
        artifacts.write_scores(tmp_path, "a", scores)
    np.savez(tmp_path / "a.npz", classes=scores.classes, scores=scores.scores, size=np.array(scores.size, np.int32))
    with pytest.raises(ArtifactError, match=r"a\.npz has scores that are not finite or not in \[0, 1\]"):
        artifacts.read_scores(tmp_path, "a")


@pytest.mark.parametrize("value", [-(2**-11), 1 + 2**-10])
def test_scores_may_lie_outside_0_to_1_by_their_rounding(tmp_path, value):
    scores = some_scores(1)
    scores.scores[0, 1, 1] = value
    artifacts.write_scores(tmp_path, "a", scores)
    assert artifacts.read_scores(tmp_path, "a").scores[0, 1, 1] == value


def test_scores_of_another_type_are_refused(tmp_path):
    scores = some_scores(1)
    np.savez(tmp_path / "a.npz", classes=scores.classes, scores=scores.scores.astype(np.float64),
             size=np.array(scores.size, np.int32))  # fmt: skip
    with pytest.raises(ArtifactError, match=r"a\.npz holds uint8 classes, float64 scores"):
        artifacts.read_scores(tmp_path, "a")


def test_a_label_that_is_no_class_is_refused(tmp_path):
    artifacts.write_labels(tmp_path, "a", np.array([[0, 5, 200, 255]]))
    assert artifacts.read_labels(tmp_path, "a", num_classes=200)[0, 2] == 200
    with pytest.raises(ArtifactError, match=r"a\.png holds the label 200, and there are 20 classes; put a"):
        artifacts.read_labels(tmp_path, "a", num_classes=20)


def test_a_label_map_is_no_grey_map(tmp_path):
    artifacts.write_labels(tmp_path, "a", np.zeros((2, 2)))
    with pytest.raises(ArtifactError, match=r"a\.png is a P picture, not a 8 bit grey map"):
        artifacts.read_grey(tmp_path, "a")


def test_json_that_is_none_is_named(tmp_path):
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"m\.json cannot be read"):
        artifacts.read_json(tmp_path / "m.json")


def test_a_digest_depends_on_values_and_not_on_the_order_of_keys():
    assert manifests.digest_of({"a": 1, "b": [1, 2]}) == manifests.digest_of({"b": (1, 2), "a": 1})
    assert manifests.digest_of({"a": 1}) != manifests.digest_of({"a": 2})
    assert manifests.digest_of({"a": [1, 2]}) != manifests.digest_of({"a": [2, 1]})


def test_json_keeps_accents_readable(tmp_path):
    artifacts.write_json(tmp_path / "a.json", {"né": [1]})
    assert "né" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"né": [1]}


def test_a_png_that_claims_to_be_huge_is_no_label_map(tmp_path):
    artifacts.write_labels(tmp_path, "a", np.zeros((2, 3), dtype=np.uint8))
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "huge.png").write_bytes(content)
    assert is_label_map(tmp_path / "a.png")
    assert not is_label_map(tmp_path / "huge.png")
