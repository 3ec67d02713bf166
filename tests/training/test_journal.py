"""The journal: whole or not at all, and never for other parameters."""

import subprocess
import sys
from pathlib import Path

import pytest

from wsss_core import artifacts
from wsss_core.training.journal import Journal, content_digest


@pytest.fixture(autouse=True)
def resume(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / "resume"))
    return tmp_path / "resume"


def test_work_is_found_again_with_the_same_key_only(tmp_path):
    out = tmp_path / "data" / "cam"
    journal = Journal.open(out, key={"beta": 8})
    (journal.folder / "a.txt").write_text("done")
    assert (Journal.open(out, key={"beta": 8}).folder / "a.txt").read_text() == "done"
    assert list(Journal.open(out, key={"beta": 9}).folder.iterdir()) == []


def test_work_of_another_key_is_dropped_for_good(tmp_path):
    out = tmp_path / "data" / "cam"
    first = Journal.open(out, key=1)
    (first.folder / "a.txt").write_text("stale")
    Journal.open(out, key=2)
    assert not first.folder.exists()
    assert list(Journal.open(out, key=1).folder.iterdir()) == []


def test_outputs_with_one_name_in_two_folders_do_not_share_a_journal(tmp_path):
    first = Journal.open(tmp_path / "predictions" / "rrm", key=1)
    second = Journal.open(tmp_path / "pseudo_labels" / "rrm", key=1)
    assert first.folder != second.folder
    assert first.folder.is_dir()


def test_publishing_replaces_the_output_and_leaves_no_trace(tmp_path, resume):
    out = tmp_path / "data" / "cam"
    out.mkdir(parents=True)
    (out / "old.txt").write_text("old")
    journal = Journal.open(out, key=1)
    (journal.folder / "sub").mkdir()
    (journal.folder / "sub" / "new.txt").write_text("new")
    assert [p.name for p in out.iterdir()] == ["old.txt"]
    journal.publish()
    assert [p.relative_to(out).as_posix() for p in out.rglob("*.txt")] == ["sub/new.txt"]
    assert [p.name for p in out.parent.iterdir()] == ["cam"]
    assert not resume.exists()


def test_publishing_keeps_the_journals_of_other_outputs(tmp_path):
    other = Journal.open(tmp_path / "data" / "walk", key=1)
    (other.folder / "a.txt").write_text("half")
    Journal.open(tmp_path / "data" / "cam", key=1).publish()
    assert (other.folder / "a.txt").exists()


def test_a_partial_folder_of_a_kill_while_publishing_is_replaced(tmp_path):
    out = tmp_path / "data" / "cam"
    (out.parent / ".cam.partial").mkdir(parents=True)
    (out.parent / ".cam.partial" / "stale.txt").write_text("stale")
    journal = Journal.open(out, key=1)
    (journal.folder / "a.txt").write_text("a")
    journal.publish()
    assert [p.name for p in out.iterdir()] == ["a.txt"]
    assert [p.name for p in out.parent.iterdir()] == ["cam"]


def test_what_a_killed_process_had_half_written_is_not_published(tmp_path):
    out = tmp_path / "data" / "cam"
    journal = Journal.open(out, key=1)
    (journal.folder / "a.txt").write_text("whole")
    killed = """import os, sys, pathlib
from wsss_core import artifacts
with artifacts.atomic(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os._exit(9)"""
    assert subprocess.run([sys.executable, "-c", killed, journal.folder / "sub" / "b.txt"]).returncode == 9
    assert [path.read_text() for path in (journal.folder / "sub").iterdir()] == ["half"]
    journal.publish()
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["a.txt"]


def test_inputs_are_known_by_their_content(tmp_path):
    folder, file = tmp_path / "cams", tmp_path / "index.json"
    file.write_text("1")
    digests = []
    for content in ("x", "y", "x"):
        artifacts.write_text(folder / "a.txt", content)
        artifacts.write_manifest(folder, stage="s", params={}, paths=[folder / "a.txt"])
        digests.append(content_digest(folder, file))
    file.write_text("2")
    digests.append(content_digest(folder, file))
    assert digests[0] == digests[2]
    assert digests[0][1] == digests[1][1]
    assert digests[0][0] != digests[1][0]
    assert digests[2][0] == digests[3][0]
    assert digests[2][1] != digests[3][1]


@pytest.mark.parametrize("name", ["missing.json", "folder"])
def test_an_input_that_no_stage_finished_is_named(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(artifacts.ArtifactError, match=rf"{name}.* is missing; run the stage"):
        content_digest(tmp_path / name)
