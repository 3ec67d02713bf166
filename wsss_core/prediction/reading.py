"""The loader of `wsss predict`: from a file to its pictures, unless they are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import manifests
from wsss_core.data import frames, videos
from wsss_core.data.images import ImageError, read_bytes
from wsss_core.prediction.output import Output
from wsss_core.prediction.record import Record
from wsss_core.prediction.sources import frame_name, is_video


@dataclass(frozen=True)
class Picture:
    """One to be segmented.

    Attributes:
        name: of its results.
        digest: of its file and its tags, by which it is known to be done.
        image: (H, W, 3) uint8 RGB.
        tags: class ids that it may have beside the background; None allows all.
        keep: whether it is done but for kinds of results that nobody had asked for.
    """

    name: str
    digest: str
    image: np.ndarray
    tags: Sequence[int] | None
    keep: bool


@dataclass(frozen=True)
class Done:
    """A picture whose results are there; or `number` of them, all of a file."""

    name: str
    digest: str
    number: int | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be read, or not to its end, and why."""

    reason: str


Item = Picture | Done | Unreadable


@dataclass(frozen=True)
class Reader:
    """Reads files by name.

    Attributes:
        files: name -> file.
        tags: name -> class ids; None where all photographs may have all.
        record, output: what is done, and where.
    """

    files: Mapping[str, Path]
    tags: Mapping[str, Sequence[int]] | None
    record: Record
    output: Output

    def __call__(self, name: str) -> Iterator[Item]:
        """What a file holds, picture after picture; several, of which none failed, end in a `Done` of their number."""
        try:
            yield from self._items(name, self.files[name])
        except ImageError as error:
            yield Unreadable(str(error))

    def _items(self, name: str, path: Path) -> Iterator[Item]:
        tags = None if self.tags is None else self.tags[name]
        content = b"" if is_video(path) else read_bytes(path)
        digest = _digest(path, content, tags)
        number = self.record.number_of(name, digest)
        names = [name] if number is None else [frame_name(name, one + 1) for one in range(number)]
        if all(self._is_done(one, digest) for one in names):
            yield from (Done(one, digest) for one in names)
            return
        several = is_video(path) or len(frames.places(content, path)) > 1
        pictures = videos.frames(path) if is_video(path) else frames.pictures(content, path)
        count = 0
        for count, image in enumerate(pictures, start=1):
            own = frame_name(name, count) if several else name
            keep = self.record.has(own, digest)
            yield Done(own, digest) if keep and self.output.has(own) else Picture(own, digest, image, tags, keep)
        if several:
            yield Done(name, digest, count)

    def _is_done(self, name: str, digest: str) -> bool:
        return self.record.has(name, digest) and self.output.has(name)


def _digest(path: Path, content: bytes, tags: Sequence[int] | None) -> str:
    """Of the file's bytes, and of its tags if it has any."""
    own = manifests.file_digest(path) if is_video(path) else manifests.bytes_digest(content)
    return own if tags is None else manifests.digest_of([own, list(tags)])
