"""The pictures of docs/tutorial.md, from a run on scenes: `make demo`, then `python -m benchmarks.tutorial`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from PIL import Image

from wsss_core import artifacts, layout
from wsss_core.data.index import Index, spread
from wsss_core.report.overlays import Canvas

PICTURES = Path(__file__).parents[1] / "docs/tutorial"
MASKS = Path("data/raw/scenes/SegmentationClass")
GAP, QUALITY = 6, 70
Draw = Callable[[str], np.ndarray]
"""A picture, (H, W, 3) uint8, of the photograph of an id."""


@click.command()
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path(".demo"))
def main(run: Path) -> None:
    """Draw them from the artifacts of RUN, where a graph on scenes has ended."""
    with contextlib.chdir(run):
        index = Index.open(layout.INDEX)

        def labelled(folder: Path) -> Draw:
            return lambda image_id: drawn_over(index.image(image_id), artifacts.read_labels(folder, image_id))

        train, val = index.ids("train"), index.ids("val")
        pseudo, predictions = labelled(layout.PSEUDO_LABELS), labelled(layout.PREDICTIONS / "deeplab")
        sheets = {
            "photographs": sheet(spread(train, 6), [index.image]),
            "labels": sheet(spread(train, 6), [pseudo]),
            "corrections": sheet(worst(train, count=4), [index.image, pseudo, labelled(MASKS)]),
            "predictions": sheet(spread(val, 6), [index.image, predictions]),
        }
    PICTURES.mkdir(exist_ok=True)
    for name, picture in sheets.items():
        Image.fromarray(picture).save(PICTURES / f"{name}.jpg", quality=QUALITY, optimize=True)


def drawn_over(photograph: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A photograph with its labels over it, as the report draws them, at its own size."""
    return Canvas(photograph, box=photograph.shape[:2]).labels(labels)


def sheet(ids: Sequence[str], rows: Sequence[Draw]) -> np.ndarray:
    """A column of pictures for each id, a row for each way to draw it, on white."""
    pictures = [[np.pad(draw(image_id), ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image_id in ids]
                for draw in rows]  # fmt: skip
    return np.concatenate([np.concatenate(row, axis=1) for row in pictures])[:-GAP, :-GAP]


def worst(ids: Sequence[str], *, count: int) -> list[str]:
    """Those whose pseudo-labels are right on the fewest pixels."""

    def right(image_id: str) -> float:
        labels = artifacts.read_labels(layout.PSEUDO_LABELS, image_id)
        return float((labels == artifacts.read_labels(MASKS, image_id)).mean())

    return sorted(ids, key=right)[:count]


if __name__ == "__main__":
    main()
