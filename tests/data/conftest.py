"""Small data sets, one for each format; each fixture is where one lies."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from wsss_core import voc
from wsss_core.data.source import Source

HEIGHT, WIDTH = 4, 6


def photo(path: Path, *, height: int = HEIGHT, width: int = WIDTH, grey: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), grey, dtype=np.uint8)).save(path)


def labels(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def change(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def annotation(path: Path, *names: str, part: str = "head") -> None:
    objects = "".join(
        f"<object><name>{name}</name><difficult>1</difficult><part><name>{part}</name></part></object>"
        for name in names
    )
    text(path, f"<annotation><filename>x</filename>{objects}</annotation>")


@pytest.fixture
def write() -> SimpleNamespace:
    """What puts a file of a data set at a path: photo, labels, text, annotation; and change, which edits one."""
    return SimpleNamespace(photo=photo, labels=labels, text=text, change=change, annotation=annotation)


def _source(root: Path, *, format: str, train: str = "train", val: str = "val") -> Source:
    return Source(format, root, classes=None, train=train, val=val, labels=None, images=None, masks=None)


@pytest.fixture
def voc_set(tmp_path: Path) -> Source:
    """train: `a` (dog, person) and `b c.d` (nothing); val: `é` (cat). Tags in XML, a pixel each in the masks."""
    root = tmp_path / "voc"
    for grey, (name, tags) in enumerate({"a": ("person", "dog"), "b c.d": (), "é": ("cat",)}.items()):
        photo(root / "JPEGImages" / f"{name}.jpg", grey=60 * grey)
        annotation(root / "Annotations" / f"{name}.xml", *tags)
        mask = np.zeros((HEIGHT, WIDTH))
        mask[0, : len(tags)] = [1 + voc.CLASSES.index(tag) for tag in tags]
        labels(root / "SegmentationClass" / f"{name}.png", mask)
    text(root / "ImageSets" / "Segmentation" / "train.txt", "a", "b c.d")
    text(root / "ImageSets" / "Segmentation" / "val.txt", "é")
    return _source(root, format="voc")


@pytest.fixture
def folder_set(tmp_path: Path) -> Source:
    """train: `a` (dog), `sub/b c.d` (cat, dog); val: `é` (nothing). Splits in the CSV."""
    root = tmp_path / "folder"
    for grey, name in enumerate(("a.png", "sub/b c.d.jpg", "é.jpeg")):
        photo(root / "images" / name, grey=60 * grey)
    text(root / "labels.csv", "image,labels,split", "a,dog,train", "sub/b c.d.jpg,dog;cat,train", "é,,val")
    return _source(root, format="folder")


@pytest.fixture
def coco_set(tmp_path: Path) -> Source:
    """train: `a` (bird, dog) and `b c.d` (nothing); val: `é` (dog). Categories 3 bird, 7 dog, 90 cat."""
    root = tmp_path / "coco"
    square = [1, 1, 4, 1, 4, 3, 1, 3]  # x 1..3, y 1..2
    train = [(7, [square]), (3, [[0, 0, 1, 0, 1, 1, 0, 1]])]
    _instances(root / "annotations" / "instances_train.json", {"a.jpg": train, "b c.d.jpg": []})
    _instances(root / "annotations" / "instances_val.json", {"é.jpg": [(7, [square])]})
    for grey, name in enumerate(("train/a.jpg", "train/b c.d.jpg", "val/é.jpg")):
        photo(root / "images" / name, grey=60 * grey)
    return _source(root, format="coco", train="annotations/instances_train.json", val="annotations/instances_val.json")


def _instances(path: Path, images: dict[str, list[tuple[int, list]]]) -> None:
    content = {
        "images": [
            {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for number, name in enumerate(images, start=10)
        ],
        "annotations": [
            {"id": 1, "image_id": number, "category_id": category, "segmentation": outline, "iscrowd": 0}
            for number, objects in enumerate(images.values(), start=10)
            for category, outline in objects
        ],
        "categories": [{"id": 90, "name": "cat"}, {"id": 3, "name": "bird"}, {"id": 7, "name": "dog"}],
    }
    text(path, json.dumps(content))


@pytest.fixture(params=["voc_set", "folder_set", "coco_set"])
def any_set(request: pytest.FixtureRequest) -> Source:
    return request.getfixturevalue(request.param)
