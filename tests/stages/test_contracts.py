"""What each stage leaves for the next one, as DESIGN fixes it; on one run of all stages."""

import contextlib
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from workspace import Workspace

from wsss_core import layout, voc
from wsss_core.data.index import Index
from wsss_core.models import trained

SCORE_FOLDERS = {layout.CAMS: False, layout.RANDOM_WALK: True, layout.FUSED: True}
"""Folder of score maps -> whether the background comes first."""
LABEL_FOLDERS = (
    layout.AFFINITY_LABELS, layout.FUSED, layout.PSEUDO_LABELS, layout.CAM_CRF, layout.PREDICTIONS / "deeplab",
)  # fmt: skip
STRIDES = {layout.CAMS: "infer_cam", layout.RANDOM_WALK: "random_walk", layout.FUSED: "fuse"}


@pytest.fixture(scope="module")
def index(finished: Workspace) -> Index:
    return Index.open(finished.folder / layout.INDEX)


def ids_in(folder, index: Index) -> tuple[str, ...]:
    return index.ids("val" if layout.PREDICTIONS in folder.parents else "train")


def test_index_holds_both_splits_tags_sizes_and_digests(index):
    assert [len(index.ids(split)) for split in ("train", "val")] == [6, 3]
    for record in index.records.values():
        assert list(record.tags) == sorted(set(record.tags))
        assert (record.height, record.width) == (64, 80)
        assert re.fullmatch(r"[0-9a-f]{32}", record.digest)


def test_index_names_no_mask(finished, index):
    text = (finished.folder / layout.INDEX).read_text(encoding="utf-8")
    assert "SegmentationClass" not in text
    assert index.supervision == "tags"


