"""Label maps to another format: the least certain first, all of it written or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.evaluation.calibration import confidence_in
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.exchange import photographs
from wsss_core.exchange.format import ExchangeError, Format, Options, Picture
from wsss_core.exchange.label_sets import LabelSet
from wsss_core.exchange.regions import Region, regions_of
from wsss_core.exchange.replacing import replacing
from wsss_core.problems import named
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

REVIEW = "review.csv"
_COLUMNS = ("image", "label", "confidence", "pixels", "x", "y", "width", "height")
SPECK = 16
"""Regions of fewer pixels are told, for nobody corrects them by hand."""


@dataclass(frozen=True)
class Choice:
    """What is exported, and how, whatever the format.

    Attributes:
        ignore_as: name under which ignored pixels become a label; None leaves them out.
        min_area: regions of fewer pixels become background.
        max_ignore: photographs of which a larger share is ignored are left out.
        first: as many of the least certain photographs; None takes all.
        photographs: `none`, `link` or `copy`.
        others: others(id), labels to agree with, instead of scores.
    """

    ignore_as: str | None
    min_area: int
    max_ignore: float
    first: int | None
    photographs: str
    others: Callable[[str], np.ndarray] | None = None


@dataclass
class Summary:
    """What happened, in numbers."""

    pictures: int = 0
    regions: int = 0
    specks: int = 0
    left_out: int = 0
    turned: list[str] = field(default_factory=list)
    pixels: int = 0
    ignored: int = 0
    dropped: list[int] = field(default_factory=lambda: [0, 0])
    remarks: list[str] = field(default_factory=list)


def export(labels: LabelSet, target: Format, out: Path, *, choice: Choice, options: Options) -> Summary:
    """Write the label maps to a new folder, with `review.csv`, and say what became of them.

    Raises:
        ExchangeError: something lies at `out`, or the format cannot name all photographs or labels.
    """
    _require_new(out)
    work = _Export(labels, target, choice, options)
    with replacing(out) as folder:
        work.write(folder)
        _require_new(out)  # still, though that took its time
    return work.summary


class _Export:
    def __init__(self, labels: LabelSet, target: Format, choice: Choice, options: Options) -> None:
        self.labels, self.target, self.choice, self.options = labels, target, choice, options
        self.names = ["background", *labels.classes]
        if choice.ignore_as is not None:
            self.names.append(choice.ignore_as)
        self.summary = Summary()
        self._require_names()

    def write(self, out: Path) -> None:
        """The pictures, their photographs and the list of regions."""
        rows: list[tuple] = []
        self.summary.remarks += self.target.write(self._pictures(out, rows), self.names, out, self.options)
        if not self.summary.pictures:
            raise ExchangeError("no label map is left to export; raise --max-ignore")
        rows.sort(key=lambda row: (inf if row[2] is None else row[2], row[0]))
        shown = (["" if v is None else f"{v:.4f}" if isinstance(v, float) else v for v in row] for row in rows)
        artifacts.write_text(out / REVIEW, csv_text(_COLUMNS, shown))

    def _pictures(self, out: Path, rows: list[tuple]) -> Iterator[Picture]:
        for image_id in self._ordered():
            turned = photographs.is_turned(self.labels.photographs[image_id])
            name = self.labels.file_names[image_id]
            placed = self.choice.photographs != "none"
            if turned:
                self.summary.turned.append(name)
            name = photographs.name_beside(name, turned=turned and placed)
            picture = self._picture(image_id, name)
            if placed:
                photographs.put(
                    self.labels.photographs[image_id],
                    out / self.target.PHOTOGRAPHS.format(split=picture.split) / name,
                    turned=turned, link=self.choice.photographs == "link",
                )  # fmt: skip
            rows += [(name, self.names[r.label], r.confidence, r.pixels, *r.box) for r in picture.regions]
            yield picture

    def _ordered(self) -> list[str]:
        """The ids whose maps are not ignored for the most part, the least certain first."""
        shares = {image_id: self._look(image_id) for image_id in self.labels.photographs}
        kept = [image_id for image_id, (_, ignored) in shares.items() if ignored <= self.choice.max_ignore]
        self.summary.left_out = len(shares) - len(kept)
        return sorted(kept, key=lambda image_id: shares[image_id][0])[: self.choice.first]

    def _look(self, image_id: str) -> tuple[float, float]:
        """How certain a map is, and which share of it is ignored."""
        labels = self.labels.labels(image_id)
        known = labels != IGNORE_INDEX
        sure = self._probability(image_id, labels)
        mean = 1.0 if sure is None else float(sure[known].mean()) if known.any() else 0.0
        return mean, 1 - float(known.mean())

    def _probability(self, image_id: str, labels: np.ndarray) -> np.ndarray | None:
        if self.choice.others is not None:
            return (labels == self.choice.others(image_id)).astype(np.float32)
        if self.labels.scores is None:
            return None
        return confidence_in(self.labels.scores(image_id), labels)

    def _picture(self, image_id: str, name: str) -> Picture:
        labels = self.labels.labels(image_id)
        probability, known = self._probability(image_id, labels), labels != IGNORE_INDEX
        mean = None if probability is None else float(probability[known].mean()) if known.any() else 0.0
        if self.choice.ignore_as is not None:
            labels = np.where(known, labels, len(self.names) - 1).astype(np.uint8)
        whole = self.target.WHOLE or self.options.stuff
        diagonal = self.options.segmentation == "rle"
        kept = []
        for region in regions_of(labels, whole=whole, diagonal=diagonal, probability=probability):
            if region.pixels >= self.choice.min_area:
                kept.append(region)
            else:
                self._drop(region, labels)
        self._count(kept, known)
        return Picture(image_id, name, self.labels.splits[image_id], labels, tuple(kept), mean)

    def _drop(self, region: Region, labels: np.ndarray) -> None:
        region.of(labels)[region.mask] = BACKGROUND
        self.summary.dropped[0] += 1
        self.summary.dropped[1] += region.pixels

    def _count(self, regions: list[Region], known: np.ndarray) -> None:
        self.summary.pictures += 1
        self.summary.regions += len(regions)
        self.summary.specks += sum(region.pixels < SPECK for region in regions)
        self.summary.pixels += known.size
        self.summary.ignored += int(known.size - np.count_nonzero(known))

    def _require_names(self) -> None:
        """Names of labels differ, and so do those of photographs by which the format's readers know them."""
        if self.choice.ignore_as in self.names[:-1]:
            raise ExchangeError(f"--ignore-as {self.choice.ignore_as} is the name of a class; choose another")
        if self.choice.ignore_as is not None and len(self.names) > IGNORE_INDEX:
            raise ExchangeError("there are as many classes as a label map holds, and no room for --ignore-as")
        if self.target.BY_BASE_NAME and not self.options.by_path:
            _require_base_names(self.labels.file_names)


def _require_base_names(file_names: Mapping[str, str]) -> None:
    alike = defaultdict(list)
    for name in file_names.values():
        alike[name.rpartition("/")[2].lower()].append(name)
    same = [names for names in alike.values() if len(names) > 1]
    if same:
        raise ExchangeError(
            f"{len(same)} names of photographs occur in several folders ({named(same[0])}), and many readers of this"
            " format know a photograph by its name alone; rename them, or give --by-path for readers that compare whole"
            " paths, as CVAT does"
        )


def _require_new(out: Path) -> None:
    """Nothing is written over, for it may be what somebody corrected."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise ExchangeError(f"{out} is there already, and may hold corrections; choose another --out or move it away")
