"""Label maps that can be exported, found by name: artifacts of this folder, or any folder of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import Scores
from wsss_core.data.image_folder import list_images
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.names import composed
from wsss_core.exchange.format import NO_SPLIT, ExchangeError
from wsss_core.problems import named, suggestion

LEGEND = "classes.txt"
"""Beside the label maps of `wsss predict`: a line `<number> <name>` for each label."""

_SINGLE = (layout.AFFINITY_LABELS, layout.FUSED)
_OF_MANY = (layout.METHOD_LABELS, layout.PREDICTIONS, layout.SNAPSHOTS, layout.CORRECTED)


@dataclass(frozen=True)
class LabelSet:
    """Label maps of some photographs.

    Attributes:
        folder: where they lie.
        classes: names of the labels from 1.
        photographs: id -> its file, ids ascending.
        file_names: id -> the photograph's path below the folder of all.
        splits: id -> `train` or `val`, or NO_SPLIT.
        labels: labels(id) -> (H, W) uint8.
        scores: scores(id) -> those from which the labels were made; None where there are none.
        scored_in: the folder of the scores.
    """

    folder: Path
    classes: Sequence[str]
    photographs: dict[str, Path]
    file_names: dict[str, str]
    splits: dict[str, str]
    labels: Callable[[str], np.ndarray]
    scores: Callable[[str], Scores] | None = None
    scored_in: Path | None = None


def artifacts_here() -> list[Path]:
    """The folders of label maps that stages finished below the working folder."""
    roots = [(folder, artifacts.MANIFEST) for folder in _SINGLE]
    roots += [(folder, f"{depth}{artifacts.MANIFEST}") for folder in _OF_MANY for depth in ("*/", "*/*/")]
    found = {path.parent for folder, pattern in roots for path in folder.glob(pattern)}
    return sorted(folder for folder in found if any(name.endswith(".png") for name in manifests.read(folder)["files"]))


def find(name: str) -> Path:
    """The folder that a name means: an artifact's path, the end of it, or the path of any other folder.

    Raises:
        ExchangeError: it means none, or several.
    """
    folder, known = Path(name), artifacts_here()
    found = [path for path in known if path.resolve() == folder.resolve()] or _short(name, known)
    if not found and folder.is_dir():
        return folder
    if len(found) > 1:
        raise ExchangeError(f"{name} means {' and '.join(map(str, found))}; give one of these paths")
    if found:
        return found[0]
    names = {end: path for path in known for end in (path.as_posix(), _end(path))}
    there = f"there are {named([str(path) for path in known])}" if known else "none are here yet: run `dvc repro`"
    raise ExchangeError(f"there are no label maps {name}{suggestion(name, names)}; {there}")


def _short(name: str, known: Sequence[Path]) -> list[Path]:
    """The artifacts whose path ends so; a round may be told after a blank."""
    return [path for path in known if _end(path) == "/".join(name.split())]


def _end(folder: Path) -> str:
    """The part of an artifact's path that tells it from others of its kind."""
    parent = next((parent for parent in _OF_MANY if folder.is_relative_to(parent)), folder.parent)
    return folder.relative_to(parent).as_posix()


def open_set(folder: Path, *, index: Index | None, images: Path | None) -> LabelSet:
    """The label maps of a folder, whole and unchanged if a stage finished it.

    Args:
        folder: as `find` gives it.
        index: of the data set here, if there is one.
        images: the folder with the photographs, for maps that are not of the data set.

    Raises:
        ExchangeError: there are none, or nothing tells what they mean or which photographs they are of.
        ArtifactError: they are not what their stage wrote.
    """
    if (folder / artifacts.MANIFEST).is_file():
        manifests.check(folder)
    paths = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(_maps(folder))}
    if not paths:
        raise ExchangeError(f"{folder} holds no label maps (.png)")
    if images is not None or (folder / LEGEND).is_file():
        return _of_any_photographs(folder, list(paths), index, images)
    if index is None:
        raise ExchangeError(
            f"{folder} has no {LEGEND} to say what its labels mean, and there is no data set here; run this where"
            " `dvc repro` ran, or give maps of `wsss predict`"
        )
    return _of_index(folder, list(paths), index)


