"""The index: all that later stages know of a data set, in one file written by `prepare`.

It names no mask, so that a run cannot depend on one unnoticed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from wsss_core import artifacts
from wsss_core.data.images import ImageError, read_image
from wsss_core.data.problems import DatasetError, Problem

VERSION = 1
_REMEDY = "run `dvc repro -f prepare`"


@dataclass(frozen=True)
class Record:
    """One photograph.

    Attributes:
        id: names its artifacts; may hold blanks, dots, accents, and "/" where images lie in sub-folders.
        path: its file, relative to the data set's root (or absolute, where it lies elsewhere).
        tags: ids of its classes, ascending, in 1..C; may be empty.
        height, width: H and W of `Index.image`, that is, upright.
        digest: of the file's bytes.
    """

    id: str
    path: str
    tags: tuple[int, ...]
    height: int
    width: int
    digest: str


@dataclass(frozen=True)
class Index:
    """A prepared data set.

    Attributes:
        format, root: of the data set, as in params.yaml.
        classes: name of class id i + 1 at place i; C = len(classes).
        splits: "train" and "val", each with its ids ascending.
        records: id -> record.
        supervision: "tags", or "pixels" where the tags had to be taken from masks.
    """

    format: str
    root: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[str, ...]]
    records: dict[str, Record]
    supervision: Literal["tags", "pixels"]

    @classmethod
    def open(cls, path: Path) -> Index:
        """Read what `write` wrote.

        Raises:
            DatasetError: the file is missing, damaged, or of another version of this software.
        """
        if not path.is_file():
            raise _index_error(path, "the index is missing; run `dvc repro prepare` first")
        try:
            content = artifacts.read_json(path)
            if content["version"] != VERSION:
                raise _index_error(path, f"the index is of another version of this software; {_REMEDY}")
            records = [Record(**{**entry, "tags": tuple(entry["tags"])}) for entry in content["records"]]
            return cls(
                format=content["format"],
                root=content["root"],
                classes=tuple(content["classes"]),
                splits={split: tuple(ids) for split, ids in content["splits"].items()},
                records={record.id: record for record in records},
                supervision=content["supervision"],
            )
        except (artifacts.ArtifactError, KeyError, TypeError, AttributeError):
            raise _index_error(path, f"the index is damaged; {_REMEDY}") from None

    def write(self, path: Path) -> None:
        """Write the index as JSON; the same index gives the same bytes."""
        artifacts.write_json(
            path,
            {
                "version": VERSION,
                "format": self.format,
                "root": self.root,
                "supervision": self.supervision,
                "classes": self.classes,
                "splits": dict(sorted(self.splits.items())),
                "records": [dataclasses.asdict(self.records[name]) for name in sorted(self.records)],
            },
        )

    def __getitem__(self, image_id: str) -> Record:
        try:
            return self.records[image_id]
        except KeyError:
            message = f"the index has no image {image_id}; {_REMEDY}"
            raise DatasetError([Problem("unknown image", image_id, message)], self.root) from None

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.records

    def ids(self, *splits: str) -> tuple[str, ...]:
        """The ids of these splits, one split after the other, each id once."""
        for split in splits:
            if split not in self.splits:
                raise ValueError(f"there is no split {split!r}; choose {' or '.join(sorted(self.splits))}")
        return tuple(dict.fromkeys(name for split in splits for name in self.splits[split]))

    def tag_ids(self, image_id: str) -> np.ndarray:
        """(K,) uint8: the ids in 1..C of the image's classes, ascending."""
        return np.array(self[image_id].tags, dtype=np.uint8)

    def size(self, image_id: str) -> tuple[int, int]:
        """The image's (H, W)."""
        return self[image_id].height, self[image_id].width

    def path(self, image_id: str) -> Path:
        """The image's file."""
        return Path(self.root) / self[image_id].path

    def image(self, image_id: str) -> np.ndarray:
        """The photograph, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: its file is gone, damaged, or of another size than when it was indexed.
        """
        record, path = self[image_id], self.path(image_id)
        if not path.is_file():
            raise ImageError(f"{path} is gone since the index was made; put it back or {_REMEDY}")
        image = read_image(path)
        if image.shape[:2] != (record.height, record.width):
            now, before = f"{image.shape[0]} x {image.shape[1]}", f"{record.height} x {record.width}"
            raise ImageError(f"{path} is {now} pixels, but the index says {before}; {_REMEDY}")
        return image


def spread(ids: Sequence[str], count: int) -> list[str]:
    """`count` ids in even distances over all; all of them where there are fewer."""
    count = min(count, len(ids))
    return [ids[(2 * place + 1) * len(ids) // (2 * count)] for place in range(count)]


def _index_error(path: Path, reason: str) -> DatasetError:
    return DatasetError([Problem("index", str(path), f"{path}: {reason}")], path)
