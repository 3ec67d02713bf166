"""A run killed at any moment leaves its output as it was or whole, and the next one ends as if never stopped."""

import pytest
from processes import KILLED, run

from wsss_core import layout

pytestmark = pytest.mark.faults

NUM_TRAIN = 6




RESULTS = tuple(f"result {number}" for number in range(1, NUM_TRAIN + 1))
MOMENTS = (*RESULTS, "manifest", "record", "old output", "new output")
"""What a stage renames."""


@pytest.mark.parametrize("moment", range(len(MOMENTS)), ids=MOMENTS)
def test_a_stage_that_is_killed_anywhere_ends_as_if_never_stopped(finished, pipeline, moment):
    before = pipeline.files(str(layout.SALIENCY))
    assert run(pipeline, "saliency", kill=moment).code == KILLED
    found = pipeline.files(str(layout.SALIENCY))
    assert found in (before, {}), "nothing in between"
    assert bool(found) or moment == NUM_TRAIN + 3, "the old output stays until the new one is there"
    assert run(pipeline, "saliency").code == 0
    assert pipeline.artifacts() == finished.artifacts()
    assert not (pipeline.folder / ".wsss").exists()


@pytest.mark.parametrize("moment", range(9))
def test_a_training_that_is_killed_anywhere_ends_as_if_never_stopped(finished, pipeline, moment):
    """Two checkpoints, then model, manifest, history, time and record, and the exchange of the outputs."""
    before = pipeline.files("models/cam")
    assert run(pipeline, "train_cam", kill=moment).code == KILLED
    found = pipeline.files("models/cam")
    assert found in (before, {})
    assert run(pipeline, "train_cam").code == 0
    assert pipeline.artifacts() == finished.artifacts()
    assert not (pipeline.folder / ".wsss").exists()
