"""A few photographs of a data set, with tags and masks, as a folder of their own: small enough to travel."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from PIL import Image

from benchmarks.gpu.setting import Setting
from benchmarks.photographs import HEIGHT, WIDTH
from wsss_core import artifacts
from wsss_core.data.index import Index
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import Listing, read_listing
from wsss_core.data.masks import open_masks
from wsss_core.data.source import Source
from wsss_core.scenes import generator as scenes

NUM_TRAIN, NUM_VAL = 30, 10
REHEARSED = {"num_train": 6, "num_val": 3}
"""Photographs of a rehearsal."""


def made(setting: Setting, folder: Path) -> dict[str, object]:
    """Copy a few photographs of the setting's to a folder, or draw scenes there; the keys `dataset` that read it.

    Raises:
        DatasetError, ValueError: as `write`.
    """
    count = REHEARSED if setting.rehearse else {"num_train": NUM_TRAIN, "num_val": NUM_VAL}
    if setting.photographs:
        write(source_of(Path(setting.photographs)), folder, **count)
        return {"format": "folder", "root": str(folder), "classes": list(_classes(folder) or ())}
    drawn = {"seed": 0, **count, "num_saliency": 0, "height": HEIGHT, "width": WIDTH}
    scenes.ensure(folder, **drawn)
    return {"format": "scenes", "root": str(folder), "scenes": drawn}


def source_of(folder: Path) -> Source:
    """A VOC layout, or a folder with a CSV."""
    is_voc = (folder / "JPEGImages").is_dir()
    return Source(format="voc" if is_voc else "folder", root=folder, classes=None if is_voc else _classes(folder),
                  train="train", val="val", labels=None, images=None, masks=None)  # fmt: skip


def checked(source: Source) -> Listing:
    """What the data set lists, with photographs to train on and to predict.

    Raises:
        DatasetError: the data set cannot be used.
        ValueError: one of the splits is empty.
    """
    listing = read_listing(source)
    for split in ("train", "val"):
        if not listing.splits[split]:
            raise ValueError(f"{source.root} has no photographs in the split {split}, and the check needs both; "
                             "list some there")  # fmt: skip
    return listing


def write(source: Source, target: Path, *, num_train: int = NUM_TRAIN, num_val: int = NUM_VAL) -> None:
    """Copy photographs of the splits, evenly spread over their names, in the layout of format `folder`.

    Written are images/, masks/ where there are masks, labels.csv with a column `split`, and classes.txt.

    Raises:
        DatasetError: the data set cannot be used.
        ValueError: one of the splits is empty.
    """
    index = build_index(checked(source), source)
    chosen = {split: _spread(index.ids(split), count) for split, count in (("train", num_train), ("val", num_val))}
    masks = open_masks(source, index)
    for folder in ("images", "masks"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    with (target / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "labels", "split"])
        for split, ids in chosen.items():
            for image_id in ids:
                name = image_id.replace("/", "_")
                shutil.copyfile(index.path(image_id), target / "images" / f"{name}{index.path(image_id).suffix}")
                table.writerow([name, ";".join(index.classes[tag - 1] for tag in index[image_id].tags), split])
                if masks.available(image_id):
                    Image.fromarray(masks.read(image_id)).save(target / "masks" / f"{name}.png")
    artifacts.write_text(target / "classes.txt", "".join(f"{name}\n" for name in index.classes))


def open_index(source: Source) -> Index:
    """The index of a data set, made without a pool of processes."""
    return build_index(read_listing(source), source)


def _classes(folder: Path) -> tuple[str, ...] | None:
    """In the order of the masks' ids, which a CSV does not tell."""
    path = folder / "classes.txt"
    return tuple(path.read_text(encoding="utf-8").split("\n")[:-1]) if path.is_file() else None


def _spread(ids: tuple[str, ...], count: int) -> list[str]:
    return [ids[len(ids) * i // count] for i in range(min(count, len(ids)))] if ids else []