@pytest.mark.parametrize("folder", SCORE_FOLDERS, ids=str)
def test_score_maps_have_the_classes_types_and_grid_of_the_contract(finished, index, folder):
    stride = finished.params[STRIDES[folder]]["store_stride"]
    for image_id in index.ids("train"):
        with np.load(finished.folder / folder / f"{image_id}.npz", allow_pickle=False) as content:
            assert set(content) == {"classes", "scores", "size"}
            classes, scores, size = content["classes"], content["scores"], content["size"]
        expected = [voc.BACKGROUND] * SCORE_FOLDERS[folder] + list(index[image_id].tags)
        assert (classes.dtype, classes.tolist()) == (np.uint8, expected)
        assert (size.dtype, size.tolist()) == (np.int32, [64, 80])
        assert (scores.dtype, scores.shape) == (np.float16, (len(expected), -(-64 // stride), -(-80 // stride)))
        assert np.isfinite(scores).all()
        assert scores.min(initial=0) >= 0
        assert scores.max(initial=0) <= 1


@pytest.mark.parametrize("folder", LABEL_FOLDERS, ids=str)
def test_label_maps_are_palette_pictures_of_the_images_own_classes(finished, index, folder):
    for image_id in ids_in(folder, index):
        with Image.open(finished.folder / folder / f"{image_id}.png") as picture:
            assert (picture.mode, picture.size) == ("P", (80, 64))
            assert picture.getpalette() == list(voc.palette())
            labels = np.array(picture)
        predicted = layout.PREDICTIONS in folder.parents  # without a look at the tags
        legal = range(1, len(index.classes) + 1) if predicted else index[image_id].tags
        assert set(np.unique(labels).tolist()) <= {voc.BACKGROUND, *legal, voc.IGNORE_INDEX}


@pytest.mark.parametrize("folder", [layout.PSEUDO_LABELS, layout.CAM_CRF, layout.PREDICTIONS / "deeplab"], ids=str)
def test_decided_label_maps_ignore_no_pixel(finished, index, folder):
    for image_id in ids_in(folder, index):
        with Image.open(finished.folder / folder / f"{image_id}.png") as picture:
            assert voc.IGNORE_INDEX not in np.array(picture)


def test_saliency_maps_are_grey_pictures_as_large_as_the_image(finished, index):
    for image_id in index.ids("train"):
        with Image.open(finished.folder / layout.SALIENCY / f"{image_id}.png") as picture:
            assert (picture.mode, picture.size) == ("L", (80, 64))


@pytest.mark.parametrize("folder", [*SCORE_FOLDERS, *LABEL_FOLDERS, layout.SALIENCY], ids=str)
def test_folders_hold_one_result_an_image_and_a_manifest_that_counts_them(finished, index, folder):
    found = finished.files(str(folder))
    manifest = json.loads(found.pop("manifest.json"))
    assert {name.rpartition(".")[0] for name in found} == set(ids_in(folder, index))
    assert manifest["count"] == len(found)
    assert {"stage", "params", "content"} <= manifest.keys()


@pytest.mark.parametrize("method", ["cam", "affinity", "deeplab"])
def test_models_load_without_pickle_and_say_what_they_are(finished, index, method):
    content = torch.load(finished.folder / layout.MODELS / method / "model.pt", weights_only=True)
    assert (content["method"], tuple(content["classes"])) == (method, index.classes)
    assert content["backbone"]["name"] == finished.params["backbone"]["name"]
    assert content["params"]["epochs"] == 1
    with contextlib.chdir(finished.folder):
        model, _ = trained.load(layout.MODELS / method)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, content["state"][name]), name


@pytest.mark.parametrize("name", ["train_cam", "train_affinity", "deeplab"])
def test_histories_are_tables_of_finite_losses(finished, name):
    header, *rows = (finished.folder / layout.HISTORY / f"{name}.tsv").read_text().splitlines()
    assert header.split("\t")[:2] == ["step", "lr"]
    assert np.isfinite([float(cell) for row in rows for cell in row.split("\t")]).all()
    assert rows


def metrics_of(finished: Workspace, name: str) -> dict:
    def refuse(constant: str):
        raise AssertionError(f"{name}.json holds {constant}, which is no JSON")

    return json.loads((finished.folder / layout.METRICS / f"{name}.json").read_text(), parse_constant=refuse)


@pytest.mark.parametrize("name", ["cam", "cam_crf", "random_walk", "fused", "pseudo_labels", "deeplab"])
def test_metrics_have_the_agreed_keys_and_ranges(finished, index, name):
    metrics = metrics_of(finished, name)
    split = "val" if name == "deeplab" else "train"
    assert (metrics["split"], metrics["num_images"]) == (split, len(index.ids(split)))
    assert metrics["iou"].keys() <= {"background", *index.classes}
    figures = [metrics[key] for key in ("miou", "miou_labelled", "coverage")]
    assert all(0 <= value <= 1 for value in [*figures, *metrics["iou"].values()])
    assert metrics["miou"] == pytest.approx(np.mean(list(metrics["iou"].values())))
    assert ("oracle_threshold" in metrics) == (name == "cam")
    assert 0 <= metrics["miou_low"] <= metrics["miou_high"] <= 1 and 0 <= metrics["boundary_miou"] <= 1
    assert ("ece" in metrics) == (name in ("random_walk", "fused", "pseudo_labels"))


def test_what_needs_no_masks_is_measured_too(finished, index):
    classifier, agreement = metrics_of(finished, "classifier"), metrics_of(finished, "agreement")
    assert (classifier["split"], classifier["num_images"]) == ("val", len(index.ids("val")))
    assert 0 < classifier["map"] <= 1 and 0 <= classifier["f1"] <= 1
    assert list(agreement["labelled"]) == ["cam_crf", "random_walk", "fused", "pseudo_labels"]
    assert len(agreement["agreement"]) == len(agreement["mutual_miou"]) == 3
    header, *rows = (finished.folder / layout.CLASSES / "classifier.csv").read_text().splitlines()
    assert header == "class,images,ap,precision,recall,f1" and len(rows) == len(index.classes)


def test_saliency_metrics_have_their_figures(finished):
    metrics = metrics_of(finished, "saliency")
    assert {"split", "num_images", "max_f", "mae"} <= metrics.keys()


def test_threshold_sweep_is_a_table_whose_best_row_is_the_cams_figure(finished):
    header, *rows = (finished.folder / layout.PLOTS / "cam_thresholds.csv").read_text().splitlines()
    assert header == "threshold,miou"
    best = max(rows, key=lambda row: float(row.split(",")[1]))
    cam = metrics_of(finished, "cam")
    assert [float(cell) for cell in best.split(",")] == pytest.approx([cam["oracle_threshold"], cam["miou"]])


def test_reports_first_page_loads_nothing_and_its_links_lead_to_pages_beside_it(finished):
    page = (finished.folder / layout.REPORTS / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert re.findall(r"""src=["'](?!data:)[^"']*""", page) == []
    links = set(re.findall(r"""href=["'](?!#)([^"']*)""", page))
    assert {name for name in links if not (finished.folder / layout.REPORTS / name).is_file()} == set()
    assert "report/random_walk.html" in links


def test_nothing_unfinished_is_left_behind(finished):
    assert not (finished.folder / ".wsss").exists()
    assert [path for path in finished.folder.rglob(".*") if path.is_file()] == []
