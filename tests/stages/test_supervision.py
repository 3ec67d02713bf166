"""I or I+S: what results were taught by passes from the saliency maps to everything that is made with them."""

import json
import shutil

import pytest
from workspace import Workspace

from wsss_core import artifacts, layout, supervision
from wsss_core.data.index import Index


def fill_folder_of_maps(workspace: Workspace) -> None:
    """Each photograph's objects as its map, as if a network had found them."""
    index = Index.open(workspace.folder / layout.INDEX)
    for image_id in index.ids("train"):
        mask = artifacts.read_labels(workspace.folder / "data/raw/scenes_tiny/SegmentationClass", image_id)
        artifacts.write_grey(workspace.folder / "maps", image_id, (mask > 0).astype(float))


@pytest.fixture(scope="module")
def learnt(finished: Workspace, tmp_path_factory) -> Workspace:
    """The finished run made again with maps of a folder, from the saliency stage on."""
    made = finished.copied_to(tmp_path_factory.mktemp("learnt") / "work")
    fill_folder_of_maps(made)
    made.set(saliency={"method": "folder", "folder": "maps"})
    return made.run("saliency", "fuse", "refine_crf", "train_deeplab", "predict", "evaluate", "report")


def manifest_kind(workspace: Workspace, folder) -> str:
    return json.loads((workspace.folder / folder / artifacts.MANIFEST).read_text())["supervision"]


def metrics_kind(workspace: Workspace, name: str) -> str:
    return json.loads((workspace.folder / layout.METRICS / f"{name}.json").read_text())["supervision"]


BEFORE = [layout.CAMS, layout.CAM_CRF, layout.RANDOM_WALK, layout.MODELS / "cam", layout.MODELS / "affinity"]
AFTER = [
    layout.SALIENCY, layout.FUSED, layout.PSEUDO_LABELS, layout.MODELS / "deeplab", layout.PREDICTIONS / "deeplab",
]  # fmt: skip


def test_weight_free_maps_leave_everything_at_image_tags(finished):
    assert {manifest_kind(finished, folder) for folder in [*BEFORE, *AFTER]} == {"I"}
    assert {metrics_kind(finished, name) for name in ("cam", "fused", "saliency", "deeplab")} == {"I"}


def test_maps_of_a_folder_mark_all_that_is_made_with_them_and_nothing_else(learnt):
    assert {manifest_kind(learnt, folder) for folder in BEFORE} == {"I"}
    assert {manifest_kind(learnt, folder) for folder in AFTER} == {"I+S"}
    kinds = {name: metrics_kind(learnt, name) for name in ("cam", "cam_crf", "random_walk")}
    assert set(kinds.values()) == {"I"}
    kinds = {name: metrics_kind(learnt, name) for name in ("saliency", "fused", "pseudo_labels", "deeplab")}
    assert set(kinds.values()) == {"I+S"}


def test_the_report_says_so_and_subtracts_no_figure_of_one_kind_from_one_of_the_other(learnt):
    page = (learnt.folder / "reports/report.html").read_text(encoding="utf-8")
    assert "image tags, and saliency learnt from masks of other pictures (I+S)" in page
    assert "Rows marked I+S learnt saliency from masks of other pictures" in page
    fused = page[page.index("fused with saliency") :].partition("</tr>")[0]
    assert "<td>I+S</td>" in fused
    assert 'class="up"' not in fused and 'class="down"' not in fused


def test_tags_that_masks_had_to_tell_make_everything_supervised_by_masks(workspace):
    workspace.run("prepare")
    root = workspace.folder / workspace.params["dataset"]["root"]
    shutil.rmtree(root / "Annotations", ignore_errors=True)
    (root / "image_labels.csv").unlink(missing_ok=True)
    workspace.set(dataset={"format": "voc"}).run("prepare", "train_cam", "infer_cam")
    folders = [layout.INDEX.parent, layout.MODELS / "cam", layout.CAMS]
    assert {manifest_kind(workspace, folder) for folder in folders} == {"F"}


@pytest.mark.parametrize(
    "fuse", [{"rule": "const_bg"}, {"rule": "soft", "soft": {"saliency_weight": 0.0}}], ids=["const_bg", "no weight"]
)
def test_a_rule_that_reads_no_saliency_leaves_labels_at_image_tags(learnt, tmp_path, fuse):
    made = learnt.copied_to(tmp_path / "work").set(fuse=fuse).run("fuse")
    assert manifest_kind(made, layout.SALIENCY) == "I+S"
    assert manifest_kind(made, layout.FUSED) == "I"


def test_joint_methods_are_marked_by_what_they_learn_from(joint_finished):
    kinds = {name: metrics_kind(joint_finished, name) for name in ("rrm", "aalr", "rrm_two_step", "auxsegnet")}
    assert set(kinds.values()) == {"I"}, "weight-free maps"
    assert metrics_kind(joint_finished, "ssnet") == "I+S", "a set of saliency masks"
    assert manifest_kind(joint_finished, layout.METHOD_LABELS / "ssnet") == "I+S"


def test_auxsegnet_is_marked_from_its_first_labels_on(learnt, tmp_path):
    made = learnt.copied_to(tmp_path / "work").run_with("first_labels").run_with(
        "train_joint", "--method", "auxsegnet", "--round", 1
    )  # fmt: skip
    assert manifest_kind(made, layout.METHOD_LABELS / "auxsegnet/round_0") == "I+S"
    assert manifest_kind(made, layout.MODELS / "auxsegnet/round_1") == "I+S"


def test_networks_and_folders_are_learnt_and_detectors_are_not():
    kinds = {method: supervision.of_saliency(method) for method in ("rbd", "mr", "mbd_plus", "mean")}
    assert set(kinds.values()) == {"I"}
    kinds = {method: supervision.of_saliency(method) for method in ("u2net", "u2netp", "onnx", "folder")}
    assert set(kinds.values()) == {"I+S"}


def test_the_strongest_of_several_kinds_counts():
    assert supervision.strongest() == supervision.strongest("I", "I") == "I"
    assert supervision.strongest("I", "I+S", "I") == "I+S"
    assert supervision.strongest("I+S", "F", "I") == "F"


def test_masks_of_some_images_are_counted_and_add_to_what_else_was_known():
    some = supervision.partly("I", masks=12, images=60)
    assert some == "I+F on 12 of 60 images"
    assert supervision.partly("I+S", masks=12, images=60) == "I+S+F on 12 of 60 images"
    assert supervision.partly("I", masks=0, images=60) == "I"
    assert supervision.partly("I", masks=60, images=60) == supervision.partly("F", masks=1, images=60) == "F"
    assert supervision.strongest(some, "I") == some
    assert supervision.strongest("I+S", some) == "I+S+F on 12 of 60 images"
    assert supervision.strongest(some, "I+F on 3 of 6 images") == "I+F on 3 of 6 images"
    assert supervision.strongest(some, "F") == "F"


def test_kinds_are_sorted_by_how_much_they_know():
    kinds = ["I", "I+S", "I+F on 12 of 60 images", "I+F on 30 of 60 images", "I+S+F on 1 of 60 images", "F"]
    assert sorted(reversed(kinds), key=supervision.strength) == kinds
    assert all(map(supervision.is_known, kinds))
    assert not any(map(supervision.is_known, ["", "S", "I+F", "I+F on 0 of 60 images", "I+F on 1 of 60 images ", None]))
    assert {supervision.without_number(kind) for kind in kinds} == supervision.MEANING.keys()
