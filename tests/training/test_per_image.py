"""The per-image runner: resumes, publishes all or nothing, the same for any number of processes."""

import dataclasses
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from per_image_work import write_name, write_name_but_of_bad

from wsss_core import artifacts, layout
from wsss_core.code_digest import Code
from wsss_core.runtime import per_image
from wsss_core.runtime.provenance import Provenance

IDS = ("a", "sub/b c.d", "é", "bad", "e")
CODE = Code("wsss_core.artifacts")
SIZES = {"a": (3, 1), "sub/b c.d": (1, 5), "é": (1, 1), "bad": (1, 2), "e": (2, 2)}


@pytest.fixture(autouse=True)
def resume(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / "resume"))
    return tmp_path / "resume"


def run(out: Path, work=write_name, *, ids=IDS, **changes) -> None:
    settings = {"stage": "s", "code": CODE, "suffix": ".txt", "params": {"beta": 8}, "inputs": [], "sizes": SIZES.get}
    per_image.run(ids, per_image.each(work), out=out, **settings | changes)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Recording:
    """Writes like `write_name` and remembers the order; stops before the image called `stop`."""

    def __init__(self, stop: str = "") -> None:
        self.made, self.stop = [], stop

    def __call__(self, image_id: str, folder: Path) -> None:
        if image_id == self.stop:
            raise KeyboardInterrupt
        self.made.append(image_id)
        write_name(image_id, folder)


def test_every_image_gets_its_file_and_the_folder_its_manifest(tmp_path):
    run(tmp_path / "out")
    files = content(tmp_path / "out")
    assert set(files) == {f"{i}.txt" for i in IDS} | {artifacts.MANIFEST}
    assert files["sub/b c.d.txt"] == b"result of sub/b c.d"
    manifest = artifacts.read_json(tmp_path / "out" / artifacts.MANIFEST)
    assert (manifest["stage"], manifest["count"]) == ("s", 5)


def test_large_images_come_first(tmp_path):
    work = Recording()
    run(tmp_path / "out", work)
    assert work.made == ["sub/b c.d", "e", "a", "bad", "é"]


def test_images_go_together_as_long_as_they_fit(tmp_path):
    assert batches(tmp_path, batch_pixels=5) == [["sub/b c.d"], ["e"], ["a", "bad"], ["é"]]
    assert batches(tmp_path, batch_pixels=100) == [["sub/b c.d", "e", "a", "bad", "é"]]
    assert batches(tmp_path) == [["sub/b c.d"], ["e"], ["a"], ["bad"], ["é"]]


def test_images_of_other_sizes_can_be_kept_apart(tmp_path):
    sizes = {"a": (2, 2), "sub/b c.d": (1, 4), "é": (2, 2), "bad": (1, 4), "e": (4, 1)}
    made = batches(tmp_path, batch_pixels=100, equal_sizes=True, sizes=sizes.get)
    assert made == [["sub/b c.d", "bad"], ["a", "é"], ["e"]]


def batches(folder: Path, **settings) -> list[list[str]]:
    seen = []

    def work(ids, out: Path) -> None:
        seen.append(list(ids))
        per_image.each(write_name)(ids, out)

    options = {"stage": "s", "code": CODE, "suffix": ".txt", "params": {}, "inputs": [], "sizes": SIZES.get}
    per_image.run(IDS, work, out=folder / "out", **options | settings)
    assert {f"{i}.txt" for i in IDS} < set(content(folder / "out"))
    return seen


def test_results_are_the_same_for_one_worker_and_two(tmp_path):
    run(tmp_path / "one", workers=1)
    run(tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_published_when_work_raises(tmp_path, workers):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="photograph bad cannot be read"):
        run(out, write_name_but_of_bad, workers=workers)
    assert not out.exists()


def test_an_older_output_stays_until_the_new_one_is_whole(tmp_path):
    out = tmp_path / "out"
    run(out)
    before = content(out)
    with pytest.raises(ValueError, match="photograph bad"):
        run(out, write_name_but_of_bad, params={"beta": 9})
    assert content(out) == before


