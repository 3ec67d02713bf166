"""What all stages that ran keep of single images, whichever method they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wsss_core import layout
from wsss_core.artifacts import GREY, LABELS, MANIFEST, SCORES, Kind
from wsss_core.report import strips, tables
from wsss_core.report.strips import Column

_KINDS = {layout.CAMS: SCORES, layout.RANDOM_WALK: SCORES, layout.SALIENCY: GREY}
"""Of folders of the pipeline; all others of it hold label maps."""
_OF_METHODS = {
    layout.METHOD_LABELS: ("Labels of {}", LABELS),
    layout.SNAPSHOTS: ("On its way: {}", LABELS),
    layout.PREDICTED_SALIENCY: ("Saliency of {}", GREY),
    layout.PREDICTIONS: ("{}", LABELS),
    layout.CORRECTED: ("Corrected: {}", LABELS),
}


def folders_below(root: Path) -> list[Path]:
    """The folders of maps that stages finished below `root`, relative to it, ascending."""
    tops = [root / top for top in (*strips.PIPELINE, *_OF_METHODS)]
    found = {manifest.parent.relative_to(root) for top in tops for manifest in top.rglob(MANIFEST)}
    return sorted(folder for folder in found if kind_of(folder))


def kind_of(folder: Path) -> Kind | None:
    """The kind of maps that a folder, relative to the repository's root, holds; None where it holds none."""
    if folder in strips.PIPELINE:
        return _KINDS.get(folder, LABELS)
    return next((kind for top, (_, kind) in _OF_METHODS.items() if top in folder.parents), None)


def map_path(folder: Path, image_id: str) -> Path:
    """Where the map of an image lies in a folder. Raises ValueError where that is none of a kind that is known."""
    kind = kind_of(folder)
    if kind is None:
        raise ValueError(f"{folder} is no folder of maps; give one that `kind_of` knows, such as {layout.CAMS}")
    return folder / f"{image_id}{kind.suffix}"


def columns(
    folders: Iterable[Path], image_id: str, *, root: Path = Path(), oracle: float | None = None
) -> list[Column]:
    """What these folders below `root` keep of an image: the pipeline's in its order, then those of methods.

    Args:
        folders: relative to `root`.
        image_id: whose.
        root: of the repository, or of what was taken from another revision of it.
        oracle: the threshold at which the CAM is best, where it is known. No title names it: each revision has its own.
    """
    there = [folder for folder in folders if (root / map_path(folder, image_id)).exists()]
    shown: list[Column] = []
    for folder in [folder for folder in strips.PIPELINE if folder in there]:
        shown.append(strips.pipeline_column(folder, root=root))
        if folder == layout.CAMS and oracle is not None:
            shown.append(Column("CAM (oracle)", "labels", strips.thresholded_in(root / folder, oracle)))
    return shown + [_of_method(folder, root / folder) for folder in there if folder not in strips.PIPELINE]


def _of_method(folder: Path, place: Path) -> Column:
    if kind_of(folder) is GREY:
        return Column(_title_of(folder), "grey", strips.grey_in(place))
    return Column(_title_of(folder), "labels", strips.labels_in(place))


def _title_of(folder: Path) -> str:
    """What a picture of a method's folder of maps is called."""
    top = next(top for top in _OF_METHODS if top in folder.parents)
    name, *below = folder.relative_to(top).parts
    words = ", ".join([tables.title(name), *(part.replace("_", " ") for part in below)])
    return _OF_METHODS[top][0].format(words)
