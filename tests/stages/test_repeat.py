"""The same input and seed give the same bytes, also after a kill."""

import pytest
from workspace import LABEL_STAGES, Killed, killer, replace_writer

from wsss_core import artifacts, layout
from wsss_core.training import loop

PER_IMAGE = {
    "infer_cam": ("write_scores", layout.CAMS),
    "cam_crf": ("write_labels", layout.CAM_CRF),
    "affinity_labels": ("write_labels", layout.AFFINITY_LABELS),
    "random_walk": ("write_scores", layout.RANDOM_WALK),
    "saliency": ("write_grey", layout.SALIENCY),
    "fuse": ("write_labels", layout.FUSED),
    "refine_crf": ("write_labels", layout.PSEUDO_LABELS),
}
"""Stage -> the function that ends its work on an image, and its folder."""
TRAININGS = {"train_cam": "cam", "train_affinity": "affinity", "train_deeplab": "deeplab"}
NUM_TRAIN = 6


@pytest.mark.parametrize("stage", [*PER_IMAGE, *TRAININGS, "prepare", "predict", "evaluate"])
def test_a_second_run_gives_the_same_bytes(finished, pipeline, stage):
    pipeline.run(stage)
    assert pipeline.artifacts() == finished.artifacts()


@pytest.mark.parametrize("stage", ["affinity_labels", "refine_crf"])
def test_worker_processes_change_no_byte(finished, pipeline, stage):
    assert pipeline.try_stage(stage, WSSS_WORKERS="2").exit_code == 0
    assert pipeline.artifacts() == finished.artifacts()


def test_models_do_not_depend_on_the_process_that_wrote_them(finished, pipeline, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 4_000_000)
    pipeline.run("train_cam")
    assert pipeline.artifacts() == finished.artifacts()


@pytest.mark.parametrize(("stage", "writes", "folder"), [(s, *where) for s, where in PER_IMAGE.items()])
def test_a_killed_stage_goes_on_with_the_images_it_lacks(finished, pipeline, monkeypatch, stage, writes, folder):
    before = pipeline.artifacts()
    write = getattr(artifacts, writes)
    dying, _ = killer(write, at=3)
    replace_writer(monkeypatch, writes, dying)
    with pytest.raises(Killed):
        pipeline.try_stage(stage)
    assert pipeline.artifacts() == before, "a killed stage must leave its output as it was"

    counting, calls = killer(write, at=-1)
    replace_writer(monkeypatch, writes, counting)
    pipeline.run(stage)
    assert len(calls) == NUM_TRAIN - 2
    assert pipeline.files(str(folder)) == finished.files(str(folder))
    assert not (pipeline.folder / ".wsss").exists()


def test_a_killed_stage_starts_anew_where_a_parameter_has_changed(pipeline, monkeypatch):
    dying, _ = killer(artifacts.write_labels, at=3)
    replace_writer(monkeypatch, "write_labels", dying)
    with pytest.raises(Killed):
        pipeline.try_stage("refine_crf")
    monkeypatch.undo()
    counting, calls = killer(artifacts.write_labels, at=-1)
    replace_writer(monkeypatch, "write_labels", counting)
    pipeline.set(refine_crf={"iterations": pipeline.params["refine_crf"]["iterations"] + 1}).run("refine_crf")
    assert len(calls) == NUM_TRAIN


def test_unfinished_work_may_lie_elsewhere(pipeline, monkeypatch, tmp_path):
    dying, _ = killer(artifacts.write_labels, at=3)
    replace_writer(monkeypatch, "write_labels", dying)
    with pytest.raises(Killed):
        pipeline.try_stage("refine_crf", WSSS_RESUME_DIR=str(tmp_path / "unfinished"))
    assert len(list((tmp_path / "unfinished").rglob("*.png"))) == 2
    assert not (pipeline.folder / ".wsss").exists()


@pytest.mark.parametrize(("stage", "method"), TRAININGS.items())
def test_a_killed_training_goes_on_and_ends_as_if_never_stopped(finished, pipeline, monkeypatch, stage, method):
    before = pipeline.artifacts()
    check = loop._descend  # what every step calls once
    dying, _ = killer(check, at=2)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "_descend", dying)
    with pytest.raises(Killed):
        pipeline.try_stage(stage)
    assert pipeline.artifacts() == before, "a killed training must leave its model as it was"
    assert list((pipeline.folder / ".wsss").rglob("checkpoint.pt"))

    counting, calls = killer(check, at=-1)
    monkeypatch.setattr(loop, "_descend", counting)
    pipeline.run(stage)
    assert len(calls) == 1, "the second of two steps is all that is left"
    assert pipeline.files(f"models/{method}") == finished.files(f"models/{method}")
    assert not (pipeline.folder / ".wsss").exists()


def test_masks_have_no_part_in_the_pseudo_labels(finished, pipeline):
    for mask in (pipeline.folder / "data/raw/scenes_tiny/SegmentationClass").iterdir():
        mask.unlink()
    pipeline.run(*LABEL_STAGES, "train_deeplab", "predict")
    assert pipeline.artifacts() == finished.artifacts()
