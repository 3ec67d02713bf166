"""docs/labels.md as written, in a clone: label maps go out, come back, are learnt, and DVC never throws them away."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from clone import Clone, copy_sources
from workspace import ROOT

from wsss_core import artifacts, manifests

pytestmark = pytest.mark.graphs

BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALLEST = (
    "dataset.scenes={num_train: 6, num_val: 3, num_saliency: 3, height: 64, width: 80}", "train_cam.epochs=1",
    "train_affinity.epochs=1", "train_deeplab.epochs=1",
)  # fmt: skip
GRAPH = "pipelines/corrected/dvc.yaml"
ALL = {f"{GRAPH}:{stage}" for stage in ("labels", "train", "predict", "evaluate", "report")}
MINE, LEARNT = "data/corrected/mine", "data/pseudo_labels/corrected"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone whose default graph ran, and then the page's commands."""
    made = Clone(tmp_path_factory.mktemp("corrected") / "wsss")
    copy_sources(made.folder)
    made.run("wsss", "preset", "use", "scenes_tiny", *(f"--set={setting}" for setting in SMALLEST))
    made.run("git", "init", "--quiet")
    made.run("dvc", "repro")
    lines = [line for block in BLOCK.findall((ROOT / "docs/labels.md").read_text(encoding="utf-8")) for line in
             block.splitlines()]  # fmt: skip
    assert len(lines) == 7
    made.told = {line: made.run("bash", "-c", line) for line in lines}
    return made


def test_the_page_runs_as_written_and_results_count_the_images(clone):
    assert (clone.folder / "reports/corrected.html").stat().st_size > 0
    assert manifests.read(clone.folder / "models/corrected")["supervision"] == "I+F on 4 of 6 images"
    row = r"^DeepLab on corrected labels .* I\+F on 4 of 6 images$"
    assert re.search(row, clone.told["wsss compare"], re.MULTILINE)


def test_nothing_runs_again_by_itself_and_git_takes_the_pointer_alone(clone):
    assert clone.stages_run_by("dvc", "repro", GRAPH) == set()
    shown = clone.run("git", "status", "--short", "--untracked-files=all", "data")
    assert shown.split() == ["??", "data/README.md", "??", f"{MINE}.dvc"]


def test_another_correction_is_learnt(clone):
    name = next(iter(manifests.read(clone.folder / MINE)["files"]))
    labels = artifacts.read_labels(clone.folder / MINE, name.removesuffix(".png"))
    labels[:, ::2] = 3
    artifacts.write_labels(clone.folder / "again", name.removesuffix(".png"), labels)
    clone.run("wsss", "labels", "import", "again", "--from", "folders", "--as", "mine", "--add")
    assert clone.stages_run_by("dvc", "repro", GRAPH) == ALL
    learnt = artifacts.read_labels(clone.folder / LEARNT, name.removesuffix(".png"))
    np.testing.assert_array_equal(learnt, labels)


def test_corrections_stay_when_what_lies_above_runs_again(clone):
    before = {path.name: path.read_bytes() for path in (clone.folder / MINE).glob("*.png")}
    params = (clone.folder / "params.yaml").read_text(encoding="utf-8")
    start = params.index("refine_crf:")
    changed = params[:start] + re.sub(r"iterations: \d+", "iterations: 1", params[start:], count=1)
    (clone.folder / "params.yaml").write_text(changed, encoding="utf-8")
    assert {"refine_crf", f"{GRAPH}:labels"} <= clone.stages_run_by("dvc", "repro", GRAPH)
    assert {path.name: path.read_bytes() for path in (clone.folder / MINE).glob("*.png")} == before
    assert {name: (clone.folder / LEARNT / name).read_bytes() for name in before} == before


def test_what_was_added_to_dvc_comes_back_from_its_cache(clone):
    clone.run("dvc", "commit", "--force", f"{MINE}.dvc")
    before = manifests.check(clone.folder / MINE)
    shutil.rmtree(clone.folder / MINE)
    clone.run("dvc", "checkout", f"{MINE}.dvc")
    assert manifests.check(clone.folder / MINE) == before
