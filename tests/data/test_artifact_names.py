"""Names of images that cannot become names of artifacts are told before anything runs."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from wsss_core import artifacts
from wsss_core.data import artifact_names
from wsss_core.data.artifact_names import name_problems
from wsss_core.data.check import check_dataset
from wsss_core.data.listing import read_listing
from wsss_core.problems import DatasetError


def messages_of(folder: Path, *ids: str) -> list[str]:
    return [problem.message for problem in name_problems({name: Path(f"set/{name}.jpg") for name in ids}, folder)]


@pytest.mark.parametrize("letter", ["x", "é", "猫"])
def test_the_longest_name_that_passes_can_be_written(tmp_path, letter):
    length = (255 - len("..png.4194304")) // len(letter.encode())
    assert messages_of(tmp_path, letter * length) == []
    artifacts.write_labels(tmp_path, letter * length, np.zeros((2, 2), dtype=np.uint8))
    (message,) = messages_of(tmp_path, letter * (length + 1))
    assert "bytes too long for its label map, whose name must fit in 255 bytes; rename the image" in message


def test_a_name_of_246_letters_stops_prepare_and_is_named_by_check(folder_set, write):
    write.photo(folder_set.root / "images" / f"{'x' * 246}.jpg", grey=9)
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,", f"{'x' * 246},dog")
    with pytest.raises(DatasetError, match=r"images/xxxx.*xx\.jpg: its name is 4 bytes too long for its label map"):
        read_listing(folder_set)
    report = check_dataset(folder_set)
    assert not report.ok
    assert "error: name of an image (1)" in report.text()


def test_a_path_longer_than_the_system_takes_is_told(tmp_path):
    (message,) = messages_of(tmp_path, "/".join(["x" * 200] * 20))
    assert "bytes too long for its label map; rename" in message


@pytest.mark.parametrize("folder", ["im0.png", "im0.npz"])
def test_a_folder_called_as_the_label_map_of_an_image_is_told(folder_set, write, folder):
    for name in ("im0", f"{folder}/a"):
        write.photo(folder_set.root / "images" / f"{name}.jpg", grey=len(name))
    write.text(folder_set.root / "labels.csv", "image,labels", "im0,dog", f"{folder}/a,cat", "a,", "sub/b c.d,", "é,")
    with pytest.raises(DatasetError, match=rf"its folder {folder} is also the name of the label map of .*im0\.jpg;"):
        read_listing(folder_set)


def test_a_folder_called_as_the_manifest_is_told(tmp_path):
    (message,) = messages_of(tmp_path, "manifest.json/a", "manifest", "b")
    assert message.startswith("set/manifest.json/a.jpg: its folder is called as the list")


def test_names_that_differ_only_in_case_are_told_where_case_does_not_matter(tmp_path, monkeypatch):
    assert messages_of(tmp_path, "a", "A", "b.PNG/c", "B") == []
    monkeypatch.setattr(artifact_names, "_case_matters", lambda folder: False)
    collided, same = messages_of(tmp_path, "a", "A", "b.PNG/c", "B")
    assert "its folder b.PNG is also the name of the label map of set/B.jpg" in collided
    assert same.startswith("set/a.jpg, set/A.jpg differ only in case, which the file system of their label maps ")


def test_whether_case_matters_is_seen_by_a_folders_own_name(tmp_path):
    (tmp_path / "data").mkdir()
    assert artifact_names._case_matters(tmp_path / "data")
    (tmp_path / "DATA").symlink_to("data")  # as a system looks that does not tell them apart
    assert not artifact_names._case_matters(tmp_path / "data")


def test_characters_that_the_file_system_refuses_are_told(tmp_path, monkeypatch):
    assert messages_of(tmp_path, "a:b", "what?", "c\\d") == []
    assert list(tmp_path.iterdir()) == []
    touch = Path.touch

    def refuse(path: Path) -> None:
        if ":" in path.name:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        touch(path)

    monkeypatch.setattr(Path, "touch", refuse)
    (message,) = messages_of(tmp_path, "a:b", "what?")
    assert message == "set/a:b.jpg: its name holds :, which the file system of its label map refuses; rename the image"


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\x1b[31m", "a\x85"])
def test_control_characters_are_told_in_print(tmp_path, name):
    (message,) = messages_of(tmp_path, name)
    assert message.isprintable()
    assert "its name holds '" in message


def test_the_folder_of_artifacts_need_not_exist(tmp_path):
    assert messages_of(tmp_path / "no/such/folder", "a", "sub/b c.d", "é") == []
