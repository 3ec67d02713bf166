"""`wsss seeds`: which graphs it runs for which seeds; what the figures are is tried in tests/report."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from clone import Clone, copy_sources
from ruamel.yaml import YAML
from workspace import ROOT, Workspace, error_message

from wsss_core.cli import seeds as module
from wsss_core.cli.main import main
from wsss_core.params import load_params
from wsss_core.runtime import locks
from wsss_core.trials import work_copy


@pytest.fixture
def repository(workspace, monkeypatch) -> Workspace:
    """A stand-in for the repository, in whose copies a run leaves a figure: a tenth of its seed."""
    for name in ("stages", "wsss_core", "presets"):
        (workspace.folder / name).mkdir()
    for name in ("dvc.yaml", ".dvcignore", "pipelines"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, workspace.folder / name)
    workspace.ran = []

    def repro(folder, targets):
        seed = load_params(folder / "params.yaml").seed
        workspace.ran.append((seed, *targets))
        path = folder / "reports/metrics" / ("rrm.json" if targets else "deeplab.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"split": "val", "miou": seed / 10, "measured_on": "x"}))
        return 0

    monkeypatch.setattr(work_copy, "repro", repro)
    monkeypatch.setattr(module, "_dvc", lambda *command, default="": default or ".dvc/cache")
    return workspace


def table(workspace: Workspace, name: str) -> list[dict[str, str]]:
    text = (workspace.folder / f"reports/seeds/{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_each_seed_runs_with_the_users_parameters_and_its_own_seed(repository):
    repository.set(random_walk={"beta": 3.5}, seed=9)
    result = repository.invoke(main, "seeds", 4, 2)
    assert result.exit_code == 0, (result.output, result.exception)
    assert repository.ran == [(4,), (2,)]
    for seed in (4, 2):
        params = load_params(repository.folder / f".seeds/{seed}/params.yaml")
        assert (params.seed, params.random_walk.beta) == (seed, 3.5)
    (row,) = table(repository, "affinitynet")
    assert (float(row["mean"]), float(row["seed_2"]), float(row["seed_4"])) == (pytest.approx(0.3), 0.2, 0.4)
    assert "30.0 ± 14.1" in result.output


def test_a_seed_that_another_command_runs_keeps_its_parameters(repository):
    repository.invoke(main, "seeds", 4, 2)
    repository.set(random_walk={"beta": 3.5})
    with locks.held(repository.folder / ".seeds/4"):
        message = error_message(repository.invoke(main, "seeds", 4, 2), code=1)
    assert "is at work in .seeds/4; wait until it ends" in message
    assert load_params(repository.folder / ".seeds/4/params.yaml").random_walk.beta != 3.5


def test_graphs_are_named_by_method_or_file(repository):
    repository.invoke(main, "seeds", 0, 1, "rrm", "pipelines/rrm/dvc.yaml", "dvc.yaml")
    graph = "pipelines/rrm/dvc.yaml"
    assert repository.ran == [(0, graph), (0,), (1, graph), (1,)]
    assert len(table(repository, "rrm")) == len(table(repository, "affinitynet")) == 1


def test_a_graph_s_table_holds_its_own_figures_alone(repository):
    """Those that an earlier run of another graph left in the same folders may be of other parameters."""
    repository.invoke(main, "seeds", 0, 1)
    repository.invoke(main, "seeds", 0, 1, "rrm")
    assert [row["file"] for row in table(repository, "rrm")] == ["metrics/rrm"]


def test_the_users_files_are_seen_from_a_seeds_folder(repository):
    mine = repository.folder / "weights/mine.pth"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    (repository.folder / "data/raw/set").mkdir(parents=True)
    repository.set(backbone={"weights": "weights/mine.pth"})
    assert repository.invoke(main, "seeds", 0, 1).exit_code == 0
    assert (repository.folder / ".seeds/1/weights/mine.pth").read_bytes() == b"mine"
    assert (repository.folder / ".seeds/1/data/raw/set").is_dir()


def test_a_file_above_the_repository_must_be_named_absolutely(repository):
    (repository.folder.parent / "mine.pth").write_bytes(b"mine")
    repository.set(backbone={"weights": "../mine.pth"})
    assert repository.invoke(main, "seeds", 0, 1).exit_code == 0, "one folder up is still a place of the seeds"
    (repository.folder / "a").mkdir()
    repository.set(backbone={"weights": "a/../../mine.pth"})
    assert repository.invoke(main, "seeds", 0, 1).exit_code == 0
    (repository.folder.parent.parent / "far.pth").write_bytes(b"mine")
    repository.set(backbone={"weights": "../../far.pth"})
    message = error_message(repository.invoke(main, "seeds", 0, 1), code=1)
    assert message == "../../far.pth lies outside of the repository; write its absolute path into params.yaml"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["0"], "give at least two seeds, as in `wsss seeds 0 1 2`: one has no spread"),
        (["3", "3"], "give at least two seeds"),
        (["0", "1", "rmr"], "'rmr' is neither a seed nor a graph; graphs are aalr, affinitynet, auxsegnet,"),
        (["0", "1.5"], "'1.5' is neither a seed nor a graph"),
        (["0", str(2**32)], f"{2**32} is no seed: they go from 0 to {2**32 - 1}"),
    ],
)
def test_bad_arguments_run_nothing(repository, words, sentence):
    assert sentence in error_message(repository.invoke(main, "seeds", *words), code=2)
    assert repository.ran == []


def test_a_seed_that_fails_ends_the_command_and_leaves_no_table(repository, monkeypatch):
    monkeypatch.setattr(work_copy, "repro", lambda folder, targets: 1)
    message = error_message(repository.invoke(main, "seeds", 5, 6), code=1)
    assert message.startswith("seed 5, affinitynet ended with exit code 1") and message.endswith("on where it was")
    assert not (repository.folder / "reports/seeds").exists()


def test_a_signal_ends_the_whole_group_before_the_command(tmp_path):
    """A stage hears of it and ends in order: DVC alone would leave it behind."""
    stage = "import pathlib, signal, sys, time\n" + textwrap.dedent("""
        def end(*_):
            pathlib.Path("ended").touch()
            sys.exit(1)
        signal.signal(signal.SIGTERM, end)
        pathlib.Path("begun").touch()
        time.sleep(60)
    """)
    (tmp_path / "dvc.py").write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {stage!r}])")
    command = "from pathlib import Path; from wsss_core.trials import work_copy; from wsss_core.frame.stage import"
    command += " telling_errors; telling_errors(lambda: work_copy.repro(Path('.')))()"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    process = subprocess.Popen([sys.executable, "-c", command], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert (tmp_path / "ended").exists()


TOY = """
from pathlib import Path
from wsss_core import artifacts
from wsss_core.frame.stage import command

