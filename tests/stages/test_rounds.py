"""The graphs of SSNet and AuxSegNet after the default one: what each round leaves, and what it says of bad input."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from workspace import Workspace, run_graph

from wsss_core import artifacts, layout, manifests
from wsss_core.data.index import Index
from wsss_core.models import trained
from wsss_core.report import text_tables

AUX_LABELS = layout.METHOD_LABELS / "auxsegnet"
AUX_SALIENCY = layout.PREDICTED_SALIENCY / "auxsegnet"
SET = "data/raw/scenes_tiny/Saliency"


@pytest.fixture(scope="module")
def index(joint_finished: Workspace) -> Index:
    return Index.open(joint_finished.folder / layout.INDEX)


def metrics_of(workspace: Workspace, name: str) -> dict:
    return json.loads((workspace.folder / layout.METRICS / f"{name}.json").read_text(encoding="utf-8"))


def keep(workspace: Workspace, folder, edit) -> None:
    """Write every PNG below a folder anew, as `edit` makes it of its values."""
    for path in (workspace.folder / folder).rglob("*.png"):
        with Image.open(path) as picture:
            values, palette = np.array(picture), picture.getpalette()
        path.unlink()
        changed = Image.fromarray(edit(values))
        if palette:
            changed.putpalette(palette)
        changed.save(path)
    if (workspace.folder / folder / artifacts.MANIFEST).exists():
        describe(workspace.folder / folder)


def describe(folder: Path) -> None:
    """Give a stage's folder the manifest of what it holds now."""
    manifest = artifacts.read_json(folder / artifacts.MANIFEST)
    manifests.write(folder, stage=manifest["stage"], params={}, names=manifests.files_of(folder))


# ---- what they leave


@pytest.mark.parametrize(("method", "rounds"), [("ssnet", [1, 2]), ("auxsegnet", [1, 2, 3, 4])])
def test_each_round_keeps_its_network_and_the_last_one_stands_for_the_method(joint_finished, method, rounds):
    folder = joint_finished.folder / layout.MODELS / method
    assert sorted(path.name for path in folder.iterdir()) == [f"round_{number}" for number in rounds]
    last = trained.load(folder / f"round_{rounds[-1]}")[0].state_dict()
    assert all(torch.equal(value, last[name]) for name, value in trained.load(folder)[0].state_dict().items())
    first = trained.load(folder / "round_1")[0].state_dict()
    assert first.keys() != last.keys() or any(not torch.equal(value, last[name]) for name, value in first.items())


def test_round_two_of_auxsegnet_goes_on_from_round_one(joint):
    joint.set(auxsegnet={"optimizer": {"lr": 1e-12, "weight_decay": 0.0}})
    joint.run_with("train_joint", "--method", "auxsegnet", "--round", "2")
    first, second = (
        trained.load(joint.folder / layout.MODELS / f"auxsegnet/round_{number}")[0] for number in (1, 2)
    )
    for (name, before), after in zip(first.named_parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=1e-9, msg=name)


def test_every_round_of_auxsegnet_begins_with_the_same_rate(joint_finished):
    histories = [joint_finished.folder / layout.HISTORY / f"auxsegnet_round_{number}.tsv" for number in (1, 2)]
    first, second = (text_tables.read_columns(path)["lr"] for path in histories)
    assert first == second
    assert first[0] > first[-1], "it falls within a round"


def test_labels_of_every_round_have_the_image_s_size_and_its_tags_only(joint_finished, index):
    for number in range(5):
        for image_id in index.ids("train"):
            labels = artifacts.read_labels(joint_finished.folder / AUX_LABELS / f"round_{number}", image_id)
            assert labels.shape == index.size(image_id)
            assert set(np.unique(labels)) <= {0, 255, *index[image_id].tags}


def test_saliency_maps_of_rounds_and_of_validation_images_are_grey_and_full_size(joint_finished, index):
    folders = {AUX_SALIENCY / f"round_{number}": "train" for number in (1, 2, 3, 4)}
    folders |= {layout.PREDICTED_SALIENCY / method / "val": "val" for method in ("ssnet", "auxsegnet")}
    for folder, split in folders.items():
        for image_id in index.ids(split):
            assert artifacts.read_grey(joint_finished.folder / folder, image_id).shape == index.size(image_id)


def test_pseudo_labels_of_ssnet_hold_the_tags_only_and_no_ignored_pixel(joint_finished, index):
    for image_id in index.ids("train"):
        labels = artifacts.read_labels(joint_finished.folder / layout.METHOD_LABELS / "ssnet", image_id)
        assert set(np.unique(labels)) <= {0, *index[image_id].tags}