def test_a_killed_run_goes_on_where_it_was(tmp_path, resume):
    killed, second = Recording(stop="a"), Recording()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", killed)
    assert killed.made == ["sub/b c.d", "e"]
    run(tmp_path / "out", second)
    assert second.made == ["a", "bad", "é"]
    run(tmp_path / "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert not any(resume.iterdir())


def test_a_result_that_is_missing_or_foreign_is_named_and_nothing_is_published(tmp_path):
    def work(image_id: str, folder: Path) -> None:
        write_name({"a": "stranger"}.get(image_id, image_id), folder)

    with pytest.raises(artifacts.ArtifactError, match=r"lacks 1 of 5 .* \(a.txt\) and .* \(stranger.txt\): delete"):
        run(tmp_path / "out", work)
    assert not (tmp_path / "out").exists()


def test_a_killed_run_of_other_images_is_not_gone_on_with(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", Recording(stop="a"))
    run(tmp_path / "out", ids=["a", "e"])
    assert set(content(tmp_path / "out")) == {"a.txt", "e.txt", artifacts.MANIFEST}


@pytest.mark.parametrize("change", ["params", "inputs"])
def test_a_killed_run_starts_anew_when_parameters_or_inputs_changed(tmp_path, change):
    source = tmp_path / "index.json"
    source.write_text("1")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", Recording(stop="a"), inputs=[source])
    second = Recording()
    source.write_text("2" if change == "inputs" else "1")
    run(tmp_path / "out", second, inputs=[source], params={"beta": 9 if change == "params" else 8})
    assert len(second.made) == 5


@pytest.mark.parametrize(
    ("attribute", "other"),
    [("code", {"a.py": "1"}), ("packages", {"numpy": "1.0"}), ("device", "cuda"), ("precision", "bf16-mixed")],
)
def test_a_killed_run_starts_anew_when_what_makes_the_results_has_changed(tmp_path, monkeypatch, attribute, other):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", Recording(stop="a"))
    changed = dataclasses.replace(Provenance.of(CODE), **{attribute: other})
    monkeypatch.setattr(Provenance, "of", lambda *arguments: changed)
    second = Recording()
    run(tmp_path / "out", second)
    assert len(second.made) == 5


def test_what_made_the_results_is_recorded_beside_the_times_and_not_in_their_folder(tmp_path):
    run(Path("data/out"))
    record = artifacts.read_json(layout.PROVENANCE / "data/out.json")
    assert record["code"]["files"] == Provenance.of(CODE).code
    assert record["packages"]["numpy"] == np.__version__
    assert (record["device"], record["precision"], record["processes"]) == ("cpu", "32-true", 1)
    assert record["environment"] == {name: value for name, value in os.environ.items() if name.startswith("WSSS_")}
    assert set(artifacts.read_json(Path("data/out") / artifacts.MANIFEST)) == {
        "stage", "supervision", "count", "content", "params", "files", "digest",
    }  # fmt: skip


def test_what_a_killed_process_had_half_written_among_the_reports_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, living = (layout.HISTORY / f".cam.tsv.{pid}" for pid in (ended.pid, os.getppid()))
    for path in (left, living):
        artifacts.write_text(path, "half")
    run(Path("data/out"))
    assert (left.exists(), living.exists()) == (False, True)


def stopped(out: Path) -> Path:
    """The files of a run that was stopped before its last image."""
    with pytest.raises(KeyboardInterrupt):
        run(out, Recording(stop="bad"))
    (files,) = Path(os.environ["WSSS_RESUME_DIR"]).glob("*/*/files")
    return files


def cut(files: Path) -> None:
    (files / "a.txt").write_bytes(b"")


def exchange(files: Path) -> None:
    content = [(files / name).read_bytes() for name in ("a.txt", "e.txt")]
    for name, of_other in zip(("e.txt", "a.txt"), content, strict=True):
        (files / name).write_bytes(of_other)


def lose_the_note(files: Path) -> None:
    notes = files.parent / "finished-0.jsonl"
    notes.write_text("".join(line for line in notes.read_text().splitlines(True) if '"a.txt"' not in line))


def cut_off_a_note(files: Path) -> None:
    notes = files.parent / "finished-0.jsonl"
    notes.write_text(notes.read_text()[:-5])


@pytest.mark.parametrize("damage", [cut, exchange, lose_the_note, cut_off_a_note])
def test_what_is_not_what_was_made_is_made_anew(tmp_path, damage):
    damage(stopped(tmp_path / "out"))
    again = Recording()
    run(tmp_path / "out", again)
    assert len(again.made) in (3, 4), "one or two damaged, two not there yet"
    assert all(content(tmp_path / "out")[f"{i}.txt"] == f"result of {i}".encode() for i in IDS)


def test_what_changes_while_the_others_are_made_is_not_published(tmp_path):
    def spoil(image_id: str, folder: Path) -> None:
        write_name(image_id, folder)
        for path in folder.rglob("e.txt"):
            if image_id != "e":
                path.write_bytes(b"spoilt")

    with pytest.raises(artifacts.ArtifactError, match=r"1 files below .* changed since they were made \(e\.txt\)"):
        run(tmp_path / "out", spoil)
    assert not (tmp_path / "out").exists()
    run(tmp_path / "out")
    assert content(tmp_path / "out")["e.txt"] == b"result of e"


def test_a_half_written_file_of_a_killed_process_is_not_published(tmp_path):
    def killed_while_writing(image_id: str, folder: Path) -> None:
        artifacts.temporary_path(folder / f"{image_id}.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", killed_while_writing, ids=["a"])
    run(tmp_path / "out", ids=["a"])
    assert set(content(tmp_path / "out")) == {"a.txt", artifacts.MANIFEST}


def test_no_image_gives_an_empty_folder_with_a_manifest(tmp_path):
    run(tmp_path / "out", ids=[])
    assert set(content(tmp_path / "out")) == {artifacts.MANIFEST}


@dataclass
class Rank:
    """One of two processes, played by a thread."""

    global_rank: int
    meeting: threading.Barrier
    world_size: int = 2
    made: list[str] = field(default_factory=list)

    def barrier(self) -> None:
        self.meeting.wait(timeout=20)

    def broadcast(self, obj, src=0):
        return obj

    def work(self, image_id: str, folder: Path) -> None:
        self.made.append(image_id)
        write_name(image_id, folder)


def test_two_processes_share_the_images_and_the_first_publishes(tmp_path):
    meeting = threading.Barrier(2)
    ranks = [Rank(rank, meeting) for rank in range(2)]
    threads = [threading.Thread(target=run, args=(tmp_path / "out", r.work), kwargs={"processes": r}) for r in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [rank.made for rank in ranks] == [["sub/b c.d", "a", "é"], ["e", "bad"]]
    run(tmp_path / "alone")
    assert content(tmp_path / "out") == content(tmp_path / "alone")
