"""The graphs of RRM and AA&LR after the default one: what they leave, with what settings, and what without masks."""

import contextlib
import csv
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from workspace import Workspace, run_graph

from wsss_core import artifacts, layout, registry, voc
from wsss_core.cli.main import main
from wsss_core.data.index import Index
from wsss_core.models import trained
from wsss_core.report.text_tables import read_columns

NETWORKS = {"rrm": "rrm", "rrm_two_step": "deeplab", "aalr": "aalr"}
MASKS = "data/raw/scenes_tiny/SegmentationClass"
SHOWN = ("train_00001", "train_00004")
"""The two of six training images that are spread over all."""
TRAINED = ("train_joint", "pseudo_labels", "train_deeplab", "predict")
"""The stages of a graph before the evaluation."""

every_method = pytest.mark.parametrize("method", ["rrm", "aalr"])


@pytest.fixture(scope="module")
def index(joint_finished: Workspace) -> Index:
    return Index.open(joint_finished.folder / layout.INDEX)


def labels_of(workspace: Workspace, folder, image_id: str) -> np.ndarray:
    return artifacts.read_labels(workspace.folder / folder, image_id)


def history_of(workspace: Workspace, method: str) -> dict[str, np.ndarray]:
    columns = read_columns(workspace.folder / layout.HISTORY / f"{method}.tsv")
    return {name: np.array(values) for name, values in columns.items()}


def moments_of(workspace: Workspace, method: str) -> list[list[str]]:
    text = (workspace.folder / layout.PLOTS / f"{method}_labels.csv").read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))


def page(workspace: Workspace, name: str) -> str:
    return (workspace.folder / f"reports/{name}.html").read_text(encoding="utf-8")


# ---- what they leave


