"""Photographs through a network and into a folder: reading, computing and writing beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from wsss_core import artifacts, manifests
from wsss_core.artifacts import Scores
from wsss_core.prediction.output import Output
from wsss_core.prediction.reading import Done, Item, Picture, Reader, Unreadable
from wsss_core.prediction.record import Record
from wsss_core.prediction.segmenting import Segmenting
from wsss_core.runtime.ahead import ahead
from wsss_core.runtime.journal import runs

READERS, WRITERS = 2, 2
"""Threads; neither decoding nor encoding takes a tenth of the time of a network."""

Result = tuple[Item, np.ndarray | None, Scores | None]
"""What was read, and of a picture its labels and, where they are wanted, its scores."""


@dataclass
class Tally:
    """What became of the pictures.

    Attributes:
        written, before: how many were segmented now, and how many had been.
        unreadable: why files could not be read, a sentence each.
    """

    written: int = 0
    before: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def there(self) -> int:
        return self.written + self.before


def opened(output: Output, model: Path, *, fabric: Any, **options) -> Record:
    """The record of a folder for a model file and these options.

    Raises:
        ValueError: the folder holds predictions of others.
    """
    for temporary in artifacts.half_written(output.folder):  # of a run that was killed in the middle of a file
        if temporary.stem.endswith((".png", ".npz", ".jpg")) and not runs(int(temporary.suffix[1:])):
            temporary.unlink(missing_ok=True)
    key = {"model": manifests.file_digest(model), "precision": fabric.strategy.precision.precision, **options}
    return Record.open(output.folder, key)


def run(network: Any, reader: Reader, *, fabric: Any, **options) -> Tally:
    """Segment all that the reader knows and does not find done; `options` are those of `labels_of`.

    Raises:
        OSError: a result cannot be written; those before it are whole, and noted.
    """
    segmenting = Segmenting(network, fabric=fabric, with_scores=reader.output.with_scores, **options)

    def segmented(item: Item) -> Iterator[Result]:
        yield (item, *segmenting(item)) if isinstance(item, Picture) else (item, None, None)

    def written(result: Result) -> Iterator[Item]:
        item, labels, scores = result
        if isinstance(item, Picture) and labels is not None:
            reader.output.write(item.name, item.image, labels, scores, keep=item.keep)
        yield item

    tally = Tally()
    with (
        tqdm(total=len(reader.files), desc="predict", unit="image", smoothing=0) as bar,
        closing(ahead(reader.files, reader, threads=READERS)) as items,
        closing(ahead(items, segmented, threads=segmenting.threads)) as results,
        closing(ahead(results, written, threads=WRITERS)) as finished,
    ):
        for item in finished:
            _count(item, tally, reader.record)
            if isinstance(item, Done):
                bar.initial += item.number is None  # so that it has no part in images a second
            done = tally.there + len(tally.unreadable)
            bar.total = max(bar.total, done)
            bar.update(done - bar.n)
    return tally


def _count(item: Item, tally: Tally, record: Record) -> None:
    """In the order of the files, so that a record's bytes do not depend on the threads."""
    if isinstance(item, Unreadable):
        tally.unreadable.append(item.reason)
    elif isinstance(item, Picture):
        tally.written += 1
        if not item.keep:
            record.note(item.name, item.digest)
    elif item.number is None:
        tally.before += 1
    elif record.number_of(item.name, item.digest) is None:
        record.note(item.name, item.digest, item.number)
