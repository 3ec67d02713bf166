"""The index: all that later stages know of a data set, in one file written by `prepare`.

It names no mask, so that a run cannot depend on one unnoticed.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from wsss_core import artifacts, manifests
from wsss_core.data.images import MAX_PIXELS, ImageError, decode_image, read_bytes
from wsss_core.problems import DatasetError, Problem
from wsss_core.voc import IGNORE_INDEX

VERSION = 3
_REMEDY = "run `dvc repro -f prepare`"

Text = Annotated[str, Field(min_length=1)]
Side = Annotated[int, Field(ge=1)]
"""Height or width in pixels."""


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

    id: Text
    path: Text
    tags: tuple[int, ...]
    height: Side
    width: Side
    digest: str


FIELDS = {field.name for field in fields(Record)}
_RECORD = TypeAdapter(Record)
_TAKEN = object()


class Records(Mapping[str, Record]):
    """Records by their id, each kept as a line of JSON until it is asked for.

    So a photograph takes 0.3 kB in each process that holds the index, a fifth of what its record in a dict would.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._text = bytearray()
        self._starts = array("Q", [0])

    def take(self, found: dict) -> object:
        """Keep an object of a JSON file if it is a record, whose id must come after all others.

        Called while the file is parsed: all records as dicts would take seven times the memory.

        Returns:
            what stands in the file's content in its place: the object itself, if it is no record.

        Raises:
            ValidationError: a value is none of a record.
        """
        if found.keys() != FIELDS:
            return found
        line = json.dumps(found, sort_keys=True, default=lambda _: None).encode()  # a record in a record is no value
        self._ids.append(_RECORD.validate_json(line, strict=True).id)
        self._text += line
        self._starts.append(len(self._text))
        return _TAKEN

    def are_all_of(self, content: object) -> bool:
        """Whether this is what a file's content holds in the place of its records, and they are all that were kept."""
        return content == [_TAKEN] * len(self)

    def __getitem__(self, image_id: str) -> Record:
        place = bisect_left(self._ids, image_id)
        if self._ids[place:place + 1] != [image_id]:
            raise KeyError(image_id)
        return _RECORD.validate_json(self._text[self._starts[place]:self._starts[place + 1]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def digest(self) -> str:
        """Of all of them."""
        return manifests.bytes_digest(self._text)


@dataclass(frozen=True)
class Index:
    """A prepared data set.

    Attributes:
        format, root: of the data set, as in params.yaml.
        classes: name of class id i + 1 at place i; C = len(classes).
        splits: "train" and "val", each with its ids ascending.
        records: id -> record.
        supervision: "tags", or "pixels" where the tags had to be taken from masks.

    >>> pet = Record("pets/1", "pets/1.jpg", tags=(2,), height=375, width=500, digest="")
    >>> index = Index("folder", "photographs", ("cat", "dog"), {"train": ("pets/1",)}, {"pets/1": pet}, "tags")
    >>> index.ids("train"), index.tag_ids("pets/1"), index.size("pets/1"), index.path("pets/1").as_posix()
    (('pets/1',), array([2], dtype=uint8), (375, 500), 'photographs/pets/1.jpg')
    """

    format: str
    root: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[str, ...]]
    records: Mapping[str, Record]
    supervision: Literal["tags", "pixels"]

    @classmethod
    def open(cls, path: Path) -> Index:
        """Read what `write` wrote.

        Raises:
            DatasetError: the file is missing, damaged, or of another version of this software.
        """
        if not path.is_file():
            raise _index_error(path, "the index is missing; run `dvc repro prepare` first")
        records = Records()
        try:
            content = artifacts.read_json(path, object_hook=records.take)
            if not isinstance(content, dict):
                raise _index_error(path, f"the index is damaged; {_REMEDY}")
            if content.get("version", VERSION) != VERSION:
                raise _index_error(path, f"the index is of another version of this software; {_REMEDY}")
            has_all = records.are_all_of(content.pop("records", None))
            if content.pop("digest", None) != _digest(content, records) or not has_all:
                raise _index_error(path, f"the index is damaged, or was changed by hand; {_REMEDY}")
            stored = _Stored.model_validate_json(json.dumps(content), strict=True)  # refuses halves of letters too
        except (artifacts.ArtifactError, ValidationError):
            raise _index_error(path, f"the index is damaged; {_REMEDY}") from None
        own = {name: name for name in records}  # so that each id is one string in memory, and in a pickle
        sound = (
            _ascends(records)
            and all(_is_sound(record, num_classes=len(stored.classes)) for record in records.values())
            and all(name in own for ids in stored.splits.values() for name in ids)
        )
        if not sound:
            raise _index_error(path, f"the index contradicts itself; {_REMEDY}")
        splits: dict[str, tuple[str, ...]] = {
            split: tuple(own[name] for name in ids) for split, ids in stored.splits.items()
        }
        return cls(stored.format, stored.root, stored.classes, splits, records, stored.supervision)

    def write(self, path: Path) -> None:
        """Write the index as JSON; the same index gives the same bytes."""
        stored, taken = [asdict(self.records[name]) for name in sorted(self.records)], Records()
        for record in stored:
            taken.take(record)
        content = {
            "version": VERSION,
            "format": self.format,
            "root": self.root,
            "supervision": self.supervision,
            "classes": self.classes,
            "splits": dict(sorted(self.splits.items())),
        }
        artifacts.write_json(path, {**content, "records": stored, "digest": _digest(content, taken)})

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
            ImageError: its file is gone, or not what it was when it was indexed.
        """
        record, path = self[image_id], self.path(image_id)
        if not path.is_file():
            raise ImageError(f"{path} is gone since the index was made; put it back or {_REMEDY}")
        content = read_bytes(path)
        if manifests.bytes_digest(content) != record.digest:
            raise ImageError(f"{path} has changed since the index was made; put it back as it was or {_REMEDY}")
        return decode_image(content, path)


class _Stored(BaseModel):
    """The file as `Index.write` makes it, without records and digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[3]
    format: Text
    root: Text
    supervision: Literal["tags", "pixels"]
    classes: Annotated[tuple[Text, ...], Field(min_length=1, max_length=IGNORE_INDEX - 1)]
    splits: dict[Literal["train", "val"], tuple[str, ...]]


def _digest(content: dict, records: Records) -> str:
    """Of all that the file says, `content` without the records."""
    return manifests.digest_of({**content, "records": records.digest})


def _is_sound(record: Record, *, num_classes: int) -> bool:
    is_small = record.height * record.width <= MAX_PIXELS
    return is_small and _ascends((0, *record.tags, num_classes + 1)) and _stays_below(record.id)


def _ascends(items: Iterable) -> bool:
    return all(item < following for item, following in pairwise(items))


def _stays_below(image_id: str) -> bool:
    """Whether an id names files below the folder of an artifact, and nowhere else."""
    path = PurePosixPath(image_id)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in image_id


def spread(ids: Sequence[str], count: int) -> list[str]:
    """`count` ids in even distances over all; all of them where there are fewer."""
    count = min(count, len(ids))
    return [ids[(2 * place + 1) * len(ids) // (2 * count)] for place in range(count)]


def _index_error(path: Path, reason: str) -> DatasetError:
    return DatasetError([Problem("index", str(path), f"{path}: {reason}")], path)
