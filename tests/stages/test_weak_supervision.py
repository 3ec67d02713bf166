"""No stage opens a pixel mask but those whose business it is; read from the imports."""

import re
from pathlib import Path

import import_graph
import pytest
from workspace import LABEL_STAGES, ROOT, STAGES

from wsss_core import graphs, layout, registry

TRUTH = Path("wsss_core/frame/truth.py")
ALLOWED = {"evaluate", "report", "train_deeplab"}
"""train_deeplab for full supervision, on its flag --masks alone."""


def stage_file(stage: str) -> Path:
    return Path(f"stages/{stage}.py")


def test_only_these_stages_can_open_masks():
    everyone = {path.stem for path in (import_graph.ROOT / "stages").glob("*.py")} - {"__init__"}
    assert everyone >= set(STAGES)
    able = {stage for stage in everyone if TRUTH in import_graph.reachable(stage_file(stage))}
    assert able <= ALLOWED


@pytest.mark.parametrize("graph", graphs.files(ROOT), ids=lambda path: path.parent.name)
def test_only_they_depend_on_the_digest_of_the_masks(graph):
    for name, stage in graphs.stages(graph).items():
        opens = bool(re.search(r"stages\.(evaluate|report)\b|--masks", stage["cmd"]))
        assert (layout.TRUTH.as_posix() in stage.get("deps", ())) == opens, f"{graph}: {name}"


OF_METHODS = {"pseudo_labels", "first_labels", "update_saliency", "update_labels", "affinity_maps"}


@pytest.mark.parametrize("stage", sorted({*LABEL_STAGES, *OF_METHODS} - {"prepare"}))
def test_no_label_making_stage_knows_the_module_of_masks(stage):
    assert Path("wsss_core/data/masks.py") not in import_graph.reachable(stage_file(stage))


@pytest.mark.parametrize("method", registry.names("recipe"))
def test_no_method_knows_the_module_of_masks(method):
    known = import_graph.reachable(Path(f"wsss_core/methods/{method}/recipe.py")) | import_graph.reachable(
        stage_file("train_joint")
    )
    assert Path("wsss_core/methods/recipe.py") in known
    assert not {TRUTH, Path("wsss_core/data/masks.py")} & known


def test_masks_are_opened_by_flag_only(pipeline, monkeypatch):
    opened = []
    monkeypatch.setattr("stages.train_deeplab.open_truth", lambda *args, **kwargs: opened.append(args))
    pipeline.run("train_deeplab")
    assert opened == []
