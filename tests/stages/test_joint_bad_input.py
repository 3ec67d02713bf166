"""RRM and AA&LR on odd data, on bad input and with bad parameters: they train, or one sentence says what to do."""

import math
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from workspace import Workspace

from wsss_core import artifacts, layout, registry
from wsss_core.data.index import Index
from wsss_core.methods import two_branch
from wsss_core.report.text_tables import read_columns
from wsss_core.training import loop
from wsss_core.voc import BACKGROUND

SCENES = "data/raw/scenes_tiny"

every_method = pytest.mark.parametrize("method", ["rrm", "aalr"])


def last_of(workspace: Workspace, method: str) -> dict[str, float]:
    """The last row of a history."""
    columns = read_columns(workspace.folder / layout.HISTORY / f"{method}.tsv")
    return {name: values[-1] for name, values in columns.items()}


def snapshot_values(workspace: Workspace, method: str, *, of: set[str]) -> set[int]:
    folder = workspace.folder / layout.SNAPSHOTS / method
    found = [artifacts.read_labels(path.parent, path.stem) for path in folder.rglob("*.png") if path.stem in of]
    assert found
    return {int(value) for labels in found for value in np.unique(labels)}


# ---- odd data


@every_method
def test_images_smaller_than_the_crop_are_trained_on_and_their_padding_is_never_labelled(pipeline, method):
    pipeline.set(**{method: {"augment": {"crop": 128, "scale": [1.0, 1.0]}}})
    pipeline.run_with("train_joint", "--method", method)
    last = last_of(pipeline, method)
    assert all(math.isfinite(value) for value in last.values())
    assert 0 < last["reliable_share"] <= 64 * 80 / 128**2


@every_method
def test_images_without_tags_are_background_to_learn_from(pipeline, method):
    table = pipeline.folder / SCENES / "image_labels.csv"
    header, first, *lines = table.read_text().splitlines()  # a set in which no image has a tag is refused
    table.write_text("\n".join([header, first, *(f"{line.partition(',')[0]}," for line in lines)]) + "\n")
    pipeline.set(dataset={"format": "voc"}).run("prepare").run_with("train_joint", "--method", method)
    assert all(math.isfinite(value) for value in last_of(pipeline, method).values())
    untagged = {line.partition(",")[0].removesuffix(".jpg") for line in lines}
    assert snapshot_values(pipeline, method, of=untagged) == {BACKGROUND}


SIZES = {"dot": (1, 1), "a flat one.v2": (20, 700), "ünïcode/<b>": (37, 23)}


@every_method
def test_photographs_of_odd_sizes_and_names_go_through(workspace, method):
    root = workspace.folder / "photos"
    for place, (name, (height, width)) in enumerate(SIZES.items()):
        path = root / f"images/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (80 * place, 100, 50)).save(path)
    lines = ["image,labels", *(f"{name}.png,cat" for name in SIZES)]
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = {"format": "folder", "root": "photos", "train": "train", "val": "", "labels": "labels.csv"}
    workspace.set(dataset=source, **{method: {"schedule": "init", "moments": {"num_images": 3}}})
    workspace.run("prepare").run_with("train_joint", "--method", method).run_with("predict", "--method", method)
    workspace.run_with("evaluate", "--method", method)
    for name, size in SIZES.items():
        assert artifacts.read_labels(workspace.folder / layout.SNAPSHOTS / method / "step_1", name).shape == size
    if method == "rrm":
        workspace.run_with("pseudo_labels", "--method", "rrm")
        for name, size in SIZES.items():
            assert artifacts.read_labels(workspace.folder / layout.METHOD_LABELS / "rrm", name).shape == size
    else:  # RRM's page wants its second step
        text = (workspace.run_with("report", "--method", method).folder / f"reports/{method}.html").read_text("utf-8")
        assert "ünïcode/&lt;b&gt;" in text
        assert "The validation split is empty" in text


# ---- a loss that is no number


@pytest.fixture
def broken_loss(monkeypatch):
    """The cross entropies, of which the second step's foreground is NaN; undo gives the whole ones back."""
    calls, whole = [], two_branch.balanced_segmentation_loss

    def broken(logits, labels):
        calls.append(labels)
        parts = whole(logits, labels)
        return {**parts, "foreground": parts["foreground"] * math.nan} if len(calls) == 2 else parts

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(two_branch, "balanced_segmentation_loss", broken)
    return monkeypatch


