"""A disk that is full costs no finished work: one sentence, outputs as they were, and the next run goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import run
from workspace import error_message

from wsss_core.training import loop

pytestmark = pytest.mark.faults

NO_SPACE = "No space left on device; free some space and run the same command again"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of two pages, where this process may mount one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        mount(folder, "size=8k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this process may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)


def make_room(folder: Path) -> None:
    mount(folder, "remount,size=300m")


def test_a_stage_whose_journal_fills_the_disk_goes_on_when_there_is_room(finished, pipeline, tmp_path):
    with small_disk(tmp_path / "unfinished") as folder:
        assert NO_SPACE in pipeline.refusal("fuse", WSSS_RESUME_DIR=str(folder))
        make_room(folder)
        kept = len(list(folder.rglob("*.png")))
        assert f"{kept}/6" in pipeline.try_stage("fuse", WSSS_RESUME_DIR=str(folder)).output
        assert pipeline.artifacts() == finished.artifacts()
        assert list(folder.iterdir()) == [], "and the mount point itself, which is the user's, stays"


def test_a_stage_whose_output_fills_its_disk_keeps_its_work(finished, pipeline):
    with small_disk(pipeline.folder / "data/pseudo_labels") as folder:
        assert NO_SPACE in error_message(pipeline.try_stage("refine_crf"), code=1)
        assert not (folder / "affinitynet").exists()
        make_room(folder)
        assert "6/6" in pipeline.try_stage("refine_crf").output
        labels = "data/pseudo_labels/affinitynet"
        assert pipeline.files(labels) == finished.files(labels)
        assert [path.name for path in folder.iterdir()] == ["affinitynet"]


def test_a_full_disk_costs_a_training_its_checkpoints_and_no_step(finished, pipeline, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with small_disk(tmp_path / "unfinished") as folder:
        assert NO_SPACE in pipeline.refusal("train_cam", WSSS_RESUME_DIR=str(folder))
        assert "no checkpoint at step 1" in caplog.text
        make_room(folder)
        assert pipeline.try_stage("train_cam", WSSS_RESUME_DIR=str(folder)).exit_code == 0
        assert pipeline.artifacts() == finished.artifacts()


def test_the_checkpoint_stays_where_the_model_has_no_room(finished, pipeline):
    assert "model.pt" in run(pipeline, "train_cam", "fill", 1).sentence
    assert "2/2" in pipeline.try_stage("train_cam").output, "no step is made twice"
    assert pipeline.files("models/cam") == finished.files("models/cam")
