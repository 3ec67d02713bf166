"""`wsss estimate`: which steps it tries on what, what it says, and that nothing of it stays."""

import itertools
import re

import pytest
from clone import copy_sources
from workspace import Workspace, error_message

from wsss_core import layout
from wsss_core.cli import estimate as module
from wsss_core.cli.main import main
from wsss_core.data.index import Index
from wsss_core.runtime import locks
from wsss_core.trials import steps
from wsss_core.trials.steps import Cost, Step

STEPS = [
    Step("prepare", "", ("data/index",)),
    Step("train_cam", "", ("models/cam",)),
    Step("infer_cam", "", ("data/cam",)),
]


@pytest.fixture
def repository(workspace, finished, monkeypatch) -> Workspace:
    """A stand-in whose stages do nothing: a training takes 10 s and 1 s an image, any other stage 1 s and 0.1 s."""
    copy_sources(workspace.folder)
    workspace.tried, workspace.seen = [], []

    def run(step, copy):
        if step.name == "prepare":
            Index.open(finished.folder / layout.INDEX).write(copy / layout.INDEX)
        images = len(Index.open(copy / layout.INDEX).ids("train"))
        workspace.tried.append((step.name, images))
        workspace.seen.append(set(Index.open(copy / layout.INDEX).ids("train", "val")))
        seconds = 10.0 + images if step.trains else 1.0 + images / 10
        return Cost(seconds, 2 * 10**9 if step.trains else 10**8, 1000 * images)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "steps_of", lambda copy, graph: STEPS)
    return workspace


def test_trainings_are_tried_on_fewer_photographs_than_other_stages(repository):
    result = repository.invoke(main, "estimate", "--trial", 4)
    assert result.exit_code == 0, (result.output, result.exception)
    assert repository.tried == [
        ("prepare", 6), ("train_cam", 1), ("train_cam", 4), ("infer_cam", 3), ("infer_cam", 6),
    ]  # fmt: skip
    assert not (repository.folder / module.FOLDER).exists()


def test_a_second_estimate_beside_a_first_one_is_refused_and_leaves_it_alone(repository):
    with locks.held(repository.folder / module.FOLDER):
        copy = repository.folder / module.FOLDER / "copy"
        copy.mkdir(parents=True)
        message = error_message(repository.invoke(main, "estimate", "--trial", 4), code=1)
        assert re.search(r"another command \(process \d+ on .*\) is at work in .estimate; wait until it ends", message)
        assert copy.is_dir()


def test_a_smaller_sample_is_a_part_of_a_larger_one(repository):
    """So that a training on few finds what a stage before it made of more."""
    repository.invoke(main, "estimate", "--trial", 4)
    by_size = sorted(repository.seen, key=len)
    assert all(small <= large for small, large in itertools.pairwise(by_size))


def test_the_table_is_of_the_set_that_is_planned(repository):
    result = repository.invoke(main, "estimate", "--trial", 4, "--images", 3600)
    rows = {line.split()[0]: re.split(r"\s{2,}", line)[1:] for line in result.stdout.splitlines() if "  " in line}
    assert rows["prepare"] == ["0:16:00", "100 MB", "3.6 MB"]
    assert rows["train_cam"] == ["1:00:10", "2 GB", "3.6 MB"]
    assert rows["infer_cam"] == ["0:06:01", "100 MB", "3.6 MB"]
    assert rows["all"] == ["1:22:11", "2 GB", "10.8 MB"]
    assert "For 3,600 training photographs" in result.stdout


def test_stages_whose_trials_took_about_as_long_are_doubted(repository):
    """11 and 12 s, and then 11 and 14."""
    said = " ".join(repository.invoke(main, "estimate", "--trial", 2).stdout.split())
    assert said.endswith("since both trials took about as long, in: train_cam. A larger --trial tells.")
    assert "about as long" not in repository.invoke(main, "estimate", "--trial", 4).stdout


def test_a_trial_needs_more_photographs_than_it_takes(repository):
    message = error_message(repository.invoke(main, "estimate", "--trial", 6), code=1)
    assert message.startswith("a trial of 6 needs more training photographs, and there are 6: give a smaller --trial")
    assert not (repository.folder / module.FOLDER).exists()


def test_a_method_that_is_none_is_named_with_those_that_are(repository):
    message = error_message(repository.invoke(main, "estimate", "rmr"), code=2)
    assert message.startswith("'rmr' is no method; there are aalr, affinitynet, auxsegnet")


def test_a_stage_that_fails_is_told_and_nothing_is_left(repository, monkeypatch):
    failing = Step("prepare", "python -c 'raise SystemExit(\"no such photograph\")'", ())
    monkeypatch.setattr(module, "steps_of", lambda copy, graph: [failing])
    monkeypatch.setattr(module, "run", steps.run)
    message = error_message(repository.invoke(main, "estimate"), code=1)
    assert message == "prepare ended with exit code 1:\nno such photograph"
    assert not (repository.folder / module.FOLDER).exists()
