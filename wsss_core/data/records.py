"""What the index knows of each photograph, kept so small that millions fit into every process that reads it."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

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


def line(record: Mapping[str, Any]) -> bytes:
    """The fields of a record as a line of `Records`; what is no JSON becomes null, which no field may be."""
    return json.dumps(record, sort_keys=True, default=lambda _: None).encode()


class Records(Mapping[str, Record]):
    """Records by their id, each kept as a line of JSON until it is asked for.

    So a photograph takes 0.3 kB in each process that holds the index, a fifth of what its record in a dict would.

    Args:
        lines: made by `line`; ids must ascend, since they are looked up by halves.

    Raises:
        ValidationError: a line is no record.

    >>> from dataclasses import asdict
    >>> pet = Record("pets/1", "pets/1.jpg", tags=(2,), height=375, width=500, digest="")
    >>> records = Records([line(asdict(pet))])
    >>> list(records), records["pets/1"] == pet
    (['pets/1'], True)
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        text = bytearray()
        self._ids: list[str] = []
        self._starts = array("Q", [0])
        for each in lines:
            self._ids.append(_RECORD.validate_json(each, strict=True).id)
            text += each
            self._starts.append(len(text))
        self._text = bytes(text)

    def __getitem__(self, image_id: str) -> Record:
        place = bisect_left(self._ids, image_id)
        if self._ids[place:place + 1] != [image_id]:
            raise KeyError(image_id)
        return _RECORD.validate_json(self._text[self._starts[place]:self._starts[place + 1]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
