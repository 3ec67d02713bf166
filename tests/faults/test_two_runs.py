"""Two runs at once: both end whole, or one of them is refused in a sentence."""

import pytest
from processes import end, start, wait_until

from wsss_core import layout

pytestmark = pytest.mark.faults

FUSED = str(layout.FUSED)


def test_a_second_run_of_the_same_stage_is_refused_while_the_first_works(finished, pipeline):
    first = start(pipeline, "fuse", "wait", 4)
    wait_until(lambda: len(list(pipeline.folder.glob(".wsss/*/*/files/*.png"))) == 2)
    refused = pipeline.refusal("fuse")
    assert refused.startswith(f"another run (process {first.pid} on ")
    assert f"is making {FUSED} from the same inputs" in refused
    (pipeline.folder / "go").touch()
    assert end(first).code == 0
    assert pipeline.files(FUSED) == finished.files(FUSED)


def test_two_runs_with_one_resume_folder_and_other_parameters_are_both_whole(finished, pipeline, tmp_path):
    other = pipeline.copied_to(tmp_path / "other").set(fuse={"soft": {"saliency_weight": 0.25}})
    alone, shared = other.copied_to(tmp_path / "alone").run("fuse"), tmp_path / "unfinished"
    both = [start(workspace, "fuse", "wait", 4, WSSS_RESUME_DIR=str(shared)) for workspace in (pipeline, other)]
    wait_until(lambda: len(list(shared.rglob("*.png"))) == 4)
    for workspace in (pipeline, other):
        (workspace.folder / "go").touch()
    assert [end(process).code for process in both] == [0, 0]
    assert pipeline.files(FUSED) == finished.files(FUSED) != other.files(FUSED) == alone.files(FUSED)


def test_a_run_goes_on_where_one_that_was_killed_held_the_journal(finished, pipeline):
    killed = start(pipeline, "fuse", "wait", 4)
    wait_until(lambda: len(list(pipeline.folder.glob(".wsss/*/*/files/*.png"))) == 2)
    killed.kill()
    end(killed)
    assert list(pipeline.folder.glob(".wsss/*/*.lock")), "the lock's file outlives a killed run, the lock does not"
    assert "2/6" in pipeline.try_stage("fuse").output
    assert pipeline.files(FUSED) == finished.files(FUSED)
    assert not (pipeline.folder / ".wsss").exists()
