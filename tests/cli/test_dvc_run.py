"""What a stage says where DVC runs it in a copy of the repository, or could not keep what it makes."""

import pytest
from workspace import error_message

from wsss_core.cli.main import main

ROOT = "data/raw/mine"
UNDER_DVC = {"DVC_STAGE": "prepare"}


@pytest.fixture
def copy(workspace, tmp_path):
    """A folder in which an experiment runs; the data set lies in the repository beside it, `original`, only."""
    (tmp_path / "original" / ROOT).mkdir(parents=True)
    return workspace.set(dataset={"format": "folder", "root": ROOT})


def note(tmp_path, *paths: str) -> str:
    copies = " ".join(f"--copy-paths {path}" for path in paths)
    return (
        f"This experiment runs in a copy of {tmp_path}/original without what Git ignores, and {', '.join(paths)} is"
        f" such: write absolute paths into params.yaml ({tmp_path}/original/{paths[0]}), or queue the experiment with"
        f" {copies}"
    )


def test_a_data_set_that_only_the_original_has_is_told_with_the_remedy(copy, tmp_path):
    message = error_message(copy.try_stage("prepare", DVC_ROOT=str(tmp_path / "original")), code=1)
    first, second = message.splitlines()
    assert first == f"{ROOT}: there is no such folder; set dataset.root to the data set"
    assert second == note(tmp_path, ROOT)


def test_weights_that_only_the_original_has_are_told_too(pipeline, tmp_path):
    (tmp_path / "original/weights").mkdir(parents=True)
    (tmp_path / "original/weights/mine.pth").write_bytes(b"")
    pipeline.set(backbone={"weights": "weights/mine.pth"})
    message = error_message(pipeline.try_stage("train_cam", DVC_ROOT=str(tmp_path / "original")), code=1)
    assert message.endswith(note(tmp_path, "weights/mine.pth"))


def test_nothing_is_added_where_the_original_lacks_it_too_or_no_experiment_runs(copy, tmp_path):
    (tmp_path / "other").mkdir()
    for environment in ({"DVC_ROOT": str(tmp_path / "other")}, {"DVC_ROOT": str(copy.folder)}, {}):
        assert "copy of" not in error_message(copy.try_stage("prepare", **environment), code=1)


@pytest.mark.parametrize("folder", ["data", "models", "reports", "data/predictions"])
def test_dvc_keeps_nothing_behind_a_link_so_that_a_stage_ends_at_once(workspace, tmp_path, folder):
    link(workspace, tmp_path, folder)
    message = error_message(workspace.try_stage("prepare", **UNDER_DVC), code=1)
    assert message.startswith(f"{folder} is a link, and DVC keeps no artifact behind a link: make it a folder.")
    assert "`dvc cache dir --local PATH`" in message
    assert not (workspace.folder / "data/index").exists()
    assert f"{folder} is a link" in workspace.invoke(main, "check").output


def test_links_are_fine_for_the_data_set_and_without_dvc(workspace, tmp_path):
    link(workspace, tmp_path, "data/raw")
    assert workspace.try_stage("prepare", **UNDER_DVC).exit_code == 0
    link(workspace, tmp_path, "models")
    assert workspace.try_stage("prepare").exit_code == 0


def link(workspace, tmp_path, folder: str) -> None:
    target = tmp_path / "disk" / folder
    target.mkdir(parents=True)
    (workspace.folder / folder).parent.mkdir(exist_ok=True)
    (workspace.folder / folder).symlink_to(target)
