"""Data sets of a few generated pictures in the layouts of VOC, COCO and DUTS, for what was made for the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core import voc
from wsss_core.scenes.generator import Scene, scene

NUM_TRAIN, NUM_VAL, NUM_SALIENCY = 4, 2, 3
SIZES = ((66, 97), (125, 64), (65, 80), (64, 128), (77, 65), (64, 70))
"""(H, W) of the pictures, in turn; most sides divide by no stride."""
COCO_NUMBERS = (1, 2, 3, 5, 8, 13, 21, 34)
"""The numbers of its categories: with gaps, as those of COCO."""


def draw_voc(root: Path, *, train: str, val: str) -> None:
    """A devkit's folder: photographs, XML, masks and the lists of two splits."""
    for split, name, count in (("train", train, NUM_TRAIN), ("val", val, NUM_VAL)):
        pictures = {f"2007_{split}_{place}": picture for place, picture in enumerate(_pictures(split, count))}
        _write(root / f"ImageSets/Segmentation/{name}.txt", "\n".join(pictures))
        for image_id, picture in pictures.items():
            _save(root / f"JPEGImages/{image_id}.jpg", picture.image)
            _save(root / f"SegmentationClass/{image_id}.png", picture.mask)
            names = "".join(f"<object><name>{voc.CLASSES[k - 1]}</name></object>" for k in _labels(picture))
            _write(root / f"Annotations/{image_id}.xml", f"<annotation>{names}</annotation>")


def draw_coco(root: Path, *, train: str, val: str) -> None:
    """COCO as it is unpacked: a folder of photographs beside each instances file, one of train without any object."""
    for split, name, count in (("train", train, NUM_TRAIN), ("val", val, NUM_VAL)):
        folder = Path(name).stem.removeprefix("instances_")
        pictures = dict(enumerate(_pictures(split, count), start=9))
        if split == "train":
            pictures[7] = Scene(pictures[9].image, np.zeros_like(pictures[9].mask), ())
        files = {number: f"COCO_{folder}_{number:012d}.jpg" for number in pictures}
        for number, picture in pictures.items():
            _save(root / folder / files[number], picture.image)
        content = {
            "images": [
                {"id": n, "file_name": files[n], "height": len(p.image), "width": len(p.image[0])}
                for n, p in pictures.items()
            ],
            "annotations": [_annotation(n, p, label) for n, p in pictures.items() for label in _labels(p)],
            "categories": [{"id": number, "name": f"category {number}"} for number in COCO_NUMBERS],
        }
        _write(root / name, json.dumps(content))


def draw_saliency(images: Path, masks: Path) -> None:
    """Photographs of other classes, and a mask of what is salient in each."""
    for place, picture in enumerate(_pictures("saliency", NUM_SALIENCY)):
        _save(images / f"{place:04d}.jpg", picture.image)
        _save(masks / f"{place:04d}.png", np.where(picture.mask > 0, 255, 0).astype(np.uint8))


def _pictures(split: str, count: int) -> list[Scene]:
    """The scenes of a split that show something, of all sizes in turn."""
    drawn = (scene(split, place, height=h, width=w, seed=0) for place, (h, w) in enumerate(2 * SIZES))
    return [picture for picture in drawn if picture.labels][:count]


def _labels(picture: Scene) -> list[int]:
    return [label for label in np.unique(picture.mask).tolist() if label]


def _annotation(image: int, picture: Scene, label: int) -> dict:
    """All objects of a class as one, by run lengths down the columns, background first."""
    flat = np.concatenate([[False], (picture.mask == label).T.ravel()])
    turns = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], turns, [flat.size - 1]])).tolist()
    outline = {"counts": counts, "size": list(picture.mask.shape)}
    number = COCO_NUMBERS[label - 1]
    return {"id": 100 * image + label, "image_id": image, "category_id": number, "segmentation": outline, "iscrowd": 0}


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
