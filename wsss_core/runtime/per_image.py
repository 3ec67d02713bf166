"""The one runner of every stage that makes one result per image.

Ids go to the ranks in strides (`ids[rank::world]`), largest image first, so that no rank ends long after the
others. CPU-bound work spreads over a standard process pool; work on a network stays in this process. Where a device
gains by it, several images go into one call. A killed run goes on from the results that its notes say are finished.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from wsss_core import manifests, supervision
from wsss_core.artifacts import ArtifactError
from wsss_core.code_digest import Code
from wsss_core.problems import named
from wsss_core.runtime import environment, shard_record
from wsss_core.runtime.ahead import Relay
from wsss_core.runtime.environment import Shard
from wsss_core.runtime.journal import Journal, content_digest, whole
from wsss_core.runtime.pool import map_in_order
from wsss_core.runtime.provenance import Provenance
from wsss_core.runtime.worker import ALONE, Processes

logger = logging.getLogger(__name__)

Work = Callable[[Sequence[str], Path], None]
"""Makes the files of some image ids in a folder; the last one it writes for an id is `<id><suffix>`."""

Size = tuple[int, int]

SUFFIXES = frozenset({".npz", ".png"})
"""The suffixes of all files that an image may have in an artifact."""


def run(
    ids: Sequence[str],
    work: Work | Relay,
    *,
    stage: str,
    code: Code,
    out: Path,
    suffix: str,
    params: object,
    inputs: Sequence[Path],
    sizes: Callable[[str], Size],
    workers: int = 0,
    batch_pixels: int = 0,
    equal_sizes: bool = False,
    processes: Processes = ALONE,
    supervised_by: str = supervision.TAGS,
) -> None:
    """Make each id's result once, then publish all of them together, with a manifest, as `out`.

    Args:
        ids: the images; an id may hold slashes.
        work: called as work(ids, folder), with one id unless `batch_pixels` says more; `each` makes one of a function
            of one id. Must pickle when workers > 1. A `Relay` works in this process, with threads beside it.
        stage: shown in the progress bar and written to the manifest.
        code: of the stage.
        out: the folder that appears when the last result is there. Until then results gather in a journal, and a
            killed run goes on from it as long as the ids, `params`, `inputs` and all that `Provenance` names stay
            what they were.
        suffix: ends the file name that shows that an id is done (".png", ".npz").
        params: JSON-like; what the results depend on beside the inputs.
        inputs: files, or folders with a manifest, that the work reads.
        sizes: an id's (H, W), for the order and the batches.
        workers: processes of a pool; 0 or 1 works in this process.
        batch_pixels: images go into one call as long as they have no more pixels than this together.
        equal_sizes: only images of one size go into one call.
        processes: which of the processes that run this very call is this.
        supervised_by: what the work is supervised by beside what its inputs are; a kind of `supervision`.

    Raises:
        whatever work raises, at once; results made so far stay in the journal.
        InUseError: another run makes the same.
        ArtifactError: the results are not those of the ids.
    """
    shard = environment.shard()
    all_of_it = Whole(
        out, stage, suffix, params, ids=sorted(ids, key=lambda image_id: _order(sizes(image_id))), inputs=inputs,
        digests=content_digest(*inputs), made=Provenance.of(code, processes),
        supervised_by=supervision.strongest(supervised_by, manifests.supervision_of(*inputs)),
    )  # fmt: skip
    if record := environment.gathered():
        return shard_record.answer(record, all_of_it.described)
    with Journal.open(out, key=all_of_it.key, processes=processes, shard=shard) as journal:
        if shard and processes.global_rank == 0:
            shard_record.write(journal.beside, all_of_it.described, shards=shard.count)
        own = all_of_it.ids[shard.number - 1::shard.count] if shard else all_of_it.ids
        own = own[processes.global_rank::processes.world_size]
        finished = all_of_it.finished(journal.folder, writer=_writer(shard, processes))
        missing = [image_id for image_id in own if not finished.has(image_id, suffix)]
        parts = batches(missing, sizes, pixels=batch_pixels, equal=equal_sizes)
        with tqdm(total=len(own), initial=len(own) - len(missing), desc=stage, unit="image",
                  disable=processes.global_rank > 0) as bar:
            for count in _counts(work, parts, finished, workers=workers):
                bar.update(count)
        processes.barrier()
        if processes.global_rank == 0 and not shard:
            all_of_it.publish(journal, processes=processes)
        elif processes.global_rank == 0:
            logger.info("shard %s of %s: %d images; when all are there: wsss gather %s", shard, stage, len(own), out)


def _writer(shard: Shard | None, processes: Processes) -> str:
    """A name for the notes of this process."""
    return f"{shard.name}-{processes.global_rank}" if shard else str(processes.global_rank)


def each(function: Callable[[str, Path], None]) -> Work:
    """The work that calls function(id, folder) for one id after the other."""
    return partial(_each, function)


def _each(function: Callable[[str, Path], None], ids: Sequence[str], folder: Path) -> None:
    for image_id in ids:
        function(image_id, folder)


def _counts(work: Work | Relay, parts: Sequence[Sequence[str]], finished: Finished, *, workers: int) -> Iterator[int]:
    """Do the work; of each part, when it is finished and noted, how many images it was."""
    if not isinstance(work, Relay):
        yield from map_in_order(partial(_make, work, finished), parts, workers=workers)
        return
    for ids in work.results(parts, finished.folder):
        finished.note(ids)
        yield len(ids)


def _make(work: Work, finished: Finished, ids: Sequence[str]) -> int:
    work(ids, finished.folder)
    finished.note(ids)
    return len(ids)


def _order(size: Size) -> tuple[int, int]:
    """Largest first, and images of one size in a row."""
    return -size[0] * size[1], size[0]


def batches(ids: Sequence[str], sizes: Callable[[str], Size], *, pixels: int, equal: bool) -> list[list[str]]:
    """The ids in runs of at most so many pixels, or of one id; of equal images only, where that is asked."""
    made: list[list[str]] = []
    room, last = 0, (0, 0)
    for image_id in ids:
        size = sizes(image_id)
        if size[0] * size[1] > room or (equal and size != last):
            made.append([])
            room = pixels
        made[-1].append(image_id)
        room, last = room - size[0] * size[1], size
    return made


@dataclass(frozen=True)
class Whole:
    """An artifact to be.

    Attributes:
        out, stage, suffix, params, supervised_by: as for `per_image.run`.
        ids: of the images, in the order in which they are made.
        inputs: of the work, and `digests` of their content.
        made: on what else the bytes depend.
    """

    out: Path
    stage: str
    suffix: str
    params: object
    ids: Sequence[str]
    inputs: Sequence[Path]
    digests: Sequence[str]
    supervised_by: str
    made: Provenance

    @property
    def key(self) -> dict[str, Any]:
        """Of the journal."""
        return {"params": self.params, "inputs": self.digests, "ids": sorted(self.ids), "made": self.made.key}

    def finished(self, folder: Path, *, writer: str = "0") -> Finished:
        """What is done of it in a folder."""
        return Finished(folder, suffixes=SUFFIXES | {self.suffix}, writer=writer)

    def missing(self, finished: Finished) -> list[str]:
        """The images that are not done."""
        return [image_id for image_id in self.ids if not finished.has(image_id, self.suffix)]

    def publish(self, journal: Journal, *, processes: Processes = ALONE) -> None:
        """Put the results in their place, with a manifest.

        Raises:
            ArtifactError: they are not those of the ids.
        """
        names = whole(
            journal.folder,
            needed={f"{image_id}{self.suffix}" for image_id in self.ids},
            allowed={f"{image_id}{other}" for image_id in self.ids for other in SUFFIXES},
        )
        files = manifests.write(
            journal.folder, stage=self.stage, params=self.params, names=names, supervised_by=self.supervised_by
        )
        self.finished(journal.folder).expect(files)
        self.made.write(self.out, processes=processes)
        journal.publish()
        journal.discard()

    @property
    def described(self) -> dict[str, Any]:
        """For the record of an array of jobs."""
        return {**asdict(self), "out": self.out.as_posix(), "inputs": [path.as_posix() for path in self.inputs]}


class Finished:
    """Which results in a journal are finished: those that are still the bytes that were noted when they were made.

    That a file exists says little. A power cut may leave it empty, a full disk or a hand may change it, and once it is
    published its digest stands for the truth. So each process notes what it made, beside the files:

        RESUME_FOLDER/OUTPUT/KEY/finished-WRITER.jsonl    [NAME, DIGEST], a line a file

    Attributes:
        folder: of the files.

    Args:
        suffixes: of an image's files, of which it may have some.
        writer: this process; it and those of its pool keep notes of their own.
    """

    def __init__(self, folder: Path, *, suffixes: Iterable[str], writer: str = "0") -> None:
        self.folder, self._suffixes = folder, sorted(suffixes)
        self._own = folder.parent / f"finished-{writer}.jsonl"
        self._noted: defaultdict[str, set[str]] = defaultdict(set)
        for name, digest in _notes(folder.parent):
            self._noted[name].add(digest)

    def has(self, image_id: str, suffix: str) -> bool:
        """Whether the image's file of this suffix was noted, and all its files are what was noted."""
        names = [name for name in self._names(image_id) if name in self._noted]
        return f"{image_id}{suffix}" in names and all(self._digest(name) in self._noted[name] for name in names)

    def note(self, image_ids: Iterable[str]) -> None:
        """Remember what lies there of these images."""
        names = [name for image_id in image_ids for name in self._names(image_id)]
        lines = [json.dumps([name, digest]) + "\n" for name in names if (digest := self._digest(name))]
        with self._own.open("a", encoding="utf-8") as file:  # whole, also where the processes of a pool write at once
            file.write("\n" + "".join(lines))  # apart from a line that a killed process left half written

    def expect(self, files: Mapping[str, str]) -> None:
        """See that all of them, name -> digest, are what some process noted.

        Raises:
            ArtifactError: they are not.
        """
        others = dict(files)
        for name, digest in _notes(self.folder.parent):
            if others.get(name) == digest:
                del others[name]
        if changed := sorted(others):
            raise ArtifactError(
                f"{len(changed)} files below {self.folder} changed since they were made ({named(changed)}); leave the"
                " folder alone, see that its disk is sound, and run this again, which makes them anew"
            )

    def _names(self, image_id: str) -> list[str]:
        return [f"{image_id}{suffix}" for suffix in self._suffixes]

    def _digest(self, name: str) -> str | None:
        path = self.folder / name
        return manifests.file_digest(path) if path.is_file() else None


def _notes(folder: Path) -> Iterator[tuple[str, str]]:
    """Names, each with a digest; several of one that was made several times. A line that was cut off tells nothing."""
    for path in folder.glob("finished-*.jsonl"):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with suppress(ValueError, TypeError):
                    name, digest = json.loads(line)
                    yield str(name), str(digest)
