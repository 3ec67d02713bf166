"""Data sets of every layout through all stages: odd names, nested folders, no masks, extreme sizes."""

import csv
import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image
from workspace import STAGES, Workspace

from wsss_core import artifacts, layout, voc
from wsss_core.data.index import Index
from wsss_core.ops.fusion import RULES

SCENES = "data/raw/scenes_tiny"
ODD_NAMES = (
    "a photo", "v1.2.final", "été", "日本 の.写真", "deep er/Straße.1", "deep er/x", "z&b#c%20", "'quoted'", "-n",
)  # fmt: skip
"""For the nine scenes of both splits, in order."""


def as_folder(finished: Workspace, workspace: Workspace, names: dict[str, str]) -> Workspace:
    """The finished run's scenes as images, masks and a CSV; `names` renames them."""
    source, target = finished.folder / SCENES, workspace.folder / "mine"
    split_of = {image_id: split for split in ("train", "val") for image_id in splits(finished)[split]}
    with (source / "image_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for folder, kind in (("JPEGImages", "images"), ("SegmentationClass", "masks")):
            path = target / kind / f"{names[row['image']]}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / folder / f"{row['image']}.png", path)
    with (target / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [(names[row["image"]], row["labels"], split_of[row["image"]]) for row in rows]
        csv.writer(file).writerows([("image", "labels", "split"), *lines])
    classes = (source / "classes.txt").read_text().split()
    return workspace.set(dataset={"format": "folder", "root": "mine", "classes": classes})


def splits(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    return Index.open(workspace.folder / layout.INDEX).splits


def test_a_voc_data_set_has_the_index_of_the_same_scenes(finished, pipeline):
    pipeline.set(dataset={"format": "voc"}).run("prepare")
    ours, theirs = (json.loads((w.folder / layout.INDEX).read_text()) for w in (pipeline, finished))
    assert (ours.pop("format"), theirs.pop("format")) == ("voc", "scenes")
    assert ours.pop("digest") != theirs.pop("digest")
    assert ours == theirs


def test_a_folder_with_a_csv_gives_the_artifacts_of_the_same_voc_data_set(finished, workspace):
    same_names = {image_id: image_id for ids in splits(finished).values() for image_id in ids}
    as_folder(finished, workspace, same_names).run(*STAGES)
    ours, theirs = workspace.artifacts(), finished.artifacts()
    differing = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    of_index = {layout.INDEX.as_posix(), (layout.INDEX.parent / artifacts.MANIFEST).as_posix()}
    assert differing <= {*of_index, "reports/report.html"}, "these show the format and the root"


def test_odd_names_in_nested_folders_go_through_all_stages(finished, workspace):
    everyone = [image_id for split in ("train", "val") for image_id in splits(finished)[split]]
    names = dict(zip(everyone, ODD_NAMES, strict=True))
    as_folder(finished, workspace, names).run(*STAGES)
    train = {f"{names[image_id]}.png" for image_id in splits(finished)["train"]}
    val = {f"{names[image_id]}.png" for image_id in splits(finished)["val"]}
    for folder in (layout.SALIENCY, layout.AFFINITY_LABELS, layout.PSEUDO_LABELS):
        assert set(workspace.files(str(folder))) == {*train, "manifest.json"}
    assert set(workspace.files(str(layout.PREDICTIONS / "deeplab"))) == {*val, "manifest.json"}
    metrics = artifacts.read_json(workspace.folder / layout.METRICS / "pseudo_labels.json")
    assert metrics["num_images"] == len(train)


def test_odd_names_reach_worker_processes(finished, workspace):
    everyone = [image_id for split in ("train", "val") for image_id in splits(finished)[split]]
    as_folder(finished, workspace, dict(zip(everyone, ODD_NAMES, strict=True))).run("prepare")
    assert workspace.try_stage("saliency", WSSS_WORKERS="2").exit_code == 0
    assert len(workspace.files(str(layout.SALIENCY))) == len(splits(finished)["train"]) + 1


def test_without_masks_all_stages_run_and_say_which_figures_are_absent(finished, workspace):
    same_names = {image_id: image_id for ids in splits(finished).values() for image_id in ids}
    as_folder(finished, workspace, same_names)
    shutil.rmtree(workspace.folder / "mine/masks")
    workspace.run(*STAGES)
    for name, split in {"cam": "train", "pseudo_labels": "train", "saliency": "train", "deeplab": "val"}.items():
        metrics = artifacts.read_json(workspace.folder / layout.METRICS / f"{name}.json")
        note = f"no {split} image has a mask: figures are absent"
        del metrics["measured_on"]
        assert metrics == {"split": split, "num_images": 0, "note": note}
    ours, theirs = (w.files(str(layout.PSEUDO_LABELS)) for w in (workspace, finished))
    assert ours == theirs
    for name in ("agreement", "classifier"):  # which need none
        files = (w.folder / layout.METRICS / f"{name}.json" for w in (workspace, finished))
        found, with_masks = ({**artifacts.read_json(path), "measured_on": None} for path in files)
        assert found == with_masks
    page = (workspace.folder / "reports/report.html").read_text(encoding="utf-8")
    assert "No training image has a mask" in page and "What needs no masks" in page and "wsss sheet" in page


def change_masks(workspace: Workspace, split: str, change: np.ndarray) -> None:
    """Write change[value] for every value of the true masks of a split."""
    for path in (workspace.folder / SCENES / "SegmentationClass").glob(f"{split}*.png"):
        mask = np.array(Image.open(path))
        Image.fromarray(change[mask]).save(path)


@pytest.mark.parametrize("split", ["", "train", "val"])
def test_no_figure_is_had_from_masks_without_an_object(pipeline, split):
    change_masks(pipeline, split, np.array([0, *[voc.IGNORE_INDEX] * 255], dtype=np.uint8))
    message = pipeline.refusal("evaluate")
    assert message.startswith(f"no true mask of the {split or 'val and train'} images holds a pixel of a class")
    assert "only 0 (background) and 255 (ignored)" in message
    assert "save objects by the ids of their classes (1 = " in message
    assert "\n" not in message


def test_masks_that_contradict_the_tags_are_told_beside_the_figures(pipeline, caplog):
    count = len(Index.open(pipeline.folder / layout.INDEX).classes)
    ids = np.arange(256, dtype=np.uint8)
    change_masks(pipeline, "", np.concatenate([ids[:1], np.roll(ids[1 : count + 1], 1), ids[count + 1 :]]))
    with caplog.at_level(logging.WARNING):
        pipeline.run("evaluate")
    assert "in the true masks id " in caplog.text
    assert "made under another order of the classes?" in caplog.text


def test_true_masks_that_agree_are_not_talked_about(pipeline, caplog):
    with caplog.at_level(logging.WARNING):
        pipeline.run("evaluate")
    assert caplog.text == ""


def test_a_folder_without_val_images_trains_and_predicts_nothing(finished, workspace):
    same_names = {image_id: image_id for ids in splits(finished).values() for image_id in ids}
    as_folder(finished, workspace, same_names).set(dataset={"val": ""})
    workspace.run(*STAGES)
    assert set(workspace.files(str(layout.PREDICTIONS / "deeplab"))) == {"manifest.json"}
    metrics = artifacts.read_json(workspace.folder / layout.METRICS / "deeplab.json")
    assert metrics["num_images"] == 0


def add_image(workspace: Workspace, name: str, *, height: int, width: int) -> None:
    """A seeded photograph with a bright bar, in both splits of the scenes read as voc, tagged `star`."""
    root = workspace.folder / SCENES
    noise = np.random.default_rng(0).integers(0, 120, (height, width, 3), dtype=np.uint8)
    noise[height // 3 : height // 2 + 1] += 120
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[height // 3 : height // 2 + 1] = 1
    for split in ("train", "val"):
        Image.fromarray(noise).save(root / f"JPEGImages/{split}_{name}.png", compress_level=1)
        Image.fromarray(mask).save(root / f"SegmentationClass/{split}_{name}.png")
        with (root / f"ImageSets/Segmentation/{split}.txt").open("a") as file:
            file.write(f"{split}_{name}\n")
        with (root / "image_labels.csv").open("a") as file:
            file.write(f"{split}_{name},star\n")


def sizes_of_results(workspace: Workspace, name: str) -> set[tuple[int, int]]:
    """(H, W) of every picture that the stages made of an image."""
    folders = (layout.AFFINITY_LABELS, layout.SALIENCY, layout.FUSED, layout.PSEUDO_LABELS, layout.CAM_CRF)
    paths = [folder / f"train_{name}.png" for folder in folders]
    paths.append(layout.PREDICTIONS / "deeplab" / f"val_{name}.png")
    sizes = set()
    for path in paths:
        with Image.open(workspace.folder / path) as picture:
            sizes.add((picture.height, picture.width))
    return sizes


def test_one_pixel_and_a_thin_strip_go_through_all_stages(pipeline):
    pipeline.set(dataset={"format": "voc"})
    add_image(pipeline, "pixel", height=1, width=1)
    add_image(pipeline, "strip", height=20, width=3000)
    pipeline.run(*STAGES)
    assert sizes_of_results(pipeline, "pixel") == {(1, 1)}
    assert sizes_of_results(pipeline, "strip") == {(20, 3000)}


@pytest.mark.parametrize("rule", sorted(RULES.keys() - {"soft"}))
def test_one_pixel_through_every_rule(pipeline, rule):
    pipeline.set(dataset={"format": "voc"}, fuse={"rule": rule})
    add_image(pipeline, "pixel", height=1, width=1)
    pipeline.run("prepare", "infer_cam", "random_walk", "saliency", "fuse", "refine_crf")
    assert "train_pixel.png" in pipeline.files(str(layout.PSEUDO_LABELS))


@pytest.mark.huge
def test_a_photograph_of_twelve_megapixels_goes_through_all_stages(pipeline):
    pipeline.set(dataset={"format": "voc"})
    add_image(pipeline, "large", height=3000, width=4000)
    pipeline.run(*STAGES)
    assert sizes_of_results(pipeline, "large") == {(3000, 4000)}
