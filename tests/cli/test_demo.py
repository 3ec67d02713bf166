"""`make demo` sets its own folder up from the user's; the graph itself runs in test_end_to_end."""

import shutil

import pytest
from ruamel.yaml import YAML
from workspace import ROOT, Workspace, error_message

from wsss_core.cli import preset
from wsss_core.cli.demo import demo
from wsss_core.params import load_params
from wsss_core.trials import work_copy


@pytest.fixture
def repository(workspace, monkeypatch) -> Workspace:
    """A small stand-in for the repository, where `dvc repro` does nothing and succeeds."""
    for name in ("stages", "wsss_core", "pipelines"):
        (workspace.folder / name).mkdir()
        (workspace.folder / name / "code.py").write_text(name)
    shutil.copytree(ROOT / "presets", workspace.folder / "presets")
    for name in ("dvc.yaml", ".dvcignore", "params.yaml"):
        shutil.copyfile(ROOT / name, workspace.folder / name)
    monkeypatch.setattr(work_copy, "repro", lambda *args: 0)
    return workspace


def content(path) -> dict:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def test_the_users_parameters_and_artifacts_stay(repository):
    shutil.copyfile(ROOT / "params.yaml", repository.folder / "params.yaml")
    mine = repository.folder / "data/cam/mine.npz"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    before = (repository.folder / "params.yaml").read_bytes()
    result = repository.invoke(demo)
    assert result.exit_code == 0, (result.output, result.exception)
    assert (repository.folder / "params.yaml").read_bytes() == before
    assert repository.files("data") == {"cam/mine.npz": b"mine"}


@pytest.mark.parametrize("used", ["voc12", "voc12_mini", "voc12_resnet50"])
def test_it_runs_the_shipped_parameters_after_any_preset(repository, used):
    repository.invoke(preset.preset, "use", used)
    assert content(repository.folder / "params.yaml") != content(ROOT / "params.yaml")
    repository.invoke(demo)
    assert content(repository.folder / ".demo/params.yaml") == content(ROOT / "params.yaml")


@pytest.mark.parametrize(
    "mine",
    ["seed: [", "unknown: 1", "dataset: {images: photographs, classes: [a], masks: m, labels: l.csv}\nreport: null\n"],
)
def test_it_does_not_depend_on_the_users_parameters(repository, mine):
    (repository.folder / "params.yaml").write_text(mine)
    result = repository.invoke(demo)
    assert result.exit_code == 0, result.output
    assert content(repository.folder / ".demo/params.yaml") == content(ROOT / "params.yaml")


def test_another_preset_goes_over_the_shipped_parameters(repository):
    repository.invoke(demo, "--preset", "scenes_tiny")
    params = load_params(repository.folder / ".demo/params.yaml")
    assert params.dataset.root == "data/raw/scenes_tiny"
    assert params.random_walk.beta == load_params(ROOT / "params.yaml").random_walk.beta


def test_stale_files_of_an_earlier_demo_go(repository):
    repository.invoke(demo)
    (repository.folder / ".demo/stages/gone.py").write_text("stale")
    (repository.folder / "stages/code.py").write_text("changed")
    repository.invoke(demo)
    assert not (repository.folder / ".demo/stages/gone.py").exists()
    assert (repository.folder / ".demo/stages/code.py").read_text() == "changed"


def test_unchanged_files_are_left_alone_so_that_nothing_runs_again(repository):
    repository.invoke(demo)
    copy = repository.folder / ".demo/stages/code.py"
    before = copy.stat().st_mtime_ns
    repository.invoke(demo)
    assert copy.stat().st_mtime_ns == before


def test_a_failing_graph_is_passed_on(repository, monkeypatch):
    monkeypatch.setattr(work_copy, "repro", lambda *args: 255)
    assert repository.invoke(demo).exit_code == 255


def test_a_preset_that_is_none(repository):
    message = error_message(repository.invoke(demo, "--preset", "scenes_tinny"), code=2)
    assert "did you mean scenes_tiny?" in message