@every_method
@pytest.mark.usefixtures("broken_loss")
def test_a_loss_that_is_no_number_stops_with_its_name_its_step_and_its_images(pipeline, method):
    message = pipeline.refusal("train_joint", "--method", method)
    found = re.match(r"loss foreground is not finite at step 2, images (.*); lower optimizer\.lr", message)
    assert found, message
    named = found[1].split(", ")
    assert len(named) == 4  # a batch
    assert set(named) <= set(Index.open(pipeline.folder / layout.INDEX).ids("train"))
    assert not (pipeline.folder / layout.MODELS / method).exists()
    assert not (pipeline.folder / layout.SNAPSHOTS / method).exists()
    assert list((pipeline.folder / ".wsss").rglob("checkpoint.pt"))


def test_after_a_loss_that_was_no_number_the_training_goes_on_from_its_checkpoint(
    joint_finished, pipeline, broken_loss
):
    pipeline.refusal("train_joint", "--method", "rrm")
    broken_loss.undo()
    pipeline.run_with("train_joint", "--method", "rrm")
    for folder in ("models/rrm", "data/snapshots/rrm"):
        assert pipeline.files(folder) == joint_finished.files(folder)
    history = layout.HISTORY / "rrm.tsv"
    assert (pipeline.folder / history).read_text() == (joint_finished.folder / history).read_text()


def test_a_raw_value_that_is_no_number_stops_nothing_while_its_weight_is_off(pipeline, monkeypatch):
    """A term of no weight is not even computed."""
    monkeypatch.setattr(two_branch, "dense_energy", lambda *args, **kwargs: pytest.fail("computed"))
    pipeline.run_with("train_joint", "--method", "aalr")
    assert "energy_raw" not in last_of(pipeline, "aalr")


# ---- what an earlier stage should have made


@every_method
def test_a_cam_network_that_was_not_trained(pipeline, method):
    shutil.rmtree(pipeline.folder / "models/cam")
    message = pipeline.refusal("train_joint", "--method", method)
    assert message.startswith("models/cam/model.pt is missing; ")
    assert "dvc repro" in message


def test_a_cam_network_of_another_backbone_names_the_key_that_does_without(pipeline):
    pipeline.set(rrm={"backbone": {"name": "resnet10t"}})
    message = pipeline.refusal("train_joint", "--method", "rrm")
    assert "models/cam" in message
    assert "schedule: init" in message


def test_an_image_that_vanished_after_prepare(pipeline):
    (pipeline.folder / SCENES / "JPEGImages/train_00003.png").unlink()
    message = pipeline.refusal("train_joint", "--method", "aalr")
    assert message.startswith(f"{SCENES}/JPEGImages/train_00003.png is gone")


MISSING = [
    (("predict", "--method", "rrm"), "models/rrm"),
    (("pseudo_labels", "--method", "rrm"), "models/rrm"),
    (("evaluate", "--method", "rrm"), "data/predictions/rrm"),
    (("evaluate", "--method", "rrm"), "data/snapshots/rrm"),
    (("evaluate", "--method", "rrm_two_step", "--labels", "rrm"), "data/pseudo_labels/rrm"),
    (("train_deeplab", "--labels", "data/pseudo_labels/rrm", "--method", "rrm_two_step"), "data/pseudo_labels/rrm"),
    (("report", "--method", "rrm"), "data/snapshots/rrm"),
    (("report", "--method", "rrm"), "data/pseudo_labels/rrm"),
]


def without(joint: Workspace, command, missing: str) -> str:
    """The message of a stage that lacks a folder."""
    shutil.rmtree(joint.folder / missing)
    result = joint.try_stage(*command)
    return joint.refusal(*command, code=result.exit_code)


@pytest.mark.parametrize(("command", "missing"), MISSING)
def test_an_artifact_that_was_not_made(joint, command, missing):
    message = without(joint, command, missing)
    assert message.startswith(missing)
    assert "dvc repro" in message


