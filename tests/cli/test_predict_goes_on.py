"""`wsss predict` after a kill, a full disk or a change: what is done stays, and no two runs mix."""

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image
from predictions import picture, predict
from small_models import save_deeplab
from workspace import Workspace, error_message

from wsss_core import artifacts
from wsss_core.prediction.record import FILE


@pytest.fixture
def five(tmp_path):
    """A model and five photographs, one below."""
    workspace = Workspace(tmp_path / "work")
    save_deeplab(workspace.folder / "model")
    (workspace.folder / "photos/sub").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "sub/a.png", "sub/d.jpg", "e.png")):
        picture(seed).save(workspace.folder / "photos" / name)
    return workspace


def fail_after(monkeypatch, count: int):
    """The disk is full from the label map after the first `count` on."""
    write, calls = artifacts.write_labels, []

    def full(folder, name, labels):
        calls.append(name)
        if len(calls) > count:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder / f"{name}.png"))
        write(folder, name, labels)

    monkeypatch.setattr(artifacts, "write_labels", full)


def times(workspace) -> dict[str, int]:
    out = workspace.folder / "out"
    return {path.relative_to(out).as_posix(): path.stat().st_mtime_ns for path in out.rglob("*.png")}


def test_a_run_that_ended_early_goes_on_and_gives_the_same_bytes(five, monkeypatch):
    assert predict(five, out="at_once").exit_code == 0
    with monkeypatch.context() as patch:
        fail_after(patch, 2)
        message = error_message(predict(five), code=1)
    assert "No space left on device; free some space and run the same command again" in message
    assert "\n" not in message
    assert list((five.folder / "out").rglob(".*")) == []  # nothing half written
    before = times(five)
    result = predict(five)
    assert result.exit_code == 0, result.output
    assert "out: 5 label maps, 2 of them before (" in result.output
    assert times(five) | before == times(five)
    assert five.files("out") == five.files("at_once")


def test_what_a_killed_process_left_of_its_last_line_tells_nothing(five):
    predict(five, out="at_once")
    predict(five)
    record = five.folder / "out" / FILE
    record.write_bytes(record.read_bytes()[:-9])
    (five.folder / "out/b.png").unlink()
    assert "5 label maps, 3 of them before" in predict(five).output
    assert five.files("out").keys() == five.files("at_once").keys()
    assert all(five.files("out")[name] == five.files("at_once")[name] for name in five.files("out") if name != FILE)


def test_half_a_file_of_a_killed_run_goes_and_that_of_a_running_one_stays(five):
    predict(five)
    for name in (".b.png.999999999", f".a.png.{os.getpid()}", ".notes.999999999"):
        (five.folder / "out" / name).write_bytes(b"half")
    assert predict(five).exit_code == 0
    hidden = {path.name for path in (five.folder / "out").glob(".*")}
    assert hidden == {f".a.png.{os.getpid()}", ".notes.999999999"}


def test_all_done_is_nothing_to_do(five):
    predict(five)
    before = five.files("out")
    assert "out: 5 label maps, 5 of them before" in predict(five).output
    assert five.files("out") == before


def test_a_new_photograph_and_a_changed_one_are_segmented_and_the_others_stay(five):
    predict(five)
    before = times(five)
    picture(9, height=24).save(five.folder / "photos/b.png")
    picture(8).save(five.folder / "photos/new.png")
    assert "6 label maps, 4 of them before" in predict(five).output
    assert {name for name in times(five) if times(five)[name] != before.get(name)} == {"b.png", "new.png"}
    assert artifacts.read_labels(five.folder / "out", "b").shape == (24, 56)


def test_a_corrected_label_map_stays_when_more_is_asked_for(five):
    predict(five)
    corrected = np.full((40, 56), 2)
    artifacts.write_labels(five.folder / "out", "a", corrected)
    assert predict(five, "--overlay").exit_code == 0
    np.testing.assert_array_equal(artifacts.read_labels(five.folder / "out", "a"), corrected)
    assert len(list((five.folder / "out/overlays").rglob("*.jpg"))) == 5


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--scales", "0.5"), "made with other options (scales [1.0], now [0.5])"),
        (("--flip",), "made with other options (flip false, now true)"),
        (("--tile", "64", "--max-pixels", "99"),
         "made with other options (max_pixels 4000000, now 99; tile null, now 64)"),
    ],
)  # fmt: skip
def test_other_options_do_not_mix(five, options, difference):
    predict(five)
    before = five.files("out")
    message = error_message(predict(five, *options), code=1)
    assert message == f"out holds label maps {difference}; choose another --out, or delete that folder"
    assert five.files("out") == before


def test_another_model_does_not_mix(five):
    predict(five)
    save_deeplab(five.folder / "model", seed=1)
    message = error_message(predict(five), code=1)
    assert message == "out holds label maps of another model; choose another --out, or delete that folder"


@pytest.mark.parametrize("content", [b"", b"[]\n", b"\xff\n", b'{"my": "notes"}\n'])
def test_a_file_of_somebody_else_with_the_record_s_name_stays(five, content):
    (five.folder / "out").mkdir()
    (five.folder / "out" / FILE).write_bytes(content)
    message = error_message(predict(five), code=1)
    assert message == f"out/{FILE} is none that this command wrote, and would be replaced; choose another --out"
    assert five.files("out") == {FILE: content}


def test_frames_that_are_done_are_not_made_again(five, monkeypatch):
    for path in (five.folder / "photos").rglob("*.*"):
        path.unlink()
    first, *others = (picture(seed) for seed in range(6))
    first.save(five.folder / "photos/moving.gif", save_all=True, append_images=others)
    predict(five, out="at_once")
    with monkeypatch.context() as patch:
        fail_after(patch, 3)
        assert predict(five).exit_code == 1
    assert "6 label maps, 3 of them before" in predict(five).output
    assert five.files("out") == five.files("at_once")
    assert "6 label maps, 6 of them before" in predict(five).output
    lines = [json.loads(line) for line in (five.folder / "out" / FILE).read_text().splitlines()]
    assert [line[0] for line in lines[1:]] == [*(f"moving_00000{k}" for k in range(1, 7)), "moving"]
    with Image.open(five.folder / "out/moving_000006.png") as last:
        assert last.size == (56, 40)
