"""Two runs at once: both end whole, or one of them is refused in a sentence."""

import time

import pytest
from processes import end, run, start

from wsss_core import layout

pytestmark = pytest.mark.faults

NUM_TRAIN = 6


def test_a_second_run_of_the_same_stage_is_refused_while_the_first_works(finished, pipeline):
    first = start(pipeline, "fuse", pause=1.0)
    while not list(pipeline.folder.glob(".wsss/*/*.lock")):
        time.sleep(0.05)
    refused = run(pipeline, "fuse").told
    assert refused.startswith(f"another run (process {first.pid} on ")
    assert f"is making {layout.FUSED} from the same inputs" in refused
    assert end(first).code == 0
    assert pipeline.files(str(layout.FUSED)) == finished.files(str(layout.FUSED))


def test_two_runs_with_one_resume_folder_and_other_parameters_are_both_whole(finished, pipeline, tmp_path):
    other = pipeline.copied_to(tmp_path / "other").set(fuse={"soft": {"saliency_weight": 0.25}})
    shared = str(tmp_path / "unfinished")
    both = [start(workspace, "fuse", pause=0.3, WSSS_RESUME_DIR=shared) for workspace in (pipeline, other)]
    assert [end(process).code for process in both] == [0, 0]
    assert pipeline.files(str(layout.FUSED)) == finished.files(str(layout.FUSED))
    alone = other.copied_to(tmp_path / "alone").run("fuse")
    assert other.files(str(layout.FUSED)) == alone.files(str(layout.FUSED))
    assert other.files(str(layout.FUSED)) != finished.files(str(layout.FUSED))


def test_a_run_goes_on_where_one_that_was_killed_held_the_journal(finished, pipeline):
    killed = start(pipeline, "fuse", pause=1.0)
    while len(list(pipeline.folder.glob(".wsss/*/*/files/*.png"))) < 2:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert list(pipeline.folder.glob(".wsss/*/*.lock")), "the lock's file outlives a killed run, the lock does not"
    assert run(pipeline, "fuse").code == 0
    assert pipeline.files(str(layout.FUSED)) == finished.files(str(layout.FUSED))
    assert not (pipeline.folder / ".wsss").exists()
