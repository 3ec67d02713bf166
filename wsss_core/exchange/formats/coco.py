"""COCO's instances JSON: CVAT, FiftyOne, Roboflow, detectron2, pycocotools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.data.formats import coco_masks
from wsss_core.data.formats.coco import Instances, read_instances
from wsss_core.exchange.format import Drawn, ExchangeError, Options, Picture, Size, Sought
from wsss_core.exchange.outlines import edge_outline
from wsss_core.exchange.regions import Region, regions_of
from wsss_core.exchange.runs import coco_counts

TITLE = "COCO's JSON: CVAT, FiftyOne, Roboflow, pycocotools"
OPTIONS = frozenset({"segmentation", "stuff", "by_path"})
PHOTOGRAPHS = "images"
DEFAULT = "none"
KEEPS_IGNORED = False
BY_BASE_NAME = True
WHOLE = False
LOSES = "COCO has no name for ignored pixels, and tells touching objects of a class apart only where somebody cuts them"

_DESCRIPTION = (
    "Label maps of a semantic segmentation: an annotation is a part of a class that hangs together (or all of it, in a"
    " stuff file), so that touching objects are one."
)


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`annotations/instances_<split>.json`, or `stuff_<split>.json`, with `score` where a confidence is known."""
    contents: dict[str, dict] = {}
    for picture in pictures:
        content = contents.setdefault(picture.split, _empty(names))
        height, width = picture.size
        number = len(content["images"]) + 1
        content["images"].append({"id": number, "file_name": picture.file_name, "width": width, "height": height})
        for region in picture.regions:
            entry = {"id": len(content["annotations"]) + 1, "image_id": number}
            content["annotations"].append(entry | _annotation(region, picture.size, options.segmentation))
    kind = "stuff" if options.stuff else "instances"
    for split, content in contents.items():
        artifacts.write_json(out / "annotations" / f"{kind}_{split}.json", content)
    return []


def _empty(names: Sequence[str]) -> dict:
    categories = [{"id": label, "name": name, "supercategory": ""} for label, name in enumerate(names) if label]
    return {"info": {"description": _DESCRIPTION}, "images": [], "annotations": [], "categories": categories}


def _annotation(region: Region, size: Size, segmentation: str) -> dict:
    score = {} if region.confidence is None else {"score": round(region.confidence, 4)}
    drawn: object
    if segmentation == "rle":
        drawn = {"size": list(size), "counts": coco_counts(region.at(size))}
    else:
        parts = regions_of(region.mask.astype(np.uint8), whole=False, diagonal=False)
        corners = [np.add(edge_outline(part.mask), [region.x + part.x, region.y + part.y]) for part in parts]
        drawn = [polygon.ravel().tolist() for polygon in corners]
    return {"category_id": region.label, "segmentation": drawn, "area": region.pixels, "bbox": region.box,
            "iscrowd": 0, **score}  # fmt: skip


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """The images of an instances JSON, or of all below a folder; a crowd is ignored."""
    paths = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    if not paths:
        raise ExchangeError(f"{source} holds no .json; give COCO's JSON or a folder with it")
    return [drawn for path in paths for drawn in _drawn(path, read_instances(path), sought)]


def _drawn(path: Path, instances: Instances, sought: Sought) -> list[Drawn]:
    used = {annotation["category_id"] for entries in instances.annotations.values() for annotation in entries}
    for number in sorted(used - instances.categories.keys()):
        raise ExchangeError(f"{path}: annotations are of category {number}, and it has no such category; add it there")
    labels = {number: sought.label(instances.categories[number], source=path) for number in sorted(used)}
    return [
        Drawn(file_name, f"{path}, {file_name}", partial(_draw, path, instances, name, labels))
        for name, file_name in instances.files.items()
    ]


def _draw(path: Path, instances: Instances, name: str, labels: dict[int, int], size: Size) -> np.ndarray:
    height, width = instances.sizes[name]
    try:
        return coco_masks.label_map(instances.annotations[name], labels=labels, height=height, width=width)
    except coco_masks.SegmentationError as error:
        raise ExchangeError(f"{path}: an annotation of {instances.files[name]} is broken: {error}; repair it") from None
