"""A data set of a few photographs with label maps of any kind, as a stage leaves them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from wsss_core import artifacts, layout, manifests, registry
from wsss_core.data.index import Index, Record
from wsss_core.exchange import format as formats
from wsss_core.exchange.export import Choice, export
from wsss_core.exchange.format import Options
from wsss_core.exchange.label_sets import LabelSet, open_set

CLASSES = ("cat", "dog", "table lamp")
ALL = [name.replace("_", "-") for name in registry.formats()]


def random_map(rng: np.random.Generator, height: int, width: int, *, ignore: bool = True) -> np.ndarray:
    """Blobs with holes, parts that touch by corners, single pixels, borders; 255 among them."""
    noise = rng.random((height, width))
    smooth = ndimage.gaussian_filter(noise, rng.uniform(0.5, 2))
    ranks = smooth.ravel().argsort().argsort().reshape(height, width) / (height * width)
    labels = np.array([0, 1, 2, 0, 3, 1, 255 if ignore else 0, 2])[(ranks * 8).astype(int)]
    specks = rng.random((height, width)) < 0.02
    labels[specks] = rng.integers(0, 4, specks.sum())
    return labels.astype(np.uint8)


def write_set(maps: Mapping[str, np.ndarray], *, val: tuple[str, ...] = (), suffix: str = ".png") -> Index:
    """Photographs, an index, and the maps as data/pseudo_labels/affinitynet, below the working folder."""
    shutil.rmtree("data/raw", ignore_errors=True)
    shutil.rmtree(layout.PSEUDO_LABELS, ignore_errors=True)
    records = {}
    for image_id, labels in sorted(maps.items()):
        path = Path("data/raw/images") / f"{image_id}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", labels.shape[::-1], (90, 90, 90)).save(path)
        record = Record(image_id, f"images/{image_id}{suffix}", (), *labels.shape, manifests.file_digest(path))
        records[image_id] = record
        artifacts.write_labels(layout.PSEUDO_LABELS, image_id, labels)
    splits = {"train": tuple(sorted(records.keys() - {*val})), "val": val}
    index = Index("folder", "data/raw", CLASSES, splits, records, "tags")
    index.write(layout.INDEX)
    write_manifest(layout.PSEUDO_LABELS)
    return index


def write_manifest(folder: Path, **options) -> None:
    """As the stage that finishes a folder of label maps."""
    manifests.write(folder, stage="drawn", params={}, names=manifests.files_of(folder), **options)


def choice(**given) -> Choice:
    """The choices of the command's defaults, or others."""
    usual = {"ignore_as": None, "min_area": 0, "max_ignore": 1.0, "first": None, "photographs": "none"}
    return Choice(**(usual | given))


def write(index: Index, name: str, out: Path, *, labels: LabelSet | None = None, options=None, **given):
    """Export the maps of `write_set`."""
    exported = labels or open_set(layout.PSEUDO_LABELS, index=index, images=None)
    return export(exported, formats.of(name), out, choice=choice(**given), options=options or Options())