@pytest.mark.parametrize(("method", "network"), NETWORKS.items())
def test_models_load_without_pickle_and_say_what_they_are(joint_finished, index, method, network):
    content = torch.load(joint_finished.folder / layout.MODELS / method / "model.pt", weights_only=True)
    assert (content["method"], content["network"]) == (method, network)
    assert tuple(content["classes"]) == index.classes
    section = "train_deeplab" if method == "rrm_two_step" else method
    assert content["params"]["batch"] == joint_finished.params[section]["batch"]
    with contextlib.chdir(joint_finished.folder):
        model, _ = trained.load(layout.MODELS / method)
    assert all(torch.equal(tensor, content["state"][name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("method", NETWORKS)
def test_predictions_are_palette_label_maps_of_every_validation_image(joint_finished, index, method):
    folder = layout.PREDICTIONS / method
    made = {name for name in joint_finished.files(str(folder)) if name.endswith(".png")}
    assert made == {f"{image_id}.png" for image_id in index.ids("val")}
    for image_id in index.ids("val"):
        with Image.open(joint_finished.folder / folder / f"{image_id}.png") as picture:
            assert (picture.mode, picture.size) == ("P", (80, 64))
            assert picture.getpalette() == list(voc.palette())
            assert np.array(picture).max() <= len(index.classes)


def test_pseudo_labels_hold_tags_and_background_and_ignore_nothing(joint_finished, index):
    folder = layout.METHOD_LABELS / "rrm"
    assert json.loads(joint_finished.files(str(folder))["manifest.json"])["count"] == len(index.ids("train"))
    for image_id in index.ids("train"):
        labels = labels_of(joint_finished, folder, image_id)
        assert labels.shape == (64, 80)
        assert set(np.unique(labels).tolist()) <= {voc.BACKGROUND, *index[image_id].tags}


@every_method
def test_snapshots_of_a_few_images_are_kept_at_every_moment(joint_finished, index, method):
    folder = layout.SNAPSHOTS / method
    found = joint_finished.files(str(folder))
    manifest = json.loads(found.pop("manifest.json"))
    assert set(found) == {f"step_{step}/{image_id}.png" for step in (1, 2) for image_id in SHOWN}  # of two steps
    assert manifest["count"] == len(found)
    for name in found:
        step, image_id = name.removesuffix(".png").split("/")
        labels = labels_of(joint_finished, folder / step, image_id)
        assert labels.shape == (64, 80)
        assert set(np.unique(labels).tolist()) <= {voc.BACKGROUND, *index[image_id].tags, voc.IGNORE_INDEX}


SPLITS = {"rrm": "val", "rrm_pseudo_labels": "train", "rrm_two_step": "val", "aalr": "val"}


@pytest.mark.parametrize(("name", "split"), SPLITS.items())
def test_metrics_have_the_agreed_keys_and_ranges(joint_finished, index, name, split):
    metrics = artifacts.read_json(joint_finished.folder / layout.METRICS / f"{name}.json")
    assert (metrics["split"], metrics["num_images"]) == (split, len(index.ids(split)))
    assert metrics["iou"].keys() <= {"background", *index.classes}
    assert metrics["coverage"] == 1
    assert all(0 <= value <= 1 for value in [metrics["miou"], metrics["miou_labelled"], *metrics["iou"].values()])
    assert metrics["miou"] == pytest.approx(np.mean(list(metrics["iou"].values())))
    assert (joint_finished.folder / layout.CONFUSION / f"{name}.csv").is_file()


@every_method
def test_the_quality_of_the_labels_on_the_way_is_a_table_over_the_moments(joint_finished, method):
    header, *rows = moments_of(joint_finished, method)
    assert header == ["step", "miou_labelled", "right", "coverage"]
    assert [row[0] for row in rows] == ["1", "2"]
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row[1:])


TERMS = {
    "rrm": ["tags", "background", "foreground", "energy"],
    "aalr": ["tags", "background", "foreground", "attract", "repel", "reassign"],
}


@every_method
def test_histories_hold_each_term_with_and_without_its_weight_and_the_shares(joint_finished, method):
    history, p = history_of(joint_finished, method), joint_finished.params[method]
    shares = {name for name in history if name.endswith("_share")}
    assert shares == {"reliable_share"} | ({"reassigned_share"} if method == "aalr" else set())
    assert set(history) == {"step", "lr", *TERMS[method], *(f"{term}_raw" for term in TERMS[method]), *shares}
    assert history["step"].tolist() == [1, 2]
    last = {name: values[-1] for name, values in history.items()}
    assert all(math.isfinite(value) for value in last.values())
    assert all(0 <= last[name] <= 1 for name in shares)
    weights = {
        "foreground": p["foreground_weight"],
        "energy": p["energy"]["weight"] * (321 / 64) ** 4,
        "attract": p["adaptive_affinity"]["weight"] if method == "aalr" else None,
        "repel": 2 * p["adaptive_affinity"]["weight"] if method == "aalr" else None,
        "reassign": p["label_reassign"]["weight"] if method == "aalr" else None,
    }  # half-way, all ramps have risen
    for term in TERMS[method]:
        assert last[term] == pytest.approx(weights.get(term, 1) * last[f"{term}_raw"], rel=1e-4)


def test_a_term_whose_ramp_has_not_begun_is_absent_and_one_that_rises_starts_at_0(joint_finished):
    history = history_of(joint_finished, "aalr")
    assert np.isnan(history["reassign"][0])
    assert (history["attract"][0], history["repel"][0]) == (0, 0)
    assert history["repel_raw"][0] > 0


@pytest.mark.parametrize(("method", "pictures"), [("rrm", 2 * 5 + 2 * 4), ("aalr", 2 * 4 + 2 * 3)])
def test_the_page_is_one_file_that_loads_nothing(joint_finished, method, pictures):
    text = page(joint_finished, method)
    assert text.lstrip().lower().startswith("<!doctype html>")
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']*)["']""", text)
    assert set(outside) <= {f"{name}.html" for name in ("report", *registry.names("recipe"))}
    assert text.count("<img") == pictures
    for title in ("Step 1", "Step 2", "Labels that the network made for itself"):
        assert title in text


def test_nothing_unfinished_is_left_behind(joint_finished):
    assert not (joint_finished.folder / ".wsss").exists()
    assert [path for path in joint_finished.folder.rglob(".*") if path.is_file()] == []


def test_the_users_photographs_are_segmented_by_the_same_network(joint):
    result = joint.invoke(main, "predict", "models/aalr", "data/raw/scenes_tiny/JPEGImages/val_00000.png", "--out", "o")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(
        labels_of(joint, "o", "val_00000"), labels_of(joint, layout.PREDICTIONS / "aalr", "val_00000")
    )


# ---- settings


@every_method
def test_schedule_init_needs_no_cam_network_and_starts_with_the_tags_alone(pipeline, method):
    shutil.rmtree(pipeline.folder / "models/cam")
    p = pipeline.set(**{method: {"schedule": "init"}}).section(method)
    pipeline.run_with("train_joint", "--method", method).run_with("predict", "--method", method)
    history = history_of(pipeline, method)
    alone = {name for name, values in history.items() if math.isfinite(values[0])}
    assert alone == {"step", "lr", "tags", "tags_raw"}
    assert math.isfinite(history["foreground"][1])
    assert history["lr"].tolist() == pytest.approx([p.classification_phase.lr, p.optimizer.lr])
    assert set(pipeline.files(f"data/snapshots/{method}")) > {f"step_1/{SHOWN[0]}.png", f"step_2/{SHOWN[1]}.png"}


def test_labels_may_come_from_pamr(joint_finished, joint, index):
    small = {"pamr": {"iterations": 2, "dilations": [1, 2]}}
    joint.set(aalr={"label_source": "pamr", **small}).run_with("train_joint", "--method", "aalr")
    assert joint.files("data/snapshots/aalr") != joint_finished.files("data/snapshots/aalr")
    for image_id in SHOWN:
        labels = set(np.unique(labels_of(joint, layout.SNAPSHOTS / "aalr/step_2", image_id)).tolist())
        assert labels <= {voc.BACKGROUND, *index[image_id].tags, voc.IGNORE_INDEX}


@pytest.mark.parametrize("variant", ["hard", "soft", "embed", "corrected_only"])
def test_running_centres_are_part_of_the_model_which_then_predicts(joint, variant):
    changes = {"label_reassign": {"variant": variant, "bank_momentum": 0.9, "ramp": {"start": 0.0, "length": 0.0}}}
    joint.set(aalr=changes).run_with("train_joint", "--method", "aalr").run_with("predict", "--method", "aalr")
    model, _ = trained.load(joint.folder / "models/aalr")
    lengths = model.centres.norm(dim=1)
    assert lengths[voc.BACKGROUND] == 0  # each image has its own
    assert lengths[1:].any()
    assert math.isfinite(history_of(joint, "aalr")["reassign"][-1])


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_half_the_bits_are_enough_to_train(pipeline, precision):
    result = pipeline.try_stage("train_joint", "--method", "aalr", WSSS_PRECISION=precision)
    assert result.exit_code == 0, result.exception
    assert math.isfinite(history_of(pipeline, "aalr")["reassign"][-1])


@every_method
def test_the_rate_of_schedule_init_turns_at_the_step_at_which_the_losses_do(pipeline, method):
    p = pipeline.set(**{method: {"schedule": "init", "epochs": 3.4}}).section(method)
    pipeline.run_with("train_joint", "--method", method)
    history = history_of(pipeline, method)
    assert len(history["step"]) == 5
    alone = int(np.isnan(history["foreground"]).sum())
    assert alone == 3  # steps 0, 1 and 2 of five lie in the first half
    assert history["lr"][0] == pytest.approx(p.classification_phase.lr)
    assert history["lr"][alone] == pytest.approx(p.optimizer.lr)  # of step 3, the first of all losses


@every_method
def test_a_network_that_is_sure_of_nothing_trains_without_labels(joint, method):
    joint.set(**{method: {"labels": {"keep": 0.0, "background_threshold": 1.0}}})
    run_graph(joint, method, without=("pseudo_labels", "train_deeplab"))
    last = {name: values[-1] for name, values in history_of(joint, method).items()}
    assert (last["reliable_share"], last["background"], last["foreground"]) == (0, 0, 0)
    assert math.isfinite(last["tags"])
    assert [float(row[3]) for row in moments_of(joint, method)[1:]] == [0, 0]
    assert "Labels that the network made for itself" in page(joint, method)


@every_method
def test_terms_of_no_weight_are_left_out(joint, method):
    off = {"energy": {"weight": 0.0}}
    if method == "aalr":
        off |= {"adaptive_affinity": {"weight": 0.0}, "label_reassign": {"weight": 0.0}}
    joint.set(**{method: off}).run_with("train_joint", "--method", method)
    three = {"tags", "background", "foreground"}
    assert set(history_of(joint, method)) == {"step", "lr", "reliable_share", *three, *(f"{t}_raw" for t in three)}


# ---- masks


def test_snapshots_are_scored_where_masks_exist(joint):
    lost, kept = SHOWN
    (joint.folder / MASKS / f"{lost}.png").unlink()
    joint.run_with("evaluate", "--method", "rrm")
    mask = labels_of(joint, MASKS, kept)
    for step, row in enumerate(moments_of(joint, "rrm")[1:], start=1):
        labels = labels_of(joint, layout.SNAPSHOTS / f"rrm/step_{step}", kept)
        known = mask != voc.IGNORE_INDEX
        labelled = known & (labels != voc.IGNORE_INDEX)
        assert float(row[2]) == pytest.approx((labels == mask)[labelled].mean())
        assert float(row[3]) == pytest.approx(labelled.sum() / known.sum())


@every_method
def test_without_masks_a_page_shows_pictures_and_says_that_figures_are_absent(joint, method):
    shutil.rmtree(joint.folder / MASKS)
    shutil.rmtree(joint.folder / "reports")
    run_graph(joint, method, without=TRAINED)
    assert moments_of(joint, method) == [["step", "miou_labelled", "right", "coverage"]]
    assert "no val image has a mask" in artifacts.read_json(joint.folder / layout.METRICS / f"{method}.json")["note"]
    text = page(joint, method)
    assert "No training image has a mask" in text
    assert "Labels that the network made for itself" not in text
    assert text.count("<img") == {"rrm": 2 * 4 + 2 * 3, "aalr": 2 * 3 + 2 * 2}[method]


@every_method
def test_a_page_needs_no_artifact_of_the_default_graph(joint, method):
    for folder in ("cam", "affinity_labels", "random_walk", "saliency", "fused", "pseudo_labels/cam_crf",
                   "pseudo_labels/affinitynet", "predictions/deeplab"):  # fmt: skip
        shutil.rmtree(joint.folder / "data" / folder)
    shutil.rmtree(joint.folder / "reports")
    run_graph(joint, method, without=TRAINED)
    assert page(joint, method).count("<img") == {"rrm": 2 * 5 + 2 * 4, "aalr": 2 * 4 + 2 * 3}[method]