def _maps(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.png") if not path.name.startswith("."))


def _of_index(folder: Path, ids: Sequence[str], index: Index) -> LabelSet:
    unknown = [name for name in ids if name not in index]
    if unknown:
        raise ExchangeError(
            f"{len(unknown)} of {len(ids)} label maps of {folder} are of no photograph of the data set"
            f" ({named(unknown)}); for maps of others give --images, their photographs' folder, and a {LEGEND} beside"
            " the maps"
        )
    splits = {name: split for split, members in index.splits.items() for name in members}
    scores, scored_in = _scores(folder, ids, partial(Maps, index=index))
    photographs = {name: index.path(name) for name in ids}
    return LabelSet(
        folder, index.classes, photographs, {name: _file_name(name, path) for name, path in photographs.items()},
        {name: splits[name] for name in ids}, Maps(folder, index).labels, scores, scored_in,
    )  # fmt: skip


def _file_name(image_id: str, path: Path) -> str:
    """The photograph's path below the folder of all, as it is written on the disk, accents included."""
    parts = path.parts[-(image_id.count("/") + 1) :]
    name = "/".join(parts)
    is_its = composed(name.removesuffix(path.suffix)) == composed(image_id)
    return name if is_its else f"{image_id}{path.suffix}"


def _of_any_photographs(folder: Path, ids: Sequence[str], index: Index | None, images: Path | None) -> LabelSet:
    """Of maps as `wsss predict` writes them."""
    classes = read_legend(folder / LEGEND) if (folder / LEGEND).is_file() else index.classes if index else None
    if classes is None:
        raise ExchangeError(f"{folder} has no {LEGEND} to say what its labels mean; write lines `1 <name>` there")
    if images is None or not images.is_dir():
        shown = f"{images} is no folder" if images else f"nothing tells of which photographs {folder} holds label maps"
        raise ExchangeError(f"{shown}; give --images, the folder that was segmented")
    found = list_images(images, skip=[folder]).files
    if missing := [name for name in ids if len(found.get(name, ())) != 1]:
        raise ExchangeError(
            f"{len(missing)} of {len(ids)} label maps of {folder} have no photograph, or several, in {images}"
            f" ({named(missing)}); give --images, the folder that was segmented"
        )
    read = partial(artifacts.read_labels, folder, num_classes=len(classes))
    photographs = {name: found[name][0] for name in ids}
    scored = all(artifacts.scores_path(folder, name).is_file() for name in ids)
    return LabelSet(
        folder, classes, photographs, {name: path.relative_to(images).as_posix() for name, path in photographs.items()},
        dict.fromkeys(ids, NO_SPLIT), read, partial(artifacts.read_scores, folder) if scored else None,
        folder if scored else None,
    )  # fmt: skip


def read_legend(path: Path) -> list[str]:
    """The names of the labels from 1.

    Raises:
        ExchangeError: the file is no legend of `wsss predict`.
    """
    with artifacts.reading(path):
        lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.partition(" ") for line in lines]
    if not rows or any(number != str(label) or not name for label, (number, _, name) in enumerate(rows)):
        raise ExchangeError(f"{path} is no list of labels; write `0 background`, `1 <name>`, ... line by line")
    return [name for _, _, name in rows[1:]]


def _scores(
    folder: Path, ids: Sequence[str], maps: Callable[[Path], Maps]
) -> tuple[Callable[[str], Scores] | None, Path | None]:
    """The scores beside the maps, else those from which a stage made them, if they are there for all."""
    upstream = {layout.PSEUDO_LABELS: (layout.FUSED, layout.RANDOM_WALK), layout.FUSED: (layout.RANDOM_WALK,)}
    for place in (folder, *upstream.get(folder, ())):
        if all(artifacts.scores_path(place, name).is_file() for name in ids):
            return maps(place).scores, place
    return None, None
