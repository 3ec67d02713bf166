"""Experiments of each kind that DVC has, with a data set of the user's own that Git ignores."""

from __future__ import annotations

import json
import time

import pytest
from clone import Clone, copy_sources, keep_stages
from PIL import Image

pytestmark = pytest.mark.graphs

DATA = "data/raw/mine"
INDEX = "data/index/index.json"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with a set of four images; its graph ends with `prepare`, which is enough to tell where one runs."""
    made = Clone(tmp_path_factory.mktemp("experiments") / "wsss")
    copy_sources(made.folder)
    keep_stages(made.folder, ("digests", "prepare"))
    (made.folder / DATA).mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(made.folder / DATA / f"{number}.png")
    (made.folder / DATA / "labels.csv").write_text("image,labels\n0,cat\n1,dog\n2,cat;dog\n3,\n")
    made.run("wsss", "preset", "use", "scenes_tiny", "--set=dataset.format=folder", f"--set=dataset.root={DATA}")
    made.run("git", "init", "--quiet")
    made.run("dvc", "repro")
    made.run("git", "add", "--all")
    made.run("git", "commit", "--quiet", "--message", "Run")
    return made


def test_an_experiment_in_the_workspace(clone):
    assert "prepare" in clone.stages_run_by("dvc", "exp", "run", "--name", "here", "-S", "dataset.classes=[dog,cat]")
    clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")


def test_a_temporary_one_without_the_data_says_what_helps(clone):
    output = clone.fail("dvc", "exp", "run", "--temp", "-S", "dataset.classes=[dog,cat,emu]")
    assert f"{DATA}: there is no such folder" in output
    assert f"absolute paths into params.yaml ({clone.folder / DATA}), or queue the experiment with" in output
    assert f"--copy-paths {DATA}" in output


def test_both_remedies_help_a_temporary_one(clone):
    remedies = {"copied": ["--copy-paths", DATA], "absolute": ["-S", f"dataset.root={clone.folder / DATA}"]}
    for name, remedy in remedies.items():
        command = ["dvc", "exp", "run", "--temp", "--name", name, "-S", "dataset.classes=[cat,dog,yak]", *remedy]
        assert "prepare" in clone.stages_run_by(*command)


def test_a_queue_runs_here_or_in_the_background(clone):
    for number, command in enumerate((["exp", "run", "--run-all"], ["queue", "start"])):
        setting = f"dataset.classes=[cat,dog,c{number}]"
        clone.run("dvc", "exp", "run", "--queue", "--name", f"queued-{number}", "-S", setting, "--copy-paths", DATA)
        clone.run("dvc", *command)
        wait_for(clone, f"queued-{number}")
        assert classes_of(clone, f"queued-{number}") == ["cat", "dog", f"c{number}"]


def test_two_workers_of_a_queue_give_each_experiment_its_own_result(clone):
    classes = {f"beside-{number}": ["cat", "dog", f"emu{number}"] for number in range(3)}
    for name, own in classes.items():
        setting = f"dataset.classes=[{','.join(own)}]"
        clone.run("dvc", "exp", "run", "--queue", "--name", name, "-S", setting, "--copy-paths", DATA)
    assert "Started '2' new experiments task queue workers" in clone.run("dvc", "queue", "start", "--jobs", "2")
    wait_for(clone, *classes)
    assert {name: classes_of(clone, name) for name in classes} == classes


def wait_for(clone: Clone, *names: str) -> None:
    """Until the queue has ended these experiments well."""
    deadline = time.monotonic() + 180
    while set(names) - set(clone.run("dvc", "exp", "list", "--name-only").split()):
        assert time.monotonic() < deadline, clone.run("dvc", "queue", "status")
        time.sleep(1)


def classes_of(clone: Clone, name: str) -> list[str]:
    """Of the index that an experiment made; the workspace is then as it was."""
    clone.run("dvc", "exp", "apply", name)
    classes = json.loads((clone.folder / INDEX).read_text(encoding="utf-8"))["classes"]
    clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")
    clone.run("dvc", "checkout")
    return classes


def test_a_linked_folder_of_artifacts_ends_at_once_with_a_sentence(clone):
    (clone.folder / "data").rename(clone.folder / "disk")
    (clone.folder / "data").symlink_to("disk")
    try:
        assert "data is a link, and DVC keeps no artifact behind a link" in clone.fail("dvc", "repro", "--force")
    finally:
        (clone.folder / "data").unlink()
        (clone.folder / "disk").rename(clone.folder / "data")
