"""Folders of photographs and of label maps: mmsegmentation, Mask2Former, FiftyOne, Hugging Face's datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core import artifacts, voc
from wsss_core.data.image_folder import list_images
from wsss_core.data.label_images import read_labels
from wsss_core.exchange.format import Drawn, ExchangeError, Options, Picture, Size, Sought, without_splits

TITLE = "folders of photographs and PNG (mmsegmentation, Mask2Former, FiftyOne), metadata.jsonl (Hugging Face)"
OPTIONS = frozenset({"palette"})
PHOTOGRAPHS = "img_dir/{split}"
DEFAULT = "link"
KEEPS_IGNORED = True
BY_BASE_NAME = False
WHOLE = False
LOSES = "folders hold every pixel, 255 where it is ignored; a confidence is of a photograph, in metadata.jsonl"

MAPS, NAMES, METADATA = "ann_dir", "id2label.json", "metadata.jsonl"


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`ann_dir/<split>/<name>.png` beside `img_dir`, of one channel; `id2label.json`; a table of the photographs."""
    lines = []
    for picture in pictures:
        folder, mask = out / MAPS / picture.split, f"{MAPS}/{picture.split}/{picture.stem}.png"
        if options.palette:
            artifacts.write_labels(folder, picture.stem, picture.labels)
        else:
            with artifacts.atomic(artifacts.png_path(folder, picture.stem)) as temporary:
                Image.fromarray(picture.labels).save(temporary, format="PNG")
        row = {
            "file_name": f"{PHOTOGRAPHS.format(split=picture.split)}/{picture.file_name}",
            "mask_file_name": mask,
            "split": picture.split,
            "confidence": None if picture.confidence is None else round(picture.confidence, 4),
            "ignored": round(float((picture.labels == voc.IGNORE_INDEX).mean()), 4),
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    artifacts.write_text(out / METADATA, "".join(lines))
    artifacts.write_json(out / NAMES, {str(label): name for label, name in enumerate(names)})
    return []


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """The label images below `ann_dir`, or below any other folder; `id2label.json` says what they mean, if it is there.

    Grey and palette images hold labels, coloured ones VOC's colours.
    """
    folder = source / MAPS if (source / MAPS).is_dir() else source
    if not folder.is_dir():
        raise ExchangeError(f"{source} is no folder of label maps; give one, or a zip of one")
    meaning = _meaning(source / NAMES, sought)
    found = list_images(folder).files
    for paths in found.values():
        if len(paths) > 1:
            raise ExchangeError(f"{paths[0]} and {paths[1]} are both the mask of one photograph; remove one")
    masks = without_splits({name: paths[0] for name, paths in found.items()})
    return [Drawn(name, str(path), partial(_draw, path, meaning)) for name, path in masks.items()]


def _meaning(path: Path, sought: Sought) -> np.ndarray:
    """(256,) int: the label that each stored value means, -1 of those that mean none."""
    meaning = np.full(256, -1)
    meaning[: len(sought.classes) + 1] = np.arange(len(sought.classes) + 1)
    if path.is_file():
        names = artifacts.read_json(path)
        if not isinstance(names, dict) or not all(number.isdecimal() and int(number) < 256 for number in names):
            raise ExchangeError(f"{path} is no table of numbers and names; repair it or take it away")
        meaning[:] = -1
        for number, name in names.items():
            meaning[int(number)] = sought.label(str(name), source=path)
    meaning[voc.IGNORE_INDEX] = voc.IGNORE_INDEX
    return meaning


def _draw(path: Path, meaning: np.ndarray, size: Size) -> np.ndarray:
    stored = read_labels(path, num_classes=voc.IGNORE_INDEX - 1)
    drawn = meaning[stored]
    if drawn.min(initial=0) < 0:
        unknown = stored[drawn < 0].min()
        raise ExchangeError(
            f"{path} holds the label {unknown}, which is no class; correct the map, or name its labels in {NAMES}"
        )
    return drawn.astype(np.uint8)
