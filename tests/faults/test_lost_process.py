"""One of two processes is lost: the other ends with it, in a sentence, and the next run goes on where they were."""

import os
import signal
from pathlib import Path

import pytest
from processes import end, run, start, wait_until

pytestmark = pytest.mark.faults

TWO = {"WSSS_ACCELERATOR": "cpu", "WSSS_DEVICES": "2"}


@pytest.mark.parametrize(("stage", "rank", "moment"), [("train_cam", 0, 1), ("saliency", 1, 1)])
def test_a_process_that_is_killed_ends_the_others_with_a_sentence(finished, pipeline, stage, rank, moment):
    before = pipeline.artifacts()
    killed = run(pipeline, stage, "kill", moment, HAMPERED_RANK=str(rank), **TWO)
    assert f"process {rank} of the 2 of this run was ended by SIGKILL" in killed.sentence
    assert pipeline.artifacts() == before, "and all outputs are as they were"
    if stage == "saliency":
        pipeline.run(stage)
        assert pipeline.artifacts() == finished.artifacts()


def test_a_training_of_two_processes_that_was_killed_ends_as_one_that_was_not(pipeline, tmp_path):
    pipeline.set(seed=7)
    whole = pipeline.copied_to(tmp_path / "whole")
    assert run(whole, "train_cam", **TWO).code == 0
    killed = run(pipeline, "train_cam", "kill", 1, HAMPERED_RANK="0", **TWO)
    assert "goes on where it was" in killed.sentence
    resumed = run(pipeline, "train_cam", **TWO)
    assert resumed.code == 0
    assert "0/2 [" not in resumed.output, "it began behind the first of its two steps"
    assert pipeline.artifacts() == whole.artifacts()


def test_what_one_process_alone_cannot_do_is_told_by_it(pipeline):
    (of_the_second,) = (pipeline.folder / "data/raw").rglob("JPEGImages/train_00002.*")
    of_the_second.write_bytes(b"")
    told = run(pipeline, "saliency", **TWO)
    assert "train_00002" in told.sentence
    assert told.output.count("Error: ") == 1


def test_a_command_that_is_killed_takes_its_processes_along(finished, pipeline):
    command = start(pipeline, "saliency", "wait", 2, **TWO)  # each process waits before its third result
    journal = pipeline.folder / ".wsss"
    wait_until(lambda: len([*journal.glob("*/*/finished-*.jsonl")]) == 2)
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(command.pid, signal.SIGKILL)
    end(command)
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    pipeline.run("saliency")
    assert pipeline.artifacts() == finished.artifacts()
