"""The same few images after every stage, each as a strip of small pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import Scores
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation import scorer as evaluation
from wsss_core.evaluation.confusion import Confusion
from wsss_core.report.overlays import Canvas
from wsss_core.voc import IGNORE_INDEX

STORY = ("Photograph", "CAM", "CAM + CRF", "Random walk", "Saliency", "Fused", "Pseudo-label", "True mask")
"""Titles of the pictures that tell the whole method at a glance."""

AFFINITY_MAPS = {1: "A pixel", 2: "Its segmentation affinity", 3: "Its saliency affinity", 4: "Its shared affinity"}
"""Titles of what `affinities_of_peak` numbers."""

HEAT = 1
"""The label in whose colour the affinities of a pixel are drawn."""


@dataclass(frozen=True)
class Column:
    """What one stage made of every image.

    Attributes:
        title: over the picture.
        kind: the method of `Canvas` that draws it; label maps are scored too.
        read: read(index, image id) is (H, W) uint8 labels, `Scores` for heat, or an (H, W) float map in [0, 1] for
            grey.
        chapter: the `Chapter` of its stage; empty where that has no page.
    """

    title: str
    kind: Literal["labels", "heat", "grey"]
    read: Callable
    chapter: str = ""


@dataclass(frozen=True)
class Tile:
    """One picture of a strip.

    Attributes:
        title: what it shows.
        picture: (h, w, 3) uint8 RGB.
        miou: of a label map against the image's mask, in [0, 1]; None without a mask.
        ignored: share of IGNORE_INDEX in a label map; None for other pictures.
        chapter: of its column.
    """

    title: str
    picture: np.ndarray
    miou: float | None = None
    ignored: float | None = None
    chapter: str = ""


@dataclass(frozen=True)
class Strip:
    """One image after every stage: the photograph first, its mask last, where there is one."""

    image_id: str
    tags: tuple[int, ...]
    tiles: list[Tile]


def training_columns(*, oracle_threshold: float | None) -> list[Column]:
    """The stages that label training images, in the order of the pipeline, without those that did not run.

    Args:
        oracle_threshold: the background threshold at which the CAM is best against the masks; None without
            masks: the CAM is then shown as heat only.
    """
    columns = [pipeline_column(layout.CAMS)]
    if oracle_threshold is not None:
        title, read = f"CAM > {oracle_threshold:.2f} (oracle)", thresholded_in(layout.CAMS, oracle_threshold)
        columns.append(Column(title, "labels", read, "cam"))
    return columns + [pipeline_column(folder) for folder in PIPELINE if folder != layout.CAMS and finished(folder)]


def pipeline_column(folder: Path, *, root: Path = Path()) -> Column:
    """What a stage of the pipeline made: `folder` is one of PIPELINE, below the root of a repository."""
    return PIPELINE[folder](root / folder)


def snapshot_columns(folder: Path) -> list[Column]:
    """The labels that a network in training made for itself, one column for each moment."""
    steps = sorted(path for path in folder.iterdir() if path.is_dir())
    return [Column(f"Step {int(path.name.removeprefix('step_'))}", "labels", labels_in(path)) for path in steps]


def affinity_columns(folder: Path) -> list[Column]:
    """The pixel that was chosen of each image, and what contributes to it for each task and for both, where kept."""
    kept = next(folder.rglob("*.npz"), None)
    numbers = () if kept is None else artifacts.read_scores(kept.parent, kept.stem).classes.tolist()
    return [Column(AFFINITY_MAPS[number], "heat", partial(_one_map, folder, number)) for number in numbers]


def saliency_columns(folder: Path) -> list[Column]:
    """What a network found salient in the validation images; nothing of one without that task."""
    return [] if manifests.is_empty(folder) else [Column("Saliency", "grey", grey_in(folder))]


def has_snapshots(folder: Path, image_id: str) -> bool:
    """Whether the training kept labels of an image."""
    return any(artifacts.png_path(path, image_id).exists() for path in folder.iterdir() if path.is_dir())


def prediction_columns(titles: Mapping[str, str]) -> list[Column]:
    """The networks, method -> title, that predicted the validation images."""
    return [
        Column(title, "labels", labels_in(layout.PREDICTIONS / method), method)
        for method, title in titles.items()
        if finished(layout.PREDICTIONS / method)
    ]


def finished(folder: Path) -> bool:
    """Whether a stage wrote the folder to its end."""
    return (folder / artifacts.MANIFEST).exists()


def draw(index: Index, truth: Masks, *, ids: Sequence[str], columns: Sequence[Column]) -> list[Strip]:
    """The strip of each image; one image at a time is held in full size.

    Raises:
        ArtifactError: a column's file is missing or unreadable.
        ImageError, DatasetError: the photograph or the mask is.
        ValueError: a file has another size than its photograph.
    """
    return [_strip(index, truth, image_id, columns) for image_id in tqdm(ids, desc="draw", unit="image")]


def _strip(index: Index, truth: Masks, image_id: str, columns: Sequence[Column]) -> Strip:
    canvas = Canvas(index.image(image_id))
    mask = truth.read(image_id) if truth.available(image_id) else None
    tiles = [Tile("Photograph", canvas.photo)]
    tiles += [_tile(column, index, canvas, image_id, mask) for column in columns]
    if mask is not None:
        tiles.append(Tile("True mask", canvas.labels(mask)))
    return Strip(image_id, index[image_id].tags, tiles)


def _tile(column: Column, index: Index, canvas: Canvas, image_id: str, mask: np.ndarray | None) -> Tile:
    content = column.read(index, image_id)
    picture = getattr(canvas, column.kind)(content)
    if column.kind != "labels":
        return Tile(column.title, picture, chapter=column.chapter)
    ignored = float((content == IGNORE_INDEX).mean())
    return Tile(column.title, picture, miou_of(content, mask, len(index.classes)), ignored, column.chapter)


def miou_of(labels: np.ndarray, mask: np.ndarray | None, num_classes: int) -> float | None:
    """mIoU in [0, 1] of one label map; None without a mask, or where that knows no pixel."""
    if mask is None or (mask == IGNORE_INDEX).all():
        return None
    return confusion_of(labels, mask, num_classes).miou()


def confusion_of(labels: np.ndarray, mask: np.ndarray, num_classes: int) -> Confusion:
    """The counts of one label map against its mask."""
    confusion = Confusion(num_classes)
    confusion.add(labels, mask)
    return confusion


def labels_in(folder: Path) -> Callable:
    """A reader of a folder's label maps."""
    return partial(_read_labels, folder)


