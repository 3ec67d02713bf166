"""`wsss inspect`: what is shown of an image, also of another revision, and what is said of what is not there."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from dvc.repo import Repo
from PIL import Image
from workspace import Workspace, error_message

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import Scores
from wsss_core.cli.inspect import OUT, inspect

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what DVC uses

SIZE = (6, 8)
MASK = np.array([[0, 0, 0, 0, 1, 1, 1, 1]] * 6, dtype=np.uint8)
DEEPLAB = layout.PREDICTIONS / "deeplab"


@pytest.fixture
def made(workspace: Workspace) -> Workspace:
    """Two photographs with masks, of which some stages kept maps."""
    root = workspace.folder / "photos"
    for name in ("pets/a1", "pets/a2"):
        for folder, picture in (("images", Image.new("RGB", (8, 6), "red")), ("masks", Image.fromarray(MASK))):
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    (root / "labels.csv").write_text("image,labels\npets/a1.png,<cat>\npets/a2.png,<cat>\n", encoding="utf-8")
    source = {"format": "folder", "root": "photos", "train": "train", "val": "", "labels": "labels.csv"}
    workspace.set(dataset=source).run("prepare")
    scores = Scores(np.array([1]), np.full((1, 3, 4), 0.5, dtype=np.float16), SIZE)
    artifacts.write_scores(workspace.folder / layout.CAMS, "pets/a1", scores)
    artifacts.write_labels(workspace.folder / layout.FUSED, "pets/a1", MASK)
    artifacts.write_labels(workspace.folder / DEEPLAB, "pets/a1", MASK)
    for folder in (layout.CAMS, layout.FUSED, DEEPLAB):
        finish(workspace.folder / folder)
    return workspace


def finish(folder: Path) -> None:
    manifests.write(folder, stage="", params={}, names=manifests.files_of(folder))


def page(workspace: Workspace, name: Path = OUT) -> str:
    return (workspace.folder / name).read_text(encoding="utf-8")


def run(workspace: Workspace, *arguments: str) -> Result:
    result = workspace.invoke(inspect, *arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(workspace: Workspace, *arguments: str, code: int) -> str:
    before = workspace.files(".")
    message = error_message(workspace.invoke(inspect, *arguments), code=code)
    assert {name for name, content in workspace.files(".").items() if before.get(name) != content} <= {"index.lock"}
    return message


def titles(text: str) -> list[str]:
    return re.findall(r'alt="(.*?) of pets/a1', text)


def test_every_stage_that_kept_a_map_of_the_image_is_shown_with_its_figures(made):
    assert "wrote reports/inspect.html" in run(made, "pets/a1").output
    text = page(made)
    assert titles(text) == ["Photograph", "True mask", "CAM", "Fused", "DeepLab"]
    assert re.search(r"mIoU <b>100\.0</b>\s*<br>background 100\.0, &lt;cat&gt; 100\.0", text)
    assert "<cat>" not in text
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*""", text) == []


def test_the_same_maps_give_the_same_page(made):
    run(made, "pets/a1", "pets/a2")
    first = page(made)
    run(made, "pets/a1", "pets/a2", "--out", "again.html")
    assert page(made, Path("again.html")) == first


def test_an_image_of_which_no_stage_kept_a_map_is_said(made):
    assert "No stage has kept a map of pets/a2 yet; `dvc repro` makes them." in run(made, "pets/a2").output


def test_an_unknown_image_is_told_with_those_most_like_it(made):
    message = refused(made, "pets/a11", "pets/a1", code=2)
    assert "the data set has no image pets/a11; most like it: pets/a1, pets/a2" in message


def test_a_file_of_somebody_else_is_not_replaced(made):
    assert "params.yaml is no page of `wsss inspect`" in refused(made, "pets/a1", "--out", "params.yaml", code=2)
    assert "photos is no page of `wsss inspect`" in refused(made, "pets/a1", "--out", "photos", code=2)


def test_without_git_there_is_no_revision(made):
    assert "this folder keeps no revisions" in refused(made, "pets/a1", "--rev", "HEAD", code=1)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def changed(made, monkeypatch) -> Workspace:
    """The same as a commit, of which all is in DVC's cache, and the fused map of now with another half."""
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(made.folder.parent / "site"))
    git(made.folder, "init", "--quiet")
    with Repo.init(".") as repo:
        repo.config["core"]["analytics"] = False
        repo.add([folder.as_posix() for folder in (layout.INDEX.parent, layout.CAMS, layout.FUSED)])
    git(made.folder, "add", "--all")
    git(made.folder, "commit", "--quiet", "--message", "all")
    artifacts.write_labels(layout.FUSED, "pets/a1", np.zeros(SIZE))
    finish(layout.FUSED)
    return made


def test_another_revision_stands_beside_and_the_workspace_stays(changed):
    before = changed.artifacts()
    run(changed, "pets/a1", "--rev", "main", "--out", "both.html")
    text = page(changed, Path("both.html"))
    assert [name for name in titles(text) if name == "Fused"] == ["Fused"] * 2
    assert "50.0 % differ" in text
    assert re.findall(r"mIoU <b>([\d.]+)</b>", text)[:2] == ["25.0", "100.0"]  # background right on half, no cat
    assert "main: no map" in text  # of DeepLab, which it did not keep
    assert changed.artifacts() == before


def test_an_experiment_is_found_by_its_name(changed):
    start = git(changed.folder, "rev-parse", "HEAD")
    commit = git(changed.folder, "commit-tree", f"{start}^{{tree}}", "-p", start, "-m", "experiment")
    git(changed.folder, "update-ref", f"refs/exps/{start[:2]}/{start[2:]}/bold-idea", commit)
    run(changed, "pets/a1", "--exp", "bold-idea")
    assert "bold-idea at the right" in page(changed)


def test_a_revision_that_does_not_exist_is_told(changed):
    message = refused(changed, "pets/a1", "--rev", "nowhere", code=1)
    assert "nowhere is no commit, branch, tag or experiment here; `git log --all` lists the commits" in message


def test_what_is_not_in_the_cache_is_named_with_the_way_to_fetch_it(changed):
    for path in (changed.folder / ".dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes() == png_of(MASK):
            path.unlink()
    output = run(changed, "pets/a1", "--rev", "main").output
    assert "Not in DVC's cache, of main: data/fused/pets/a1.png; `git checkout main && dvc pull`" in output


def png_of(labels: np.ndarray) -> bytes:
    artifacts.write_labels(Path("scratch"), "map", labels)
    return Path("scratch/map.png").read_bytes()


def test_two_revisions_at_once_are_refused(made):
    assert "give --rev or --exp, not both" in refused(made, "pets/a1", "--rev", "a", "--exp", "b", code=2)
