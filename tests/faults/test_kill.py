"""A run killed at any moment leaves its output as it was or whole, and the next one ends as if never stopped."""

import pytest
from processes import KILLED, run

from wsss_core import layout

pytestmark = pytest.mark.faults

STAGE = {"result 1": 0, "result 4": 3, "manifest": 6, "record": 7, "old output": 8, "new output": 9}
TRAINING = {"checkpoint 2": 1, "model": 2, "history": 4, "record of a model": 6, "new model": 8}
"""What is about to be renamed -> number of the rename."""


@pytest.mark.parametrize(
    ("stage", "folder", "moment"),
    [
        *(pytest.param("saliency", layout.SALIENCY, at, id=name) for name, at in STAGE.items()),
        *(pytest.param("train_cam", layout.MODELS / "cam", at, id=name) for name, at in TRAINING.items()),
    ],
)
def test_what_is_killed_anywhere_ends_as_if_never_stopped(finished, pipeline, stage, folder, moment):
    before = pipeline.files(str(folder))
    assert run(pipeline, stage, "kill", moment).code == KILLED
    assert pipeline.files(str(folder)) in (before, {}), "nothing in between"
    pipeline.run(stage)
    assert pipeline.artifacts() == finished.artifacts()
    assert not (pipeline.folder / ".wsss").exists()