def test_every_round_and_both_tasks_are_scored(joint_finished):
    for number in range(5):
        assert metrics_of(joint_finished, f"auxsegnet_rounds/round_{number}")["split"] == "train"
    for method in ("ssnet", "auxsegnet"):
        assert metrics_of(joint_finished, method)["split"] == "val"
        saliency = metrics_of(joint_finished, f"{method}_saliency")
        assert saliency["split"] == "val" and saliency["num_images"] == 3
        assert 0 <= saliency["max_f"] <= 1 and 0 <= saliency["mae"] <= 1
        curve = (joint_finished.folder / layout.PLOTS / f"{method}_saliency_curve.csv").read_text().splitlines()
        assert len(curve) == 257
    assert {metrics_of(joint_finished, name)["split"] for name in ("ssnet_round_1", "ssnet_pseudo_labels")} == {
        "val", "train",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["ssnet", "auxsegnet"])
def test_the_page_shows_both_tasks_and_every_round(joint_finished, method):
    text = (joint_finished.folder / f"reports/{method}.html").read_text(encoding="utf-8")
    titles = {
        "ssnet": ("SSNet, step 1", "Saliency", "Pseudo-labels"),
        "auxsegnet": ("AuxSegNet, labels after round 4", "Labels 0", "Labels 4", "Saliency 4", "Its shared affinity"),
    }
    assert all(title in text for title in titles[method])


def test_after_rounds_were_removed_the_network_of_the_last_one_left_is_taken(joint):
    del joint.params["auxsegnet"]["rounds"]["4"], joint.params["auxsegnet"]["rounds"]["3"]
    joint.set()
    assert (joint.folder / layout.MODELS / "auxsegnet/round_4").exists(), "DVC leaves what no stage makes any more"
    own = ("--method", "auxsegnet")
    folders = {
        ("predict", *own): "data/predictions/auxsegnet",
        ("predict_saliency", *own): "data/predicted_saliency/auxsegnet/val",
        ("affinity_maps",): "data/affinity_maps/auxsegnet",
    }
    for command in folders:
        joint.run_with(*command)
    made = {folder: joint.files(folder) for folder in folders.values()}
    shutil.rmtree(joint.folder / layout.MODELS / "auxsegnet/round_4")
    shutil.rmtree(joint.folder / layout.MODELS / "auxsegnet/round_3")
    for command, folder in folders.items():
        joint.run_with(*command)
        assert joint.files(folder) == made[folder], "the others had no part in it"


# ---- tasks left out, as the ablations do


def test_without_the_saliency_task_the_whole_graph_runs_and_says_what_is_absent(joint, caplog):
    joint.set(auxsegnet={"weights": {"saliency": 0.0}})
    run_graph(joint, "auxsegnet")
    assert metrics_of(joint, "auxsegnet")["split"] == "val"
    saliency = metrics_of(joint, "auxsegnet_saliency")
    assert saliency["num_images"] == 0 and "trained without saliency" in saliency["note"]
    assert list(joint.files(AUX_SALIENCY.as_posix() + "/val")) == [artifacts.MANIFEST]
    assert "trained without saliency: the maps of before round 1 stay as they are" in caplog.text
    first, last = (joint.files(folder.as_posix()) for folder in (layout.SALIENCY, AUX_SALIENCY / "round_4"))
    assert first["train_00002.png"] == last["train_00002.png"]
    page = (joint.folder / "reports/auxsegnet.html").read_text(encoding="utf-8")
    assert "Its segmentation affinity" in page and "Its saliency affinity" not in page


def test_without_an_affinity_the_whole_graph_runs_and_the_page_shows_none(joint):
    joint.set(auxsegnet={"affinity": "none"})
    run_graph(joint, "auxsegnet")
    assert metrics_of(joint, "auxsegnet_saliency")["num_images"] == 3
    page = (joint.folder / "reports/auxsegnet.html").read_text(encoding="utf-8")
    assert "Labels 4" in page and "affinity</" not in page


def test_every_task_but_segmentation_can_be_left_out_at_once(joint):
    joint.set(auxsegnet={"weights": {"tags": 0.0, "saliency": 0.0}, "affinity": "none"})
    run_graph(joint, "auxsegnet")
    assert metrics_of(joint, "auxsegnet")["split"] == "val"


# ---- bad input


@pytest.mark.parametrize(("method", "options"), [("ssnet", ()), ("auxsegnet", ()), ("rrm", ("--round", "1"))])
def test_a_round_is_named_where_there_are_rounds_and_only_there(joint, method, options):
    assert "--round" in joint.refusal("train_joint", "--method", method, *options, code=2)


def test_a_round_0_is_not_taken_for_the_last_one(joint):
    message = joint.refusal("predict", "--method", "auxsegnet", "--round", "0")
    assert "models/auxsegnet/round_0/model.pt is missing" in message and "pipelines/auxsegnet/dvc.yaml" in message


@pytest.mark.parametrize("method", ["ssnet", "auxsegnet"])
def test_a_round_that_does_not_exist(joint, method):
    assert "has no round 7" in joint.refusal("train_joint", "--method", method, "--round", "7")


def test_rounds_that_do_not_follow_each_other(joint):
    joint.set(auxsegnet={"rounds": {"2": {"before": 0}}})
    assert "auxsegnet.rounds: each round's `before`" in joint.refusal("prepare", code=2)


