"""Tables that stages wrote as text, read back: curves, figures of each class, confusion matrices."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.evaluation.label_scores import CLASS_COLUMNS
from wsss_core.runtime import provenance

SMALLEST, LARGEST = 1e-30, 1e30
"""No figure here is smaller or larger, and matplotlib draws none that is."""


@dataclass(frozen=True)
class NamedConfusion:
    """A confusion matrix that was read back.

    Attributes:
        names: of the L labels, the background's first.
        counts: (L, L) float, pixels of true label i predicted as label j.
    """

    names: tuple[str, ...]
    counts: np.ndarray

    def shares(self) -> np.ndarray:
        """(L, L): each row divided by its sum; NaN where a label has no true pixel."""
        totals = self.counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return self.counts / totals


def read_columns(path: Path, *, needed: Sequence[str] = ()) -> dict[str, list[float]]:
    """The columns of a table of numbers by their headers: TSV or, with the suffix .csv, CSV.

    An empty cell is NaN, and so is what is larger than LARGEST; what is smaller than SMALLEST is 0.

    Args:
        path: its file.
        needed: headers that it must have.

    Raises:
        ArtifactError: the file is missing or holds something else.
    """
    header, *rows = _read_cells(path)
    try:
        values = [[_figure(cell) for cell in row] for row in rows]
        columns = {name: [row[place] for row in values] for place, name in enumerate(header)}
    except (ValueError, IndexError):
        raise broken(path, "a table of numbers") from None
    if not set(needed) <= columns.keys():
        raise broken(path, f"a table with the columns {', '.join(needed)}")
    return columns


def read_classes(path: Path) -> list[dict[str, str | float | None]]:
    """The rows of a table of classes that `evaluate` wrote, by its columns; None for an undefined figure.

    Raises:
        ArtifactError: the file is missing or holds something else.
    """
    header, *rows = _read_cells(path)
    try:
        read = [(name, *(float(cell) if cell else None for cell in cells)) for name, *cells in rows]
        known = [dict(zip(CLASS_COLUMNS, row, strict=True)) for row in read]
    except ValueError:
        raise broken(path, "a table of classes") from None
    figures = [value for row in read for value in row[1:] if isinstance(value, float)]
    if tuple(header) != CLASS_COLUMNS or not all(0 <= value <= LARGEST for value in figures):
        raise broken(path, "a table of classes")
    return known


def read_confusion(path: Path) -> NamedConfusion:
    """The confusion matrix that `evaluate` wrote.

    Raises:
        ArtifactError: the file is missing or no square matrix with the names of its labels.
    """
    header, *rows = _read_cells(path)
    try:
        counts = np.array([[float(cell) for cell in row[1:]] for row in rows])
    except ValueError:
        raise broken(path, "a confusion matrix") from None
    names = tuple(header[1:])
    if counts.shape != (len(names), len(names)) or not np.isfinite(counts).all() or counts.min(initial=0) < 0:
        raise broken(path, "a confusion matrix")
    return NamedConfusion(names, counts)


def _read_cells(path: Path) -> list[list[str]]:
    with artifacts.reading(path), provenance.check(path).open(encoding="utf-8", errors="replace", newline="") as file:
        try:
            rows = list(csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t"))
        except csv.Error:
            rows = []
    if not rows:
        raise broken(path, "a table")
    return rows


def _figure(cell: str) -> float:
    """What a cell holds, as far as it can be drawn."""
    value = float(cell) if cell else nan
    if abs(value) < SMALLEST:
        return 0.0
    return value if abs(value) <= LARGEST else nan


def broken(path: Path, expected: str) -> artifacts.ArtifactError:
    """The error of a file that a stage wrote and that holds something else."""
    return artifacts.ArtifactError(f"{path} is not {expected}; delete it and run `dvc repro`")
