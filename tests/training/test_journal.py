"""The journal: whole or not at all, and never for other parameters."""

import errno
import os
import platform
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from wsss_core import artifacts, manifests
from wsss_core.runtime.journal import KEPT, InUseError, Journal, content_digest, whole


@pytest.fixture(autouse=True)
def resume(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / "resume"))
    return tmp_path / "resume"


def left_in(out: Path, *, key: object, **files: str) -> Path:
    """The journal's folder after a run with this key left some files and ended without publishing."""
    with Journal.open(out, key=key) as journal:
        for name, text in files.items():
            artifacts.write_text(journal.folder / f"{name}.txt", text)
    return journal.folder


def found_in(out: Path, *, key: object) -> dict[str, str]:
    with Journal.open(out, key=key) as journal:
        return {path.name: path.read_text() for path in journal.folder.iterdir()}


def test_work_is_found_again_with_the_same_key_only(tmp_path):
    out = tmp_path / "data" / "cam"
    left_in(out, key={"beta": 8}, a="done")
    assert found_in(out, key={"beta": 9}) == {}
    assert found_in(out, key={"beta": 8}) == {"a.txt": "done"}


def test_the_work_of_the_keys_used_last_is_kept_and_older_work_is_deleted(tmp_path):
    out = tmp_path / "data" / "cam"
    folders = {key: left_in(out, key=key, a="done") for key in range(KEPT + 1)}
    for key, folder in folders.items():
        os.utime(folder.parent, (1e9 - key, 1e9 - key))
    left_in(out, key=-1)
    assert [key for key, folder in folders.items() if folder.exists()] == list(range(KEPT))


def test_the_work_of_a_key_in_use_is_never_deleted(tmp_path):
    out = tmp_path / "data" / "cam"
    with Journal.open(out, key="first") as first:
        artifacts.write_text(first.folder / "a.txt", "half")
        os.utime(first.beside, (0, 0))
        for key in range(KEPT + 3):
            left_in(out, key=key)
        assert (first.folder / "a.txt").exists()


def test_a_journal_that_another_run_uses_is_refused_with_its_name(tmp_path):
    out = tmp_path / "data" / "cam"
    with (
        Journal.open(out, key=1) as journal,
        pytest.raises(InUseError, match=rf"another run \(process {os.getpid()} on .*\) is making {out} from the same"),
        Journal.open(out, key=1),
    ):
        pass
    assert journal.folder.is_dir()


def test_a_journal_is_free_again_after_the_run_whichever_way_it_ended(tmp_path):
    out = tmp_path / "data" / "cam"
    with pytest.raises(KeyboardInterrupt), Journal.open(out, key=1):
        raise KeyboardInterrupt
    killed = """import os, sys, pathlib
from wsss_core.runtime.journal import Journal
with Journal.open(pathlib.Path(sys.argv[1]), key=1) as journal:
    (journal.folder / "a.txt").write_text("done")
    os._exit(9)"""
    assert subprocess.run([sys.executable, "-c", killed, out]).returncode == 9
    assert found_in(out, key=1) == {"a.txt": "done"}


@dataclass
class Rank:
    """A process that hears what the first one says."""

    global_rank: int
    said: object = None
    world_size: int = 2

    def barrier(self) -> None:
        pass

    def broadcast(self, obj, src=0):
        return obj if self.global_rank == src else self.said


def test_processes_of_one_run_share_a_journal_and_are_refused_together(tmp_path):
    out = tmp_path / "data" / "cam"
    with Journal.open(out, key=1, processes=Rank(0)) as first, Journal.open(out, key=1, processes=Rank(1)) as second:
        assert first == second
        for rank in (Rank(0), Rank(1, said="process 1 on a")):
            with pytest.raises(InUseError), Journal.open(out, key=1, processes=rank):
                pass


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("predictions/rrm", "pseudo_labels/rrm"), ("a-b/c", "a/b-c"), ("data/a/b", "data/a-b"),
        (f"data/{'x' * 120}a", f"data/{'x' * 120}b"),
    ],
)  # fmt: skip
def test_no_two_outputs_share_a_journal(tmp_path, first, second):
    left_in(tmp_path / first, key=1, a="done")
    assert found_in(tmp_path / second, key=1) == {}


