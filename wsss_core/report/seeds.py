"""Figures of one graph over several seeds: mean, sample standard deviation and the value of each seed."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.params import Params
from wsss_core.params_file import content_of
from wsss_core.report import tables, text_tables

FOLDER = layout.REPORTS / "seeds"
"""A CSV for each graph that ran over seeds."""
SHOWN = {"miou": "mIoU", "boundary_miou": "boundary mIoU", "miou_labelled": "labelled", "coverage": "coverage"}
"""The figures of label maps that the tables show; the CSV holds all."""
NOTE = (
    "mean ± sd over n seeds, in per cent. The sd is a sample's (n - 1 below the root): how much one run differs from"
    " the next, not how well the mean is known."
)
_COLUMNS = ("file", "split", "supervision", "measured_on", "params", "figure", "n", "mean", "sd")
_SEED = "seed_"


@dataclass(frozen=True)
class Figure:
    """One figure of one file.

    Attributes:
        file: below reports/, without its suffix: metrics/deeplab, times/deeplab.
        split, supervision, measured_on: of the metrics file; empty for a time.
        params: a digest of the parameters but the seed.
        name: of the figure; a part of a group behind a dot: iou.cat.
        values: seed -> the figure. A seed whose file lacks it is not there.
    """

    file: str
    split: str
    supervision: str
    measured_on: str
    params: str
    name: str
    values: Mapping[int, float]

    @property
    def n(self) -> int:
        """The number of seeds that have it."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Over the seeds that have it."""
        return fmean(self.values.values())

    @property
    def sd(self) -> float:
        """The sample standard deviation, with n - 1; NaN of a single seed."""
        return stdev(self.values.values()) if self.n > 1 else nan


def but_the_seed(params: Params) -> str:
    """A digest of all parameters that seeds have in common."""
    content = content_of(params)
    del content["seed"]
    return manifests.digest_of(content)


def gather(folders: Mapping[int, Path], patterns: Sequence[str], *, params: str) -> list[Figure]:
    """The figures of all seeds.

    Args:
        folders: seed -> the working folder in which it ran.
        patterns: paths of metrics files and times relative to it; `*` stands for any name.
        params: a digest of the parameters but the seed.

    Raises:
        ArtifactError: a file is broken.
        ValueError: seeds were measured on different data.
    """
    read = {seed: _read(folder, patterns) for seed, folder in folders.items()}
    figures = []
    for file in dict.fromkeys(file for content in read.values() for file in content):
        found = {seed: content[file] for seed, content in read.items() if file in content}
        told = {seed: content.get("measured_on", "") for seed, content in found.items()}
        if len(set(told.values())) > 1:
            other = next(seed for seed, on in told.items() if on != next(iter(told.values())))
            raise ValueError(
                f"seeds were measured on different data: {file} of {next(iter(told))} and {other}; run `dvc repro -f"
                f" prepare` in each folder of {next(iter(folders.values())).parent}, then this command again"
            )
        first = next(iter(found.values()))
        kind = first.get("supervision", supervision.TAGS if "split" in first else "")
        flat = {seed: dict(_numbers(content)) for seed, content in found.items()}
        names = dict.fromkeys(name for numbers in flat.values() for name in numbers)
        for name in sorted(names, key=lambda name: "." in name):  # those of single classes last
            values = {seed: numbers[name] for seed, numbers in flat.items() if name in numbers}
            split, on = first.get("split", ""), first.get("measured_on", "")
            figures.append(Figure(file, split, kind, on, params, name, values))
    return figures


def _read(folder: Path, patterns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """File -> its content, in the order of the patterns."""
    found: dict[str, dict[str, Any]] = {}
    with contextlib.chdir(folder):  # records name files as they are seen from there
        for pattern in patterns:
            for path in sorted(Path().glob(pattern)):
                name = path.relative_to(layout.REPORTS).with_suffix("").as_posix()
                is_time = path.parent == layout.TIMES
                found[name] = {"seconds": tables.read_seconds(path)} if is_time else tables.read_metrics(path)
    return found


def _numbers(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{above}{key}.")
        elif (number := tables.figure(content, key)) is not None and not isinstance(value, bool):
            yield f"{above}{key}", float(number)


def as_csv(figures: Sequence[Figure]) -> str:
    """All figures for other programs, unrounded; empty where there is none."""
    seeds = sorted({seed for figure in figures for seed in figure.values})
    rows = []
    for f in figures:
        told = (f.file, f.split, f.supervision, f.measured_on, f.params, f.name)
        spread = f.sd if f.n > 1 else ""
        rows.append([*told, f.n, f.mean, spread, *(f.values.get(seed, "") for seed in seeds)])
    return csv_text([*_COLUMNS, *(f"{_SEED}{seed}" for seed in seeds)], rows)


def read_csv(path: Path) -> list[Figure]:
    """The figures of a file of `as_csv`.

    Raises:
        ArtifactError: it is none.
    """
    with artifacts.reading(path):
        text = path.read_text(encoding="utf-8")
    try:
        return [_figure(row) for row in csv.DictReader(io.StringIO(text))]
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error):
        raise artifacts.ArtifactError(f"{path} is no table of `wsss seeds`; delete it") from None


def _figure(row: Mapping[str, str]) -> Figure:
    values = {int(key.removeprefix(_SEED)): float(v) for key, v in row.items() if key.startswith(_SEED) and v}
    if not values or not all(abs(value) <= text_tables.LARGEST for value in values.values()):  # False of NaN
        raise ValueError
    return Figure(
        file=row["file"], split=row["split"], supervision=row["supervision"], measured_on=row["measured_on"],
        params=row["params"], name=row["figure"], values=values,
    )  # fmt: skip


def current(measured_on: Mapping[str, str], *, params: str) -> list[tuple[str, ...]]:
    """The `table` of all graphs that ran over seeds on the data as it is now; empty without any.

    Args:
        measured_on: of the data set as it is now, by split.
        params: a digest of the parameters as they are now, but the seed; lines of others say so.

    Raises:
        ArtifactError: a file is no table of seeds.
    """
    read = [figure for path in sorted(FOLDER.glob("*.csv")) for figure in read_csv(path)]
    figures = [figure for figure in read if figure.split and figure.measured_on == measured_on.get(figure.split)]
    old = {figure.file for figure in figures if figure.params != params}
    header, *lines = table(figures, old=old)
    return [header, *lines] if lines else []


def table(figures: Sequence[Figure], *, old: Collection[str] = ()) -> list[tuple[str, ...]]:
    """Header and a line for each file of label maps, `SHOWN` in per cent; those of `old` files say so."""
    lines: list[tuple[str, ...]] = [("over seeds", "split", "n", *SHOWN.values(), "supervision")]
    for file in dict.fromkeys(figure.file for figure in figures):
        own = {figure.name: figure for figure in figures if figure.file == file}
        if "miou" in own:
            first = own["miou"]
            title = tables.title(file.removeprefix(f"{layout.METRICS.name}/"))
            name = f"{title}, of other parameters" if file in old else title
            cells = [_cell(own.get(key)) for key in SHOWN]
            lines.append((name, first.split, str(first.n), *cells, first.supervision))
    return lines


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{100 * figure.mean:.1f}" + (f" ± {100 * figure.sd:.1f}" if figure.n > 1 else "")