@command
def main(params):
    with Path({log!r}).open("a") as file:
        file.write(f"{{params.seed}}\\n")
    artifacts.write_json(Path("reports/metrics/toy.json"), {{"split": "val", "miou": params.seed / 10}})

if __name__ == "__main__":
    main()
"""


@pytest.mark.graphs
def test_a_finished_seed_is_never_run_again(tmp_path):
    """With DVC itself, on a graph of one stage that keeps count."""
    clone, log = Clone(tmp_path / "wsss"), tmp_path / "log"
    copy_sources(clone.folder)
    shutil.rmtree(clone.folder / "pipelines")
    (clone.folder / "pipelines").mkdir()
    (clone.folder / "stages/toy.py").write_text(TOY.format(log=str(log)))
    graph = clone.folder / "dvc.yaml"
    stages = YAML(typ="safe").load(graph.read_text(encoding="utf-8"))["stages"]
    toy = {"cmd": "python -m stages.toy", "params": ["seed"], "deps": ["data/digests/code/toy"],
           "metrics": ["reports/metrics/toy.json"]}  # fmt: skip
    with graph.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"stages": {"digests": stages["digests"], "toy": toy}}, file)
    clone.run("wsss", "preset", "use", "scenes_tiny")
    clone.run("git", "init", "--quiet")
    clone.run("dvc", "repro")
    clone.run("wsss", "seeds", "0", "1")
    assert log.read_text().split() == ["0", "1"], "what the user's own run made of seed 0 came from the cache"
    output = clone.run("wsss", "seeds", "0", "1", "2")
    assert log.read_text().split() == ["0", "1", "2"]
    assert "10.0 ± 10.0" in output
    shutil.rmtree(clone.folder / ".seeds/1")
    clone.run("wsss", "seeds", "0", "1", "2")
    assert log.read_text().split() == ["0", "1", "2"], "DVC's cache outlives the folder of a seed"
    assert not Path(clone.folder / "data/index").exists()
