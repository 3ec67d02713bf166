"""The stage `digests`: of the weights files that the parameters name, by section."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from workspace import ROOT

from wsss_core import layout


def digests(workspace) -> dict[str, dict]:
    folder = workspace.folder / layout.WEIGHTS
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_words_are_no_files(workspace):
    workspace.set(backbone={"weights": "imagenet"}, saliency={"method": "u2net", "weights": "auto"}).run("digests")
    assert set(digests(workspace)) == {
        "train_cam", "train_affinity", "train_deeplab", "rrm", "aalr", "ssnet", "auxsegnet", "saliency",
    }  # fmt: skip
    found = digests(workspace)
    assert [Path(name).name for name in found.pop("ssnet")] == ["Image", "Mask"], "the set of salient objects"
    assert not any(found.values())


def test_each_section_names_its_own_files(workspace):
    for name in ("shared.pth", "own.pth", "net.onnx"):
        (workspace.folder / name).write_text(name)
    workspace.set(
        backbone={"weights": "shared.pth"},
        aalr={"backbone": {"weights": "own.pth"}},
        ssnet={"second": {"backbone": {"weights": "own.pth"}}, "saliency_set": {"images": None, "masks": None}},
        saliency={"weights": "net.onnx"},
    ).run("digests")
    found = {section: sorted(files) for section, files in digests(workspace).items()}
    assert found.pop("aalr") == ["own.pth"]
    assert found.pop("ssnet") == ["own.pth", "shared.pth"]
    assert found.pop("saliency") == ["net.onnx"]
    assert set(map(tuple, found.values())) == {("shared.pth",)}


def test_other_bytes_give_another_digest_of_what_names_them_alone(workspace):
    (workspace.folder / "net.onnx").write_bytes(b"one")
    workspace.set(saliency={"weights": "net.onnx"}).run("digests")
    before = digests(workspace)
    (workspace.folder / "net.onnx").write_bytes(b"two")
    after = digests(workspace.run("digests"))
    assert {section for section in after if after[section] != before[section]} == {"saliency"}


def test_a_folder_of_maps_is_known_by_the_names_and_bytes_of_all_in_it(workspace):
    folder = workspace.folder / "maps/below"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"one")
    workspace.set(saliency={"method": "folder", "folder": "maps"})
    found, a, b = [], folder / "a.png", folder / "b.png"
    for change in (lambda: None, lambda: a.write_bytes(b"two"), lambda: a.rename(b), lambda: a.touch()):
        change()
        found.append(digests(workspace.run("digests"))["saliency"]["maps"])
    assert len(set(found)) == 4


def test_a_missing_file_is_left_to_the_stage_that_needs_it(workspace):
    workspace.set(backbone={"weights": "later.pth"}).run("digests")
    assert digests(workspace)["train_cam"] == {"later.pth": None}


def masks(workspace) -> dict:
    return json.loads((workspace.folder / layout.TRUTH).read_text())


def test_other_scenes_are_drawn_before_they_are_digested(workspace):
    before = masks(workspace.run("digests"))
    after = masks(workspace.set(dataset={"scenes": {"seed": 5}}).run("digests"))
    assert after != before
    assert masks(workspace.run("prepare", "digests")) == after, "so that nothing runs again after the first `dvc repro`"


def test_scenes_are_those_of_the_parameters_that_the_stage_was_given(workspace):
    workspace.run("prepare")
    drawn = workspace.files("data/raw/scenes_tiny")
    shutil.rmtree(workspace.folder / "data/raw/scenes_tiny")
    (workspace.folder / "params.yaml").rename(workspace.folder / "other.yaml")
    workspace.run_with("saliency", "--params", "other.yaml")
    assert workspace.files("data/raw/scenes_tiny") == drawn


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"version": 1, "facts": 2}'])
def test_what_is_remembered_of_sources_may_be_damaged(workspace, kept):
    (workspace.folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    codes = workspace.run("digests").files(str(layout.CODE))
    (workspace.folder / ".wsss/sources.json").write_text(kept)
    assert workspace.run("digests").files(str(layout.CODE)) == codes


@pytest.mark.parametrize(
    "graph", ["dvc.yaml", *(f"pipelines/{path.name}/dvc.yaml" for path in (ROOT / "pipelines").iterdir())]
)
def test_every_stage_that_depends_on_the_shared_backbone_depends_on_the_bytes_of_its_weights(graph):
    stages = YAML(typ="safe").load((ROOT / graph).read_text(encoding="utf-8"))["stages"]
    for name, stage in stages.items():
        stage = stage.get("do", stage)
        if "backbone" in stage.get("params", ()) and name != "report":
            assert any(dep.startswith(f"{layout.WEIGHTS}/") for dep in stage["deps"]), f"{graph}: {name}"
