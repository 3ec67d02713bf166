"""`wsss suggest`: fusion's parameters that suit the masks, from a finished run."""

from workspace import error_message

from wsss_core.cli.main import main


def test_it_says_on_how_many_images_and_changes_nothing(pipeline):
    before = pipeline.artifacts()
    result = pipeline.invoke(main, "suggest")
    assert result.exit_code == 0, result.output
    assert "Labels before the CRF, on 6 training images with a mask:" in result.output
    assert "now:  background_exponent 16.0, saliency_weight 0.2: mIoU " in result.output
    assert pipeline.artifacts() == before


def test_another_rule_is_refused_and_so_is_a_run_that_has_not_been(workspace):
    workspace.run("prepare")
    assert "data/random_walk holds no finished output" in error_message(workspace.invoke(main, "suggest"), code=2)
    workspace.set(fuse={"rule": "oaa"})
    assert "fuse.rule is oaa, and only soft is tried here" in error_message(workspace.invoke(main, "suggest"), code=2)