@pytest.mark.parametrize(("command", "missing"), MISSING[2:6])
def test_its_remedy_names_the_methods_graph_and_not_a_stage_of_the_default_one(joint, command, missing):
    assert "dvc repro pipelines/rrm/dvc.yaml" in without(joint, command, missing)


def test_a_network_that_does_not_segment_is_refused(joint):
    message = joint.refusal("predict", "--method", "cam")
    assert "does not segment" in message


def test_metrics_that_were_not_written_are_asked_for(joint):
    shutil.rmtree(joint.folder / "reports")
    message = joint.refusal("report", "--method", "aalr")
    assert "reports/plots/aalr_labels.csv is missing" in message
    assert "dvc repro" in message


@pytest.mark.parametrize("options", [("--method", "rrm"), ("--method", "auxsegnet", "--labels", "rrm"), ()])
def test_labels_of_rounds_are_asked_of_methods_whose_section_lists_rounds_alone(pipeline, options):
    message = pipeline.refusal("evaluate", *options, "--labels-of-rounds", code=2)
    assert "--labels-of-rounds goes with --method auxsegnet, and without --labels" in message


# ---- parameters


def test_a_method_that_nobody_knows(pipeline):
    message = pipeline.refusal("train_joint", "--method", "rmm", code=2)
    assert "'rmm'" in message
    assert all(f"'{name}'" in message for name in registry.names("recipe"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": {"background_exponent_low": 32.0}}, "labels: background_exponent_low must be below"),
        ({"moments": {"at": []}}, "moments.at: "),
        ({"moments": {"at": [0.5, 1.5]}}, "moments.at.1: "),
        ({"moments": {"at": [0.0]}}, "moments.at.0: "),
        ({"moments": {"num_images": 0}}, "moments.num_images: "),
        ({"dropout": 1.0}, "dropout: "),
        ({"schedule": "imagenet"}, "schedule: "),
        ({"classification_phase": {"share": 1.0}}, "classification_phase.share: "),
        ({"class_maps": {"scales": []}}, "class_maps.scales: "),
        ({"energy": {"grad": "approximate"}}, "energy.grad: "),
        ({"energy": {"scale": 0}}, "energy.scale: "),
        ({"labels": {"crf_treshold": 0.5}}, "labels.crf_treshold: unknown key; did you mean `crf_threshold`?"),
    ],
)
@every_method
def test_every_stage_names_what_is_wrong_with_a_methods_section(workspace, method, changes, complaint):
    message = workspace.set(**{method: changes}).refusal("prepare", code=2)
    assert message.splitlines()[0] == "params.yaml has 1 error:"
    assert f"\n  {method}.{complaint}" in message
    assert not (workspace.folder / "data").exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"label_reassign": {"variant": "harder"}}, "label_reassign.variant: "),
        ({"label_reassign": {"varient": "hard"}}, "label_reassign.varient: unknown key; did you mean `variant`?"),
        ({"label_reassign": {"bank_momentum": 1.0}}, "label_reassign.bank_momentum: "),
        ({"label_source": "cam"}, "label_source: "),
        ({"adaptive_affinity": {"radius": 0}}, "adaptive_affinity.radius: "),
        ({"adaptive_affinity": {"ramp": {"start": 1.5}}}, "adaptive_affinity.ramp.start: "),
        ({"adaptive_affinity": {"ramp": {"lenght": 1}}}, "adaptive_affinity.ramp.lenght: unknown key; did you mean "),
        ({"pamr": {"dilations": []}}, "pamr.dilations: "),
    ],
)
def test_every_stage_names_what_is_wrong_with_the_losses_of_aalr(workspace, changes, complaint):
    message = workspace.set(aalr=changes).refusal("prepare", code=2)
    assert message.splitlines()[0] == "params.yaml has 1 error:"
    assert f"\n  aalr.{complaint}" in message


def test_a_key_of_aalr_alone_is_unknown_to_rrm(workspace):
    message = workspace.set(rrm={"label_reassign": {}}).refusal("prepare", code=2)
    assert "rrm.label_reassign: unknown key" in message


def test_a_misspelt_section_of_a_method_is_named(workspace):
    message = workspace.set(rrm_two_steps={}).refusal("prepare", code=2)
    assert "rrm_two_steps: unknown key; did you mean `rrm_two_step`?" in message
