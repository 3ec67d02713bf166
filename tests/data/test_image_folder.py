"""Which files a folder holds, and what is passed over there."""

import errno
import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from wsss_core.data import image_folder
from wsss_core.data.image_folder import list_images
from wsss_core.data.images import SUFFIXES, ImageError, read_image
from wsss_core.problems import DatasetError


def test_found_ids_are_paths_without_suffix(tmp_path):
    for name in (
        "a.JPG",
        "sub/b c.d.png",
        ".hidden.png",
        "._a.jpg",
        ".thumbs/x.png",
        "notes.txt",
        "skipped/y.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list_images(tmp_path, skip=[tmp_path / "skipped"])
    assert found.files == {"a": [tmp_path / "a.JPG"], "sub/b c.d": [tmp_path / "sub" / "b c.d.png"]}


def test_what_is_skipped_is_skipped_behind_a_link_too(tmp_path):
    for name in ("photos/a.jpg", "photos/masks/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert list(list_images(tmp_path / "photos", skip=[tmp_path / "link" / "masks"]).files) == ["a"]


def test_accents_are_one_id_however_they_are_coded(tmp_path):
    decomposed = "e\u0301.jpg"
    (tmp_path / decomposed).touch()
    assert list_images(tmp_path).files == {"\u00e9": [tmp_path / decomposed]}


def test_a_name_that_is_not_utf8_is_told(tmp_path):
    try:
        (tmp_path / "caf\udce9.jpg").touch()
    except OSError:
        pytest.skip("this file system keeps UTF-8 names only")
    with pytest.raises(DatasetError, match=r"caf\\udce9\.jpg: its name is not UTF-8; rename"):
        list_images(tmp_path)


def test_every_kind_that_pillow_opens_is_found(tmp_path):
    for suffix in SUFFIXES:
        (tmp_path / f"a{suffix[1:]}{suffix}").touch()
    assert len(list_images(tmp_path).files) == len(SUFFIXES)
    assert {".jfif", ".jpe", ".tiff", ".webp"} <= set(SUFFIXES)


@pytest.mark.parametrize("suffix", [".jfif", ".avif", ".jp2", ".dib", ".apng", ".pbm"])
def test_kinds_with_unusual_suffixes_are_read(tmp_path, suffix):
    if suffix not in SUFFIXES:
        pytest.skip("this Pillow was built without")
    Image.new("RGB", (16, 8), "white").convert("1" if suffix == ".pbm" else "RGB").save(
        tmp_path / f"a{suffix}", format={".apng": "PNG", ".jfif": "JPEG"}.get(suffix)
    )
    (paths,) = list_images(tmp_path).files.values()
    assert read_image(paths[0]).shape == (8, 16, 3)


def test_photographs_that_cannot_be_opened_are_named_with_the_way_out(tmp_path):
    for name in ("a.HEIC", "b.heic", "c.cr2", "d", "notes.docx", "labels.csv", ".DS_Store"):
        (tmp_path / name).touch()
    found = list_images(tmp_path)
    assert [item.path.name for item in found.passed_over if item.is_photograph] == ["a.HEIC", "b.heic", "c.cr2"]
    messages = [problem.message for problem in found.problems()]
    assert messages == [
        f"{tmp_path}: 2 are passed over, for Pillow alone does not open .heic: convert to JPEG, or"
        " `pip install pillow-heif`: a.HEIC, b.heic",
        f"{tmp_path}: 1 is passed over, for .cr2 cannot be opened here: convert to JPEG or PNG: c.cr2",
        f"{tmp_path}: 1 is passed over, for want of a suffix: d",
        f"{tmp_path}: 1 is passed over, for '.docx' is no suffix of an image: notes.docx",
    ]


def test_a_long_list_of_what_is_passed_over_names_the_first(tmp_path):
    for number in range(30):
        (tmp_path / f"{number:02}.heic").touch()
    (problem,) = list_images(tmp_path).problems()
    assert "30 are passed over" in problem.message
    assert problem.message.endswith("09.heic, ...")


def test_a_link_to_a_folder_on_the_way_gives_no_second_name(tmp_path):
    (tmp_path / "set/sub").mkdir(parents=True)
    (tmp_path / "set/sub/a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    for name, target in {"loop": ".", "up": "..", "sub/loop": "../sub", "again": "sub"}.items():
        (tmp_path / "set" / name).symlink_to(target)
    found = list_images(tmp_path / "set")
    assert list(found.files) == ["sub/a"]
    assert {item.path.name for item in found.passed_over} == {"loop", "up", "again"}
    assert "a link to a folder that is searched already" in found.problems()[0].message


def test_links_across_end(tmp_path):
    names = [f"f{number}" for number in range(12)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").touch()
        for other in names:
            (tmp_path / name / f"to_{other}").symlink_to(f"../{other}")
    assert len(list_images(tmp_path).files) == 12


def test_a_linked_folder_from_elsewhere_is_searched(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.jpg").touch()
    (tmp_path / "set").mkdir()
    (tmp_path / "set/train").symlink_to("../elsewhere")
    assert list(list_images(tmp_path / "set").files) == ["train/a"]


def test_a_link_to_itself_is_listed_and_refused_when_read(tmp_path):
    (tmp_path / "a.jpg").symlink_to("a.jpg")
    (tmp_path / "b.jpg").symlink_to("gone.jpg")
    files = list_images(tmp_path).files
    for name, message in {"a": r"a\.jpg cannot be read", "b": r"b\.jpg does not exist"}.items():
        with pytest.raises(ImageError, match=message):
            read_image(files[name][0])


def test_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "b.jpg"))
    (tmp_path / "c.jpg").symlink_to("/dev/zero")
    files = list_images(tmp_path).files
    for name, message in {"a": "is a pipe", "b": "is a socket", "c": "is a device"}.items():
        with pytest.raises(ImageError, match=rf"{name}\.jpg {message} and no file; replace it or leave it out"):
            read_image(files[name][0])


def test_a_file_larger_than_any_image_is_not_opened(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(10**13)  # a hole, which takes no space
    with pytest.raises(ImageError, match=r"a\.jpg has 10000\.0 GB, more than any image"):
        read_image(tmp_path / "a.jpg")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(image_folder.os, "scandir", refuse)
    (problem,) = list_images(tmp_path).problems()
    assert "a folder that cannot be read (Permission denied): closed" in problem.message


def test_a_folder_whose_name_is_not_utf8_is_told(tmp_path):
    try:
        (tmp_path / "caf\udce9").mkdir()
    except OSError:
        pytest.skip("this file system keeps UTF-8 names only")
    (tmp_path / "caf\udce9" / "a.jpg").touch()
    with pytest.raises(DatasetError, match=r"its name is not UTF-8; rename"):
        list_images(tmp_path)
