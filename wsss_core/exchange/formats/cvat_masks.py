"""CVAT's "Segmentation mask 1.1", in the layout of PASCAL VOC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_core import artifacts, voc
from wsss_core.data.images import ImageError, opened, read_bytes
from wsss_core.data.tables import read_text
from wsss_core.exchange.format import Drawn, ExchangeError, Options, Picture, Size, Sought

TITLE = "CVAT's Segmentation mask 1.1: coloured PNG and labelmap.txt; zip the folder's content"
OPTIONS: frozenset[str] = frozenset()
PHOTOGRAPHS = "JPEGImages"
DEFAULT = "none"
KEEPS_IGNORED = False
BY_BASE_NAME = False
WHOLE = False
LOSES = "CVAT's masks have no name for ignored pixels and none for a confidence"

LABELS, CLASSES, OBJECTS, LISTS = "labelmap.txt", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"
MOST_COLOURS = 255
"""Of objects in a photograph: readers know VOC's palette and no others."""
_COLOURS = np.array(voc.palette(), dtype=np.uint8).reshape(256, 3)
_WEIGHTS = np.array([1 << 16, 1 << 8, 1])


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`labelmap.txt`, coloured masks of classes and of objects, and the list of each split.

    Colours are written out: of a mask with a palette CVAT takes the line of labelmap.txt for the index.
    """
    for name in names:
        if ":" in name or name.startswith("#"):
            raise ExchangeError(f"{LABELS} cannot hold the class {name!r}, for its `:` or `#`; take another format")
    lists, crowded = defaultdict(list), 0
    for picture in pictures:
        lists[picture.split].append(picture.stem)
        objects, shared = _objects(picture, most=MOST_COLOURS - len(names))
        crowded += shared
        classes = np.where(picture.labels == voc.IGNORE_INDEX, voc.BACKGROUND, picture.labels)
        _save(out / CLASSES / f"{picture.stem}.png", _COLOURS[classes])
        _save(out / OBJECTS / f"{picture.stem}.png", _COLOURS[objects])
    lines = [f"{name}:{','.join(map(str, _COLOURS[label]))}::\n" for label, name in enumerate(names)]
    artifacts.write_text(out / LABELS, "".join(lines))
    for split, stems in lists.items():
        artifacts.write_text(out / LISTS / f"{split}.txt", "".join(f"{stem}\n" for stem in stems))
    few = f"in {crowded} photographs the smallest regions of a class are one object, as colours run out"
    return [few] if crowded else []


def _objects(picture: Picture, *, most: int) -> tuple[np.ndarray, bool]:
    """(H, W) int: a number for each of the largest regions, one of each class for the rest; whether there is a rest."""
    objects = np.zeros(picture.size, dtype=np.int64)
    for number, region in enumerate(sorted(picture.regions, key=lambda region: -region.pixels), start=1):
        region.of(objects)[region.mask] = number if number <= most else most + region.label
    return objects, len(picture.regions) > most


def _save(path: Path, pixels: np.ndarray) -> None:
    with artifacts.atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """The masks below SegmentationClass; their colours, or the indices of palettes, mean what labelmap.txt says."""
    table, folder = source / LABELS, source / CLASSES
    if not table.is_file() or not folder.is_dir():
        raise ExchangeError(f"{source} is no export of CVAT's masks; give the zip, or what was in it")
    rows = [_row(line, table) for line in read_text(table).splitlines() if line.strip() and not line.startswith("#")]
    labels = [(colour, partial(sought.label, name, source=table)) for name, colour in rows]
    return [
        Drawn(path.relative_to(folder).with_suffix("").as_posix(), str(path), partial(_draw, path, labels))
        for path in sorted(folder.rglob("*.png"))
    ]


def _row(line: str, table: Path) -> tuple[str, int]:
    """A label and its colour as one number."""
    name, _, rest = line.partition(":")
    try:
        red, green, blue = (int(value) for value in rest.partition(":")[0].split(","))
    except ValueError:
        raise ExchangeError(f"{table}: {line!r} is no label; write `name:r,g,b::`") from None
    return name, int(np.array([red, green, blue]) @ _WEIGHTS)


def _draw(path: Path, labels: Sequence, size: Size) -> np.ndarray:
    try:
        with opened(read_bytes(path), path) as image:
            has_indices = image.mode in ("P", "L")
            pixels = np.asarray(image if has_indices else image.convert("RGB"))
    except ImageError as error:
        raise ExchangeError(str(error)) from None
    codes, places = np.unique(pixels if has_indices else pixels.astype(np.int64) @ _WEIGHTS, return_inverse=True)
    known = dict(enumerate(label for _, label in labels)) if has_indices else dict(labels)
    for code in codes.tolist():
        if code not in known:
            shown = f"index {code}" if has_indices else f"colour {(code >> 16, code >> 8 & 255, code & 255)}"
            raise ExchangeError(f"{path} holds the {shown}, which {LABELS} does not name; add its label there")
    drawn = np.array([known[code]() for code in codes.tolist()], dtype=np.uint8)
    return drawn[places].reshape(pixels.shape[:2])
