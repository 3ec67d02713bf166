"""What a format gets to write, and what it finds when it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import numpy as np

from wsss_core import registry
from wsss_core.data.names import composed
from wsss_core.exchange.regions import Region
from wsss_core.problems import excerpt, suggestion
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

Size = tuple[int, int]
"""(H, W)."""
_MOST = 1 << 16
"""Pixels of a side that are no photograph's."""
NO_SPLIT = "default"
SPLITS = ("train", "val", "test", NO_SPLIT)
"""Names of folders that say of which part of a set a photograph is; NO_SPLIT where there are none."""


class ExchangeError(ValueError):
    """Label maps cannot be exported or imported; the text names what is wrong and the remedy."""


@dataclass(frozen=True)
class Options:
    """What the user may choose of formats; each names in OPTIONS what it heeds.

    Attributes:
        segmentation: `polygons` or `rle`.
        stuff: one region for each label, not one for each part that hangs together.
        by_path: photographs are known by their path, so that base names may repeat.
        image_root_url: what stands before a photograph's path in a URL.
        tasks_per_file: most of them in one file.
        palette: maps have VOC's colours.
    """

    segmentation: str = "polygons"
    stuff: bool = False
    by_path: bool = False
    image_root_url: str = "/data/local-files/?d="
    tasks_per_file: int = 1000
    palette: bool = False


@dataclass(frozen=True)
class Picture:
    """A photograph and what is written of it.

    Attributes:
        id: names its label map.
        file_name: its path below the photographs' folder, with "/" and its suffix.
        split: the part of the set, `train` or `val`; NO_SPLIT where there is none.
        labels: (H, W) uint8, as large as the photograph is when it is turned upright.
        regions: of the labels.
        confidence: mean over the pixels that are not ignored; None where nothing tells.
    """

    id: str
    file_name: str
    split: str
    labels: np.ndarray
    regions: tuple[Region, ...]
    confidence: float | None

    @property
    def size(self) -> Size:
        """(H, W)."""
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def stem(self) -> str:
        """`file_name` without its suffix."""
        return self.file_name.removesuffix(Path(self.file_name).suffix)


Draw = Callable[[Size], np.ndarray]
"""draw(size) -> (H, W) uint8 labels of the classes sought. `size` is the photograph's, for formats that keep none."""


@dataclass(frozen=True)
class Drawn:
    """A label map as it is read.

    Attributes:
        name: of its photograph, as it stands there.
        place: where that is, for messages: two of one photograph are told apart by it.
        draw: how its labels are drawn.
    """

    name: str
    place: str
    draw: Draw


@dataclass
class Sought:
    """What the labels that are read must mean.

    Attributes:
        classes: names of the labels from 1.
        ignore_as: the name that stands for IGNORE_INDEX.
        notes: what the reader passed over, for the user.
    """

    classes: Sequence[str]
    ignore_as: str
    notes: list[str] = field(default_factory=list)

    def label(self, name: str, *, source: Path | str) -> int:
        """The label that a name means; `background` and `ignore_as` are none of the classes, unless one is called so.

        Raises:
            ExchangeError: there is no such class.
        """
        known = {composed(own): label for label, own in enumerate(self.classes, start=1)}
        known = {"background": BACKGROUND, composed(self.ignore_as): IGNORE_INDEX} | known
        label = known.get(composed(name))
        if label is None:
            near = suggestion(name, known)
            remedy = f"{near} Correct it there" if near else "; correct it there"
            raise ExchangeError(
                f"{source}: the label {excerpt(name, 60)!r} is no class of this data set{remedy}, or name what is to be"
                " ignored with --ignore-as"
            )
        return label


class Format(Protocol):
    """A module of `formats/`.

    Attributes:
        TITLE: a line of help.
        OPTIONS: names of the `Options` that it heeds.
        PHOTOGRAPHS: below the export, where photographs belong, by {split}; DEFAULT says whether they are put there
            unasked.
        KEEPS_IGNORED: whether 255 has a place of its own.
        BY_BASE_NAME: whether readers know photographs by the last part of their names.
        WHOLE: whether all pixels of a label are one region.
        LOSES: what it cannot hold, as a sentence.
    """

    TITLE: str
    OPTIONS: frozenset[str]
    PHOTOGRAPHS: str
    DEFAULT: str
    KEEPS_IGNORED: bool
    BY_BASE_NAME: bool
    WHOLE: bool
    LOSES: str

    def write(self, pictures: Iterable[Picture], names: Sequence[str], out: Path, options: Options) -> list[str]:
        """Write all pictures below `out`, those given first first; `names[k]` is of label k. Returns remarks."""

    def read(self, source: Path, sought: Sought) -> Sequence[Drawn]:
        """What a folder or file holds; a photograph that it holds twice is there twice.

        Raises:
            ExchangeError, DatasetError: it is none of this format, or broken.
        """


def is_size(*sides: object) -> bool:
    """Whether a document's height and width are those of a photograph: whole numbers, in bounds."""
    return all(type(side) is int and 0 < side < _MOST for side in sides)


def without_splits(found: Mapping[str, Path]) -> dict[str, Path]:
    """Name of a photograph -> its file, without the folders of splits; with them where two names would be one.

    >>> without_splits({"train/street/1": Path("1.txt"), "2": Path("2.txt")}).keys()
    dict_keys(['street/1', '2'])
    >>> without_splits({"train/1": Path("1.txt"), "val/1": Path("2.txt")}).keys()
    dict_keys(['train/1', 'val/1'])
    """
    below = {_without_split(name): path for name, path in found.items()}
    return below if len(below) == len(found) else dict(found)


def _without_split(name: str) -> str:
    split, _, rest = name.partition("/")
    return rest if split in SPLITS and rest else name


def names() -> list[str]:
    """What `--to` and `--from` know."""
    return [name.replace("_", "-") for name in registry.formats()]


def of(name: str) -> Format:
    """The format of a name."""
    module: ModuleType = registry.format_named(name.replace("-", "_"))
    return cast(Format, module)
