"""What is exported comes back as the same label maps; what a format cannot hold is known."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sets import ALL, random_map, write, write_set

from wsss_core import artifacts, layout
from wsss_core.exchange import format as formats
from wsss_core.exchange.format import Options
from wsss_core.exchange.incoming import import_labels
from wsss_core.exchange.regions import regions_of

OUT = Path("out")


def submit(folder: Path) -> None:
    """As if somebody had opened each of Label Studio's tasks and submitted its prediction."""
    for path in folder.glob("tasks*.json"):
        tasks = json.loads(path.read_text())
        for task in tasks:
            task["annotations"] = task.pop("predictions", task.get("annotations"))
        path.write_text(json.dumps(tasks))


def brought_back(index, name: str, source: Path = OUT, **options) -> dict[str, np.ndarray]:
    submit(OUT)
    imported = import_labels(source, formats.of(name), index, name="mine", ignore_as="ignore", **options)
    return {i: artifacts.read_labels(imported.folder, i) for ids in imported.splits.values() for i in ids}


def without_points(labels: np.ndarray) -> np.ndarray:
    """What YOLO can hold: no region of less than three pixels, the points of a polygon."""
    kept = labels.copy()
    for region in regions_of(labels, whole=False, diagonal=False):
        if region.pixels < 3:
            region.of(kept)[region.mask] = 0
    return kept


OPTIONS = [
    *((name, Options()) for name in ALL if name != "coco"),
    *(("coco", Options(segmentation=how, stuff=stuff)) for how in ("polygons", "rle") for stuff in (False, True)),
    ("folders", Options(palette=True)),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_random_maps_come_back_as_they_were(name, options, rng):
    maps = {f"{part}/a {k}": random_map(rng, *rng.integers(5, 26, 2)) for k, part in enumerate("xyzxyz")}
    index = write_set(maps, val=("z/a 2", "z/a 5"))
    write(index, name, OUT, options=options, ignore_as=None if name == "folders" else "ignore")
    found = brought_back(index, name)
    assert found.keys() == maps.keys()
    for image_id, labels in maps.items():
        kept = labels
        if name == "yolo":
            kept = without_points(np.where(labels == 255, 4, labels))
            kept[kept == 4] = 255
        np.testing.assert_array_equal(found[image_id], kept, err_msg=image_id)


@pytest.mark.parametrize("name", ALL)
def test_a_map_of_background_alone_comes_back(name):
    index = write_set({"a": np.zeros((6, 9), np.uint8), "b": np.ones((6, 9), np.uint8)})
    write(index, name, OUT)
    assert {i: labels.max() for i, labels in brought_back(index, name).items()} == {"a": 0, "b": 1}


@pytest.mark.parametrize("name", sorted({*ALL} - {"folders"}))
def test_ignored_pixels_are_background_where_they_have_no_name(name):
    labels = np.full((6, 9), 255, np.uint8)
    labels[:, :4] = 1
    index = write_set({"a": labels})
    summary = write(index, name, OUT)
    assert (summary.ignored, summary.pixels) == (30, 54)
    np.testing.assert_array_equal(brought_back(index, name)["a"], np.where(labels == 255, 0, labels))


@pytest.mark.parametrize("name", ALL)
def test_a_zip_is_read_as_its_folder(name, rng):
    index = write_set({"a": random_map(rng, 12, 15, ignore=False)})
    write(index, name, OUT, min_area=4)
    before = brought_back(index, name)["a"]
    shutil.make_archive("packed", "zip", OUT)
    np.testing.assert_array_equal(brought_back(index, name, Path("packed.zip"))["a"], before)
    assert zipfile.is_zipfile("packed.zip")


@pytest.mark.parametrize("name", ALL)
def test_small_regions_are_left_out_where_that_is_asked_for(name):
    labels = np.zeros((9, 9), np.uint8)
    labels[0, :3], labels[4:8, 4:8] = 1, 1
    index = write_set({"a": labels})
    summary = write(index, name, OUT, min_area=4)
    if not formats.of(name).WHOLE:
        labels[0] = 0
        assert summary.dropped == [1, 3]
    np.testing.assert_array_equal(brought_back(index, name)["a"], labels)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its own
def test_pycocotools_draws_what_was_exported(rng):
    coco = pytest.importorskip("pycocotools.coco", reason="pip install pycocotools (extra `dev`)")
    maps = {f"a{k}": random_map(rng, *rng.integers(2, 22, 2), ignore=False) for k in range(8)}
    index = write_set(maps)
    for place, (how, stuff) in enumerate((how, stuff) for how in ("polygons", "rle") for stuff in (False, True)):
        out = Path(f"coco_{place}")
        write(index, "coco", out, options=Options(segmentation=how, stuff=stuff))
        (path,) = (out / "annotations").iterdir()
        theirs = coco.COCO(str(path))
        for image in theirs.loadImgs(theirs.getImgIds()):
            drawn = np.zeros((image["height"], image["width"]), np.uint8)
            for annotation in theirs.loadAnns(theirs.getAnnIds(image["id"])):
                mask = theirs.annToMask(annotation).astype(bool)
                assert annotation["area"] == mask.sum()
                rows, columns = np.nonzero(mask)
                box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
                assert annotation["bbox"] == box
                drawn[mask] = annotation["category_id"]
            np.testing.assert_array_equal(drawn, maps[image["file_name"].removesuffix(".png")])


def test_the_least_certain_come_first_everywhere(rng):
    maps = {name: np.zeros((8, 8), np.uint8) for name in "abc"}
    for labels in maps.values():
        labels[2:6, 2:6] = 1
    index = write_set(maps)
    for name, sure in {"a": 0.9, "b": 0.6, "c": 0.75}.items():
        own = np.where(maps[name] == 1, sure, 1 - sure)
        scores = np.stack([1 - own, own])
        artifacts.write_scores(layout.FUSED, name, artifacts.Scores(np.array([0, 1]), scores, (8, 8)))
    for target in ALL:
        write(index, target, Path(target))
        with (Path(target) / "review.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["image"] for row in rows] == ["b.png", "c.png", "a.png"]
        assert [round(float(row["confidence"]), 2) for row in rows] == [0.6, 0.75, 0.9]
        assert (rows[0]["label"], rows[0]["pixels"], rows[0]["x"], rows[0]["width"]) == ("cat", "16", "2", "4")
    content = json.loads(Path("coco/annotations/instances_train.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["b.png", "c.png", "a.png"]
    assert [round(each["score"], 2) for each in content["annotations"]] == [0.6, 0.75, 0.9]
    tasks = json.loads(Path("label-studio/tasks.json").read_text())
    assert [task["data"]["photograph"] for task in tasks] == ["b.png", "c.png", "a.png"]
    assert tasks[0]["predictions"][0]["result"][0]["score"] == pytest.approx(0.6, abs=1e-3)
    rows = [json.loads(line) for line in Path("folders/metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == [f"img_dir/train/{name}.png" for name in "bca"]
    shape = json.loads(Path("labelme/b.json").read_text())["shapes"][0]
    assert shape["description"].startswith("confidence 0.6")
    write(index, "coco", Path("two"), first=2)
    content = json.loads(Path("two/annotations/instances_train.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["b.png", "c.png"]
