"""Files are written whole or not at all, with the same bytes each time; a failed write names what was to be written."""

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from wsss_core import artifacts, manifests
from wsss_core.artifacts import Scores


def test_the_same_content_gives_the_same_bytes_on_another_day(tmp_path, monkeypatch):
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for day, now in (("today", 1.7e9), ("later", 1.8e9)):
        monkeypatch.setattr(zipfile.time, "time", lambda now=now: now)
        artifacts.write_scores(tmp_path / day, "a", Scores(np.array([3]), np.array([[[0.25, 1.0]]]), (4, 7)))
        artifacts.write_labels(tmp_path / day, "a", labels)
        artifacts.write_grey(tmp_path / day, "g", labels / 255)
        manifests.write(tmp_path / day, stage="s", params={"x": 1}, names=manifests.files_of(tmp_path / day))
    for name in ("a.npz", "a.png", "g.png", artifacts.MANIFEST):
        assert (tmp_path / "today" / name).read_bytes() == (tmp_path / "later" / name).read_bytes(), name


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with artifacts.atomic(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_is_untouched_until_the_write_ends(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with artifacts.atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems would not be atomic
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_temporary_file_is_told_from_every_finished_one(tmp_path):
    finished = ["a.npz", "b c.d.1.png", "2007_000032.png", "sub/a.5", artifacts.MANIFEST]
    for name in finished:
        artifacts.write_text(tmp_path / name, "whole")
    left = artifacts.temporary_path(tmp_path / "sub" / "b c.d.1.png")
    left.write_text("half")
    assert artifacts.half_written(tmp_path) == [left]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_is_told_of_the_file_and_not_of_its_temporary(tmp_path):
    artifacts.temporary_path(tmp_path / "a.txt").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        artifacts.write_text(tmp_path / "a.txt", "text")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.txt"))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_the_system_refuses_is_told_without_the_temporary(tmp_path):
    path = tmp_path / ("x" * os.pathconf(tmp_path, "PC_NAME_MAX"))  # the temporary's is longer still
    with pytest.raises(OSError) as caught:
        artifacts.write_text(path, "text")
    assert caught.value.filename == str(path)
