"""YOLO's segmentation: a text file of polygons for each photograph (ultralytics)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.data.tables import read_text
from wsss_core.exchange.filling import filled
from wsss_core.exchange.format import (
    NO_SPLIT,
    SPLITS,
    Drawn,
    ExchangeError,
    Options,
    Picture,
    Size,
    Sought,
    without_splits,
)
from wsss_core.exchange.outlines import centre_outline
from wsss_core.params import read_mapping
from wsss_core.voc import BACKGROUND

TITLE = "YOLO's segmentation: a text of polygons for each photograph, and data.yaml"
OPTIONS: frozenset[str] = frozenset()
PHOTOGRAPHS = "images/{split}"
DEFAULT = "link"
KEEPS_IGNORED = False
BY_BASE_NAME = False
WHOLE = False
LOSES = (
    "YOLO has no name for ignored pixels and none for a confidence; a region of one or two pixels has no polygon;"
    " readers that do not fill the polygon's own line lose a rim of one pixel"
)

CONFIG = "data.yaml"


def write(pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
    """`labels/<split>/<name>.txt`, empty where there is background alone, and `data.yaml`."""
    splits, lost = set(), [0, 0]
    for picture in pictures:
        splits.add(picture.split)
        lines = []
        for region in picture.regions:
            points = np.add(centre_outline(region.mask), [region.x, region.y])
            if len(points) == 2:  # a row of pixels, which three of them tell as well
                points = np.array([points[0], points.sum(axis=0) // 2, points[1]])
            if region.pixels < 3:
                lost[0] += 1
                lost[1] += region.pixels
            else:
                lines.append(_line(region.label - 1, points, picture.size))
        artifacts.write_text(out / "labels" / picture.split / f"{picture.stem}.txt", "".join(lines))
    artifacts.write_text(out / CONFIG, _config(splits, names))
    return [f"{lost[0]} regions of {lost[1]} pixels have no polygon and are left out"] if lost[0] else []


def _line(number: int, points: np.ndarray, size: Size) -> str:
    # A centre lies half a pixel behind the pixel's edge. Readers cut off the fraction: so it stays in its pixel.
    shares = (points + 0.5) / (size[1], size[0])
    return " ".join([str(number), *(f"{value:.6f}" for value in shares.ravel())]) + "\n"


def _config(splits: set[str], names: Sequence[str]) -> str:
    """Without `path`, photographs are searched from the file's own folder."""
    first = next(split for split in SPLITS if split in splits)
    lines = [f"{split}: images/{split}" for split in SPLITS if split in splits and split != NO_SPLIT]
    if "train" not in splits:
        lines.insert(0, f"train: images/{first}  # there are no others here: name those to learn from")
    if "val" not in splits:
        lines.append(f"val: images/{first}  # there are no others here: name those to measure on")
    classes = [f"  {label - 1}: {json.dumps(name, ensure_ascii=False)}" for label, name in enumerate(names) if label]
    return "\n".join([*lines, "names:", *classes, ""])


def read(source: Path, sought: Sought) -> Sequence[Drawn]:
    """The photographs that have a text below `labels/`; `data.yaml` names the classes."""
    config = source if source.is_file() else source / CONFIG
    folder = config.parent / "labels"
    if not config.is_file() or not folder.is_dir():
        raise ExchangeError(f"{source} is no YOLO set; give a folder with {CONFIG} and labels/")
    labels = _labels(config, sought)
    texts = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.txt"))}
    return [Drawn(name, str(path), partial(_draw, path, labels)) for name, path in without_splits(texts).items()]


def _labels(config: Path, sought: Sought) -> list[int]:
    names = read_mapping(config).get("names")
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ExchangeError(f"{config} has no `names` of the classes 0, 1, ...; write them there")
    return [sought.label(name, source=config) for name in names]


def _draw(path: Path, labels: Sequence[int], size: Size) -> np.ndarray:
    drawn = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            label, points = _polygon(line, labels, size, place=f"{path}, line {number}")
            drawn.append((label, filled(points, size)))
    canvas = np.full(size, BACKGROUND, dtype=np.uint8)
    for label, mask in sorted(drawn, key=lambda item: -np.count_nonzero(item[1])):  # the smaller in front
        canvas[mask] = label
    return canvas


def _polygon(line: str, labels: Sequence[int], size: Size, *, place: str) -> tuple[int, np.ndarray]:
    try:
        number, *shares = line.split()
        label, points = int(number), np.array(shares, dtype=np.float64)
    except ValueError:
        raise ExchangeError(f"{place}: there is no class and numbers; write `class x1 y1 x2 y2 ...`") from None
    if not 0 <= label < len(labels):
        raise ExchangeError(f"{place}: there is no class {label} in {CONFIG}; correct it")
    if len(points) < 6 or len(points) % 2:
        kind = "a box, which has no outline" if len(points) == 4 else f"{len(points)} numbers"
        raise ExchangeError(f"{place}: {kind}, where x and y of three or more points belong; draw an outline")
    if not (points.min() >= -0.01 and points.max() <= 1.01):
        raise ExchangeError(f"{place}: coordinates are shares of width and height from 0 to 1; correct them")
    pixels = np.floor(points.reshape(-1, 2) * (size[1], size[0]) + 1e-9).astype(np.int64)
    return labels[label], pixels.clip(0, (size[1] - 1, size[0] - 1))