def scores_in(folder: Path) -> Callable:
    """A reader of a folder's score maps."""
    return partial(_read_scores, folder)


def grey_in(folder: Path) -> Callable:
    """A reader of a folder's grey maps."""
    return partial(_read_grey, folder)


def thresholded_in(folder: Path, threshold: float) -> Callable:
    """A reader of a folder's score maps as labels: the strongest class where it exceeds the threshold."""
    return partial(_thresholded, folder, threshold)


def strongest_in(folder: Path) -> Callable:
    """A reader of a folder's score maps, background first, as labels."""
    return partial(_strongest, folder)


def _read_labels(folder: Path, index: Index, image_id: str) -> np.ndarray:
    return Maps(folder, index).labels(image_id)


def _read_scores(folder: Path, index: Index, image_id: str) -> Scores:
    return Maps(folder, index).scores(image_id)


def _read_grey(folder: Path, index: Index, image_id: str) -> np.ndarray:
    return Maps(folder, index).grey(image_id)


def _one_map(folder: Path, number: int, index: Index, image_id: str) -> Scores:
    scores = artifacts.read_scores(folder, image_id, size=index.size(image_id), num_classes=max(AFFINITY_MAPS))
    return Scores(np.array([HEAT], dtype=np.uint8), scores.scores[scores.classes == number], scores.size)


def _thresholded(folder: Path, threshold: float, index: Index, image_id: str) -> np.ndarray:
    return evaluation.thresholded(Maps(folder, index).scores(image_id), threshold)


def _strongest(folder: Path, index: Index, image_id: str) -> np.ndarray:
    return evaluation.strongest(Maps(folder, index).scores(image_id))


PIPELINE: dict[Path, Callable[[Path], Column]] = {
    layout.CAMS: lambda folder: Column("CAM", "heat", scores_in(folder), "cam"),
    layout.CAM_CRF: lambda folder: Column("CAM + CRF", "labels", labels_in(folder), "cam_crf"),
    layout.AFFINITY_LABELS: lambda folder: Column("Affinity labels", "labels", labels_in(folder), "affinity"),
    layout.RANDOM_WALK: lambda folder: Column("Random walk", "labels", strongest_in(folder), "random_walk"),
    layout.SALIENCY: lambda folder: Column("Saliency", "grey", grey_in(folder), "saliency"),
    layout.FUSED: lambda folder: Column("Fused", "labels", labels_in(folder), "fused"),
    layout.PSEUDO_LABELS: lambda folder: Column("Pseudo-label", "labels", labels_in(folder), "pseudo_labels"),
}
"""Folder of maps that a stage of the pipeline makes of training images, in its order -> how they are shown."""
