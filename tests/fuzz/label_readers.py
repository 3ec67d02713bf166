"""Readers of label maps that annotation tools export."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import mutations
import numpy as np
from PIL import Image
from readers import Reader, as_yaml

from wsss_core.exchange import format as formats
from wsss_core.exchange.format import Sought
from wsss_core.exchange.formats import labelme
from wsss_core.exchange.regions import Region
from wsss_core.exchange.runs import brush_bytes, coco_counts

SIZE = (4, 6)
MASK = np.pad(np.ones((2, 3), dtype=bool), ((1, 1), (1, 2)))
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "height": 4, "width": 6}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "iscrowd": 0,
                     "segmentation": {"size": [4, 6], "counts": coco_counts(MASK)}}],
    "categories": [{"id": 2, "name": "dog"}],
}  # fmt: skip
LABELME = {"shapes": [labelme._shape(Region(1, 1, 1, MASK[1:3, 1:4]), "cat"),
                      {"label": "dog", "shape_type": "polygon", "points": [[0, 0], [3, 0], [3, 3.5]]},
                      {"label": "dog", "shape_type": "rectangle", "points": [[0, 0], [2, 1]]}],
           "imagePath": "a.jpg", "imageHeight": 4, "imageWidth": 6}  # fmt: skip
OF_IMAGE = {"original_width": 6, "original_height": 4}
TASKS = [{"id": 7, "data": {"image": "/upload/1/01abcdef-a.jpg"}, "annotations": [{"updated_at": "2026", "result": [
    {"type": "brushlabels", **OF_IMAGE, "value": {"rle": brush_bytes(MASK), "brushlabels": ["cat"]}},
    {"type": "polygonlabels", **OF_IMAGE, "value": {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["dog"]}},
    {"type": "rectanglelabels", **OF_IMAGE, "value": {"x": 1, "y": 2, "width": 50, "height": 9.5,
                                                      "rectanglelabels": ["dog"]}},
]}]}]  # fmt: skip
YOLO = b"0 0.25 0.375 0.583333 0.375 0.583333 0.625\n1 0.1 0.1 0.2 0.1 0.2 0.9\n"
CONFIG = {"train": "images/train", "names": ["cat", "dog"]}
COLOURS = b"background:0,0,0::\ncat:128,0,0::\ndog:0,128,0::\nignore:1,2,3::\n"


def reading(name: str) -> Callable[[Path], object]:
    """Draws all that a folder holds."""

    def read(folder: Path) -> list[np.ndarray]:
        drawn = formats.of(name).read(folder, Sought(("cat", "dog"), "ignore"))
        return [each.draw(SIZE) for each in drawn]

    return read


def put(*files: tuple[str, bytes]) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        for name, content in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    return prepare




def mask() -> bytes:
    """Grey; 1 where MASK is, 0 elsewhere."""
    file = io.BytesIO()
    Image.fromarray(MASK.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


PNG = ("SegmentationClass/a.png", mask())
LABEL_READERS: dict[str, Reader] = {
    "labels coco": Reader("a.json", mutations.as_json(COCO), reading("coco"), COCO),
    "labels labelme": Reader("a.json", mutations.as_json(LABELME), reading("labelme"), LABELME),
    "labels label-studio": Reader("a.json", mutations.as_json(TASKS), reading("label-studio"), {"tasks": TASKS},
                                  lambda tree: mutations.as_json(tree.get("tasks") if isinstance(tree, dict) else tree),
                                  slow=2),
    "labels yolo": Reader("labels/a.txt", YOLO, reading("yolo"), mutations.cells(YOLO, " "),
                          lambda tree: mutations.as_table(tree, " "), put(("data.yaml", b"names: [cat, dog]"),
                                                                          ("labels/b.txt", b""))),
    "labels yolo's names": Reader("data.yaml", as_yaml(CONFIG), reading("yolo"), CONFIG,
                                  as_yaml, put(("labels/a.txt", YOLO))),
    "labels cvat's colours": Reader("labelmap.txt", COLOURS, reading("cvat-masks"), mutations.cells(COLOURS, ":"),
                                    lambda tree: mutations.as_table(tree, ":"), put(PNG)),
    "labels cvat's masks": Reader(*PNG, reading("cvat-masks"), prepare=put(("labelmap.txt", COLOURS), PNG)),
    "labels folders' names": Reader("id2label.json", b'{"0": "background", "1": "dog"}', reading("folders"),
                                    {"0": "background", "1": "dog"}, prepare=put(("a.png", mask()))),
}  # fmt: skip
"""By the names that a table of outcomes gives them."""
