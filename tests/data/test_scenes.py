"""The generated set: the same pixels for ever, the layout readers expect, the difficulties promised."""

import csv
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from wsss_core import voc
from wsss_core.scenes import generator as scenes

SIZE = {"height": 128, "width": 160, "seed": 0}
TINY = {"num_train": 6, "num_val": 3, "num_saliency": 2, "height": 64, "width": 80, "seed": 1}
DEFAULT_DIGEST = "ef09296577685b15b54c57712b05c4fb773802af9cb3e4a05ea3103a65ba44bc"


@pytest.fixture(scope="module")
def train():
    return [scenes.scene("train", index, **SIZE) for index in range(150)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "set"
    scenes.generate(root, **TINY)
    return root


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_default_pixels_never_change():
    digest = hashlib.sha256()
    for split in ("train", "val", "saliency"):
        for index in range(24):
            scene = scenes.scene(split, index, **SIZE)
            digest.update(scene.image.tobytes() + scene.mask.tobytes() + ";".join(scene.labels).encode())
    assert digest.hexdigest() == DEFAULT_DIGEST


def test_tags_name_exactly_the_classes_of_the_mask(train):
    for scene in train:
        ids = [value for value in np.unique(scene.mask) if value != voc.BACKGROUND]
        assert scene.labels == tuple(scenes.CLASSES[value - 1] for value in ids)
        assert all((scene.mask == value).sum() >= 40 for value in ids)


def test_pictures_hold_several_objects_of_several_classes(train):
    counts = np.array([len(scene.labels) for scene in train])
    assert 1.4 < counts.mean() < 1.8
    assert {0, 1, 2, 3} <= set(counts.tolist())
    seen = [label for scene in train for label in scene.labels]
    assert min(seen.count(name) for name in scenes.CLASSES) > 20


def test_objects_share_the_colours_of_the_background(train):
    """Nearest-mean-colour segmentation, told both true means of each picture, still fails on many pixels."""
    wrong = []
    for scene in train:
        inside = scene.mask > 0
        if not inside.any():
            continue
        pixels = scene.image.astype(float)
        to_object, to_background = (
            np.square(pixels - pixels[region].mean(axis=0)).sum(axis=2) for region in (inside, ~inside)
        )
        wrong.append(((to_object < to_background) != inside).mean())
    assert np.mean(wrong) > 0.2


def test_colour_varies_more_inside_an_object_than_across_its_border(train):
    inside_spread, border_step = [], []
    for scene in train:
        inside = scene.mask > 0
        if inside.any() and not inside.all():
            pixels = scene.image.astype(float)
            inside_spread.append(np.sqrt(pixels[inside].var(axis=0).sum()))
            border_step.append(np.linalg.norm(pixels[inside].mean(axis=0) - pixels[~inside].mean(axis=0)))
    assert np.median(inside_spread) > np.median(border_step)


def test_most_pictures_have_a_border_of_background(train):
    frames = [np.concatenate([s.mask[0], s.mask[-1], s.mask[:, 0], s.mask[:, -1]]) for s in train]
    assert np.mean([(frame > 0).any() for frame in frames]) < 0.5
    assert np.mean([(frame > 0).mean() for frame in frames]) < 0.1


def test_a_class_is_seen_on_its_ground_more_often_than_chance(monkeypatch):
    grounds = {"target": [], "star": []}
    background = scenes.scene_textures.background

    def record(rng, kind, height, width):
        painted.append(kind)
        return background(rng, kind, height, width)

    monkeypatch.setattr(scenes.scene_textures, "background", record)
    for index in range(150):
        painted = []
        labels = scenes.scene("train", index, height=64, width=80, seed=0).labels
        for name in set(labels) & set(grounds):
            grounds[name].append(painted[1] == "water")              # painted[0] is the backdrop
    assert np.mean(grounds["target"]) > 1.5 * np.mean(grounds["star"])


def test_saliency_objects_are_of_other_classes():
    assert not set(scenes.SALIENCY) & set(scenes.CLASSES)
    shown = [scenes.scene("saliency", index, **SIZE) for index in range(20)]
    assert all(scene.labels and set(scene.labels) <= set(scenes.SALIENCY) for scene in shown)


def test_the_written_set_reads_back_as_drawn(tiny):
    lists = {s: (tiny / f"ImageSets/Segmentation/{s}.txt").read_text().split() for s in ("train", "val")}
    assert [len(names) for names in lists.values()] == [6, 3]
    with open(tiny / "image_labels.csv", newline="") as file:
        tags = {row["image"]: row["labels"] for row in csv.DictReader(file)}
    assert list(tags) == lists["train"] + lists["val"]
    assert (tiny / "classes.txt").read_text().split() == list(scenes.CLASSES)
    for split, names in lists.items():
        for index, name in enumerate(names):
            scene = scenes.scene(split, index, height=64, width=80, seed=1)
            mask = Image.open(tiny / "SegmentationClass" / f"{name}.png")
            assert mask.mode == "P"
            assert mask.getpalette()[3:6] == [128, 0, 0]
            np.testing.assert_array_equal(np.asarray(mask), scene.mask)
            image = np.asarray(Image.open(tiny / "JPEGImages" / f"{name}.png"))
            np.testing.assert_array_equal(image, scene.image)
            assert tags[name] == ";".join(scene.labels)


def test_saliency_masks_are_binary_and_mark_the_objects(tiny):
    assert len(list((tiny / "Saliency/Image").iterdir())) == 2
    for index in range(2):
        mask = np.asarray(Image.open(tiny / f"Saliency/Mask/saliency_{index:05d}.png"))
        truth = scenes.scene("saliency", index, height=64, width=80, seed=1).mask > 0
        np.testing.assert_array_equal(mask, np.where(truth, 255, 0))


def test_more_pictures_leave_the_first_ones_alone(tiny, tmp_path):
    scenes.generate(tmp_path / "larger", **TINY | {"num_train": 8})
    larger = contents(tmp_path / "larger")
    for path, content in contents(tiny).items():
        if path.suffix == ".png":
            assert larger[path] == content


def test_ensure_keeps_a_set_that_matches_even_without_masks(tiny, tmp_path):
    root = tmp_path / "set"
    scenes.ensure(root, **TINY)
    assert contents(root) == contents(tiny)
    for mask in (root / "SegmentationClass").iterdir():
        mask.unlink()
    scenes.ensure(root, **TINY)
    assert list((root / "SegmentationClass").iterdir()) == []


def test_ensure_makes_a_set_of_another_recipe_anew(tmp_path):
    root = tmp_path / "set"
    scenes.ensure(root, **TINY)
    before = contents(root)
    scenes.ensure(root, **TINY | {"seed": 2})
    assert json.loads((root / "recipe.json").read_text())["seed"] == 2
    assert contents(root) != before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_killed_generation_leaves_no_set_and_is_redone(tmp_path, tiny, monkeypatch):
    root = tmp_path / "set"
    with monkeypatch.context() as patch:
        patch.setattr(scenes, "_write_saliency", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            scenes.ensure(root, **TINY)
    assert not root.exists()
    scenes.ensure(root, **TINY)
    assert contents(root) == contents(tiny)


@pytest.mark.parametrize("foreign", ["photograph.png", "recipe.json"])
def test_a_folder_of_someone_else_is_never_touched(tmp_path, foreign):
    (tmp_path / foreign).write_text("{}")
    with pytest.raises(FileExistsError, match="choose another root"):
        scenes.ensure(tmp_path, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == [foreign]


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"num_train": 0}, "num_train >= 1"), ({"seed": -1}, "seed >= 0"), ({"height": 32}, "at least 64")],
)
def test_impossible_sizes_are_refused_before_anything_is_written(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        scenes.generate(tmp_path / "set", **TINY | changed)
    assert list(tmp_path.iterdir()) == []


def test_a_set_that_was_written_before_the_module_moved_is_still_ours(tmp_path):
    numbers = {"num_train": 1, "num_val": 0, "num_saliency": 0, "height": 64, "width": 64, "seed": 0}
    scenes.generate(tmp_path, **numbers)
    assert json.loads((tmp_path / "recipe.json").read_text())["generator"] == "wsss_core.data.scenes"
