"""What an array of jobs made is published if the stage would make it now, which the stage itself says."""

import copy
import os

import pytest
from workspace import ROOT, Workspace, error_message

from wsss_core.cli.main import main

pytestmark = pytest.mark.graphs
ELSE = {"fuse": {"soft": {"saliency_weight": 0.25}}, "infer_cam": {"scales": [1.0]}, "predict": {"flip": False}}
"""What each stage is set to after its shards were made."""


@pytest.mark.parametrize(
    ("stage", "folder"), [("fuse", "data/fused"), ("infer_cam", "data/cam"), ("predict", "data/predictions/deeplab")]
)
def test_shards_are_gathered_only_as_what_the_stage_would_make(pipeline: Workspace, monkeypatch, stage, folder):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", f"stages.{stage}"])
    before, params = pipeline.artifacts(), copy.deepcopy(pipeline.params[stage])
    for shard in ("2/2", "1/2"):
        assert pipeline.try_stage(stage, WSSS_SHARD=shard).exit_code == 0
    pipeline.set(**{stage: ELSE[stage]})
    message = error_message(pipeline.invoke(main, "gather"), code=1)
    assert f"the shards of {folder} in " in message
    assert "were made with other parameters than it has now" in message
    assert pipeline.artifacts() == before
    pipeline.set(**{stage: params})
    assert pipeline.invoke(main, "gather", folder).exit_code == 0
    assert pipeline.artifacts() == before
