"""The graphs of RRM and AA&LR again: the same input and seed give the same bytes, after a kill and without masks."""

import shutil

import pytest
from workspace import Killed, killer, run_graph

from wsss_core import artifacts, registry
from wsss_core.training import loop

every_method = pytest.mark.parametrize("method", registry.names("recipe"))


@every_method
def test_a_second_run_gives_the_same_bytes(joint_finished, joint, method):
    run_graph(joint, method, without=("report",))
    assert joint.artifacts() == joint_finished.artifacts()


@every_method
def test_the_same_run_gives_the_same_page(joint, method):
    first, again = (joint.run_with("report", "--method", method).files("reports") for _ in range(2))
    assert first == again


@every_method
def test_masks_have_no_part_in_training_labels_and_predictions(joint_finished, joint, method):
    shutil.rmtree(joint.folder / "data/raw/scenes_tiny/SegmentationClass")
    for path in [path for folder in ("models", "data/*") for path in joint.folder.glob(f"{folder}/{method}*")]:
        shutil.rmtree(path)
    run_graph(joint, method, without=("evaluate", "report"))
    assert joint.artifacts() == joint_finished.artifacts()


def test_another_seed_gives_another_model(joint_finished, joint):
    joint.set(seed=1).run_with("train_joint", "--method", "aalr")
    assert joint.files("models/aalr") != joint_finished.files("models/aalr")


@pytest.mark.parametrize("method", ["rrm", "aalr"])
def test_a_killed_training_goes_on_and_ends_as_if_never_stopped(joint_finished, joint, monkeypatch, method):
    before, check, write = joint.artifacts(), loop._descend, artifacts.write_labels
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "_descend", killer(check, at=2)[0])
    with pytest.raises(Killed):
        joint.try_stage("train_joint", "--method", method)
    assert joint.artifacts() == before, "a killed training leaves model and snapshots as they were"

    counting, steps = killer(check, at=-1)
    drawing, drawn = killer(write, at=-1)
    monkeypatch.setattr(loop, "_descend", counting)
    monkeypatch.setattr(artifacts, "write_labels", drawing)
    joint.run_with("train_joint", "--method", method)
    assert len(steps) == 1, "the second of two steps is all that is left"
    assert [image_id for _, image_id, _ in drawn] == ["train_00001", "train_00004"], "the first moment's were kept"
    assert joint.artifacts() == joint_finished.artifacts()
    assert not (joint.folder / ".wsss").exists()


@pytest.mark.parametrize(
    ("method", "change"),
    [("ssnet", {"saliency_loss": "linear_bg"}), ("auxsegnet", {"weights": {"saliency": 0.5}})],
)
def test_a_killed_round_starts_anew_under_another_loss(joint, monkeypatch, method, change):
    check = loop._descend
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "_descend", killer(check, at=2)[0])
    with pytest.raises(Killed):
        joint.try_stage("train_joint", "--method", method, "--round", "1")
    counting, steps = killer(check, at=-1)
    monkeypatch.setattr(loop, "_descend", counting)
    joint.set(**{method: change}).run_with("train_joint", "--method", method, "--round", "1")
    history = joint.folder / f"reports/history/{method}_round_1.tsv"
    assert len(steps) == len(history.read_text(encoding="utf-8").splitlines()) - 1, "no step of the old loss is kept"


def test_a_training_killed_among_its_snapshots_ends_as_if_never_stopped(joint_finished, joint, monkeypatch):
    monkeypatch.setattr(artifacts, "write_labels", killer(artifacts.write_labels, at=2)[0])
    with pytest.raises(Killed):
        joint.try_stage("train_joint", "--method", "rrm")
    monkeypatch.undo()
    joint.run_with("train_joint", "--method", "rrm")
    assert joint.artifacts() == joint_finished.artifacts()


def test_moments_of_an_earlier_setting_do_not_linger(joint):
    joint.set(aalr={"moments": {"at": [1.0], "num_images": 1}}).run_with("train_joint", "--method", "aalr")
    made = set(joint.files("data/snapshots/aalr"))
    assert made == {"step_2/train_00003.png", "manifest.json"}