def test_publishing_replaces_the_output_and_leaves_no_trace(tmp_path, resume):
    out = tmp_path / "data" / "cam"
    out.mkdir(parents=True)
    (out / "old.txt").write_text("old")
    with Journal.open(out, key=1) as journal:
        artifacts.write_text(journal.folder / "sub" / "new.txt", "new")
        artifacts.write_text(journal.beside / "checkpoint.pt", "state")
        assert [p.name for p in out.iterdir()] == ["old.txt"]
        journal.publish()
        journal.discard()
    assert [p.relative_to(out).as_posix() for p in out.rglob("*.*")] == ["sub/new.txt"]
    assert [p.name for p in out.parent.iterdir()] == ["cam"]
    assert not any(resume.iterdir())


def test_what_is_not_published_stays_until_it_is_discarded(tmp_path):
    out = tmp_path / "models" / "cam"
    with Journal.open(out, key=1) as journal:
        artifacts.write_text(journal.beside / "checkpoint.pt", "state")
        journal.publish()
    assert not any(out.iterdir())
    with Journal.open(out, key=1) as journal:
        assert (journal.beside / "checkpoint.pt").read_text() == "state"


def test_a_resume_folder_of_the_users_own_is_never_removed(tmp_path, resume):
    with Journal.open(tmp_path / "cam", key=1) as journal:
        journal.publish()
        journal.discard()
    assert resume.is_dir()


@pytest.mark.parametrize("folder", ["cam", "cam/x", "cam/x/../y", "link"])
def test_a_journal_inside_its_own_output_is_refused_before_anything_is_written(tmp_path, monkeypatch, folder):
    (tmp_path / "link").symlink_to("cam")
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / folder))
    with pytest.raises(ValueError, match=r"WSSS_RESUME_DIR is .*, inside .*cam, which"), Journal.open(
        tmp_path / "cam", key=1
    ):
        pass
    assert not (tmp_path / "cam").exists()


def test_an_output_beside_the_journals_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path))
    with Journal.open(tmp_path / "cam", key=1) as journal:
        journal.publish()
    assert (tmp_path / "cam").is_dir()


def test_the_usual_resume_folder_goes_with_the_last_work_in_it(tmp_path, monkeypatch):
    monkeypatch.delenv("WSSS_RESUME_DIR")
    monkeypatch.chdir(tmp_path)
    with Journal.open(Path("cam"), key=1) as journal:
        assert Path(".wsss").is_dir()
        journal.discard()
    assert not Path(".wsss").exists()


def test_tidying_never_fails_a_stage(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EBUSY, "Device or resource busy")

    out = tmp_path / "data" / "cam"
    for key in range(KEPT + 1):
        left_in(out, key=key, a="done")
    for name in ("rmdir", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr("shutil.rmtree", refuse)
    with Journal.open(out, key=-1) as journal:
        assert journal.folder.is_dir()


def test_an_output_on_another_file_system_is_published_whole(tmp_path, monkeypatch):
    def across(self, target):
        if "resume" in self.parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(self))
        return rename(self, target)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", across)
    out = tmp_path / "data" / "cam"
    artifacts.write_text(out / "old.txt", "old")
    with Journal.open(out, key=1) as journal:
        artifacts.write_text(journal.folder / "sub" / "a.txt", "a")
        journal.publish()
    assert [p.relative_to(out).as_posix() for p in out.rglob("*.txt")] == ["sub/a.txt"]
    assert [p.name for p in out.parent.iterdir()] == ["cam"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EXDEV])
def test_an_output_that_cannot_be_replaced_stays_and_so_does_the_work(tmp_path, monkeypatch, number):
    def refuse(self, target):
        if self.name == "cam":
            return rename(self, target)
        if self.name.endswith(".old"):
            return rename(self, target)
        raise OSError(number, os.strerror(number), str(self))

    rename = Path.rename
    out = tmp_path / "data" / "cam"
    artifacts.write_text(out / "old.txt", "old")
    monkeypatch.setattr(Path, "rename", refuse)
    left_in(out, key=1, a="a")
    with pytest.raises(OSError, match="cross-device|No space"), Journal.open(out, key=1) as journal:
        journal.publish()
    assert [p.name for p in out.iterdir()] == ["old.txt"]
    assert found_in(out, key=1) == {"a.txt": "a"}