def test_a_saliency_set_with_one_folder_only(joint):
    joint.set(ssnet={"saliency_set": {"masks": None}})
    assert "both folders" in joint.refusal("prepare", code=2)


def test_a_saliency_set_that_is_not_there(joint):
    joint.set(ssnet={"saliency_set": {"images": "nowhere"}})
    message = joint.refusal("train_joint", "--method", "ssnet", "--round", "1")
    assert message == "nowhere holds no images; correct `saliency_set`, which names it"


def test_saliency_masks_that_are_missing_are_counted_and_named(joint):
    (joint.folder / SET / "Mask/saliency_00001.png").unlink()
    message = joint.refusal("train_joint", "--method", "ssnet", "--round", "1")
    assert "lacks the masks of 1 of 3 photographs (saliency_00001)" in message


def test_saliency_masks_of_another_size(joint):
    keep(joint, f"{SET}/Mask", lambda values: values[:-2])
    message = joint.refusal("train_joint", "--method", "ssnet", "--round", "1")
    assert "is 62x80, the photograph 64x80 (height x width); scale the mask" in message


def test_saliency_masks_that_are_inverted(joint):
    keep(joint, f"{SET}/Mask", lambda values: 255 - values)
    assert "they look inverted" in joint.refusal("train_joint", "--method", "ssnet", "--round", "1")


def test_saliency_masks_that_are_empty(joint):
    keep(joint, f"{SET}/Mask", np.zeros_like)
    assert "has a salient pixel" in joint.refusal("train_joint", "--method", "ssnet", "--round", "1")


def test_grey_saliency_masks_are_cut_and_counted(joint, caplog):
    keep(joint, f"{SET}/Mask", lambda values: np.where(values > 0, 255, 40).astype(np.uint8))
    before = joint.files("models/ssnet/round_1")["model.pt"]
    joint.run_with("train_joint", "--method", "ssnet", "--round", "1")
    assert "3 of 3 saliency masks are not binary" in caplog.text
    first, again = (torch.load(path, weights_only=True)["state"] for path in _written(joint, before))
    assert all(torch.equal(value, again[name]) for name, value in first.items()), "grey below 128 is not salient"


def _written(joint, before: bytes):
    old = joint.folder / "before.pt"
    old.write_bytes(before)
    return old, joint.folder / "models/ssnet/round_1/model.pt"


def test_without_a_saliency_set_the_maps_of_the_saliency_stage_are_learnt(joint):
    joint.set(ssnet={"saliency_set": {"images": None, "masks": None}})
    before = joint.files("models/ssnet/round_1")
    joint.run_with("train_joint", "--method", "ssnet", "--round", "1")
    assert joint.files("models/ssnet/round_1") != before
    page = (joint.run_with("report", "--method", "ssnet").folder / "reports/ssnet.html").read_text(encoding="utf-8")
    assert "SSNet learnt saliency from maps of the detector rbd instead of masks" in page


def test_saliency_maps_that_say_nothing_are_counted(joint, caplog):
    keep(joint, layout.SALIENCY, np.zeros_like)
    joint.run("first_labels")
    assert "6 of 6 saliency maps are constant, empty or full" in caplog.text


def test_saliency_maps_that_are_missing_are_named(joint):
    (joint.folder / layout.SALIENCY / "train_00002.png").unlink()
    assert "data/saliency/train_00002.png is missing" in joint.refusal("first_labels")


def test_labels_of_which_no_pixel_is_labelled(joint):
    keep(joint, AUX_LABELS / "round_0", lambda values: np.full_like(values, 255))
    message = joint.refusal("train_joint", "--method", "auxsegnet", "--round", "1")
    assert "not one pixel is labelled in data/pseudo_labels/auxsegnet/round_0" in message


def test_labels_of_which_one_has_no_pixel_are_counted(joint, caplog):
    path = joint.folder / AUX_LABELS / "round_0/train_00002.png"
    artifacts.write_labels(path.parent, path.stem, np.full((64, 80), 255, np.uint8))
    describe(path.parent)
    joint.run_with("train_joint", "--method", "auxsegnet", "--round", "1")
    assert "1 of 6 label maps in data/pseudo_labels/auxsegnet/round_0 have no labelled pixel" in caplog.text


@pytest.mark.parametrize("method", ["ssnet", "auxsegnet"])
def test_masks_have_no_part_in_what_they_make(joint_finished, joint, method):
    shutil.rmtree(joint.folder / "data/raw/scenes_tiny/SegmentationClass")
    for path in [p for folder in ("models", "data/pseudo_labels", "data/predictions") for p in
                 (joint.folder / folder).glob(f"{method}*")]:  # fmt: skip
        shutil.rmtree(path)
    run_graph(joint, method, without=("evaluate", "report"))
    for folder in (f"models/{method}", f"data/pseudo_labels/{method}", f"data/predictions/{method}"):
        assert joint.files(folder) == joint_finished.files(folder)
