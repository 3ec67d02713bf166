"""What all stages that ran keep of single images, whichever method they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import layout
from wsss_core.artifacts import GREY, LABELS, MANIFEST, SCORES, Kind
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.evaluation import scorer
from wsss_core.report import strips, tables
from wsss_core.report.strips import Column

_PIPELINE: dict[Path, tuple[str, Kind]] = {
    layout.CAMS: ("CAM", SCORES),
    layout.CAM_CRF: ("CAM + CRF", LABELS),
    layout.AFFINITY_LABELS: ("Affinity labels", LABELS),
    layout.RANDOM_WALK: ("Random walk", SCORES),
    layout.SALIENCY: ("Saliency", GREY),
    layout.FUSED: ("Fused", LABELS),
    layout.PSEUDO_LABELS: ("Pseudo-label", LABELS),
}
_OF_METHODS = {
    layout.METHOD_LABELS: ("Labels of {}", LABELS),
    layout.SNAPSHOTS: ("On its way: {}", LABELS),
    layout.PREDICTED_SALIENCY: ("Saliency of {}", GREY),
    layout.PREDICTIONS: ("{}", LABELS),
    layout.CORRECTED: ("Corrected: {}", LABELS),
}


def folders_below(root: Path) -> list[Path]:
    """The folders of maps that stages finished below `root`, relative to it, ascending."""
    tops = [root / top for top in (*_PIPELINE, *_OF_METHODS)]
    found = {manifest.parent.relative_to(root) for top in tops for manifest in top.rglob(MANIFEST)}
    return sorted(folder for folder in found if kind_of(folder))


def kind_of(folder: Path) -> Kind | None:
    """The kind of maps that a folder, relative to the repository's root, holds; None where it holds none."""
    if folder in _PIPELINE:
        return _PIPELINE[folder][1]
    return next((kind for top, (_, kind) in _OF_METHODS.items() if top in folder.parents), None)


def map_path(folder: Path, image_id: str) -> Path:
    """Where the map of an image lies in a folder of a known kind."""
    kind = kind_of(folder)
    assert kind is not None
    return folder / f"{image_id}{kind.suffix}"


def columns(
    folders: Iterable[Path], image_id: str, *, root: Path = Path(), oracle: float | None = None
) -> list[Column]:
    """What these folders below `root` keep of an image: the pipeline's in its order, then those of methods.

    Args:
        folders: relative to `root`.
        image_id: whose.
        root: of the repository, or of what was taken from another revision of it.
        oracle: the threshold at which the CAM is best, where it is known.
    """
    there = [folder for folder in folders if (root / map_path(folder, image_id)).exists()]
    known = [folder for folder in _PIPELINE if folder in there]
    shown: list[Column] = []
    for folder in [*known, *(folder for folder in there if folder not in _PIPELINE)]:
        shown += _columns_of(folder, root / folder, oracle)
    return shown


def _columns_of(folder: Path, place: Path, oracle: float | None) -> Sequence[Column]:
    title, kind = title_of(folder), kind_of(folder)
    if folder == layout.RANDOM_WALK:
        return [Column(title, "labels", partial(_walked, place))]
    if kind is SCORES:
        heat = Column(title, "heat", strips.scores_in(place))
        if oracle is None:
            return [heat]
        return [heat, Column(f"{title} > {oracle:.2f} (oracle)", "labels", partial(_thresholded, place, oracle))]
    if kind is GREY:
        return [Column(title, "grey", strips.grey_in(place))]
    return [Column(title, "labels", strips.labels_in(place))]


def title_of(folder: Path) -> str:
    """What a picture of a folder's maps is called."""
    if folder in _PIPELINE:
        return _PIPELINE[folder][0]
    top = next(top for top in _OF_METHODS if top in folder.parents)
    name, *below = folder.relative_to(top).parts
    words = ", ".join([tables.title(name), *(part.replace("_", " ") for part in below)])
    return _OF_METHODS[top][0].format(words)


def _walked(folder: Path, index: Index, image_id: str) -> np.ndarray:
    return scorer.strongest(Maps(folder, index).scores(image_id))


def _thresholded(folder: Path, oracle: float, index: Index, image_id: str) -> np.ndarray:
    return scorer.thresholded(Maps(folder, index).scores(image_id), oracle)