def test_two_runs_that_publish_at_once_leave_one_of_both_whole(tmp_path):
    out = tmp_path / "data" / "cam"
    start = threading.Barrier(2)

    def run(key: str) -> None:
        with Journal.open(out, key=key) as journal:
            for name in range(50):
                artifacts.write_text(journal.folder / f"{name}.txt", key)
            start.wait(timeout=20)
            journal.publish()

    threads = [threading.Thread(target=run, args=(key,)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.read_text() for path in out.iterdir()}) == 1
    assert len(list(out.iterdir())) == 50
    assert [path.name for path in out.parent.iterdir()] == ["cam"]


@pytest.mark.parametrize("kind", ["old", "partial"])
def test_what_a_process_killed_while_publishing_left_is_deleted_and_a_living_one_s_is_not(tmp_path, kind):
    out = tmp_path / "data" / "cam"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    start = f".cam.{platform.node()}"
    for name in (f"{start}.{ended.pid}.{kind}", f"{start}.{os.getppid()}.{kind}", f".cam.elsewhere.{ended.pid}.{kind}"):
        artifacts.write_text(out.parent / name / "a.txt", "")
    with Journal.open(out, key=1) as journal:
        journal.publish()
    left = {f"{start}.{os.getppid()}.{kind}", f".cam.elsewhere.{ended.pid}.{kind}", "cam"}
    assert {path.name for path in out.parent.iterdir()} == left


def test_what_a_killed_process_had_half_written_is_not_published(tmp_path):
    out = tmp_path / "data" / "cam"
    folder = left_in(out, key=1, a="whole")
    killed = """import os, sys, pathlib
from wsss_core import artifacts
with artifacts.atomic(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os._exit(9)"""
    assert subprocess.run([sys.executable, "-c", killed, folder / "sub" / "b.txt"]).returncode == 9
    assert [path.read_text() for path in (folder / "sub").iterdir()] == ["half"]
    with Journal.open(out, key=1) as journal:
        journal.publish()
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["a.txt"]


def test_a_folder_is_whole_with_what_it_needs_and_nothing_foreign(tmp_path):
    for name in ("a.png", "a.npz", "sub/b.png", artifacts.MANIFEST, "sub/.b.png.4711"):
        artifacts.write_text(tmp_path / "files" / name, "")
    both = {"a.png", "sub/b.png"}
    made = whole(tmp_path / "files", needed=both, allowed={"a.npz", "b.npz"})
    assert made == {"a.npz", "a.png", "sub/b.png"}
    with pytest.raises(artifacts.ArtifactError, match=r"holds 1 files .* \(a.npz\): delete .* and run this again"):
        whole(tmp_path / "files", needed=both)
    with pytest.raises(artifacts.ArtifactError, match=r"lacks 1 of 3 results \(c.png\) and holds 1 files"):
        whole(tmp_path / "files", needed={*both, "c.png"})


def test_inputs_are_known_by_their_content(tmp_path):
    folder, file = tmp_path / "cams", tmp_path / "index.json"
    file.write_text("1")
    found = []
    for content in ("x", "y", "x"):
        artifacts.write_text(folder / "a.txt", content)
        manifests.write(folder, stage="s", params={}, names=["a.txt"])
        found.append(content_digest(folder, file))
    file.write_text("2")
    found.append(content_digest(folder, file))
    assert found[0] == found[2]
    assert found[0][1] == found[1][1]
    assert found[0][0] != found[1][0]
    assert found[2][0] == found[3][0]
    assert found[2][1] != found[3][1]


@pytest.mark.parametrize("name", ["missing.json", "folder"])
def test_an_input_that_no_stage_finished_is_named(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(artifacts.ArtifactError, match=rf"{name}.* is missing; put it there"):
        content_digest(tmp_path / name)
