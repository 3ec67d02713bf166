"""Artifacts that an array of jobs makes.

Each job makes one shard of the images (`WSSS_SHARD=3/16`) and leaves them in the journal, beside a record of the whole
(`shard_record`). `wsss gather` publishes what such a record describes, as the run that makes all images by itself does,
if that is what the stage would make now.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss_core.artifacts import ArtifactError
from wsss_core.problems import named
from wsss_core.runtime import environment, shard_record
from wsss_core.runtime.journal import Journal
from wsss_core.runtime.per_image import Whole
from wsss_core.runtime.provenance import Provenance
from wsss_core.runtime.shard_record import ShardRecord

_UNSET = dict.fromkeys(("WSSS_SHARD", "WSSS_ACCELERATOR", "WSSS_NODES", "WSSS_PRECISION"), "")


@dataclass(frozen=True)
class Pending:
    """A whole of which an array of jobs has made shards.

    Attributes:
        folder: of its journal's key.
        shards: into so many it was divided, by those who came last.
        command: makes a shard.
    """

    whole: Whole
    folder: Path
    shards: int
    command: str

    @classmethod
    def read(cls, record: Path) -> Pending:
        """What a record describes. Raises ArtifactError where it is damaged."""
        stored = ShardRecord.read(record)
        as_it_is = stored.model_dump(include={"stage", "suffix", "params", "ids", "digests", "supervised_by"})
        inputs, made = [Path(path) for path in stored.inputs], Provenance(**stored.made.model_dump())
        described = Whole(out=Path(stored.out), inputs=inputs, made=made, **as_it_is)
        return cls(described, record.parent, stored.shards, stored.command)

    def changed(self) -> str:
        """Why its stage would make something else now; empty if it would make this."""
        settings = {"WSSS_GATHER": str(self.folder / shard_record.NAME), "WSSS_DEVICES": "cpu", **_UNSET}
        asked = subprocess.run(
            [sys.executable, *shlex.split(self.command)[1:]], env={**os.environ, **settings}, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        if asked.returncode == shard_record.SAME:
            return ""
        said = asked.stderr.rpartition("Error: ")[2].strip() or "it made something else"
        return said if asked.returncode == 1 else f"`{self.command}` does not make {self.whole.out}: {said}"

    def publish(self) -> None:
        """Publish it, if nothing lacks.

        Raises:
            ArtifactError: shards, or images of them, are missing.
            InUseError: one of the jobs is still at work.
        """
        with Journal.again(self.folder, self.whole.out) as journal:
            if missing := self.whole.missing(self.whole.finished(journal.folder)):
                raise ArtifactError(self._lacking(missing))
            self.whole.publish(journal)

    def _lacking(self, missing: Sequence[str]) -> str:
        shards = sorted({self.whole.ids.index(image_id) % self.shards + 1 for image_id in missing})
        again = [f"WSSS_SHARD={number}/{self.shards} {self.command}" for number in shards[:3]]
        more = f" and {len(shards) - 3} more" if len(shards) > 3 else ""
        return (
            f"{self.whole.out} lacks {len(missing)} of {len(self.whole.ids)} results ({named(missing)}): run"
            f" `{'`, `'.join(again)}`{more}, then gather again"
        )


def pending() -> dict[Path, list[Pending]]:
    """What waits to be gathered: the artifact -> that which was begun of it from other states, the last one first."""
    records = environment.resume_folder().glob(f"*/*/{shard_record.NAME}")
    found: defaultdict[Path, list[Pending]] = defaultdict(list)
    for waiting in map(Pending.read, sorted(records, key=lambda path: -path.stat().st_mtime)):
        found[waiting.whole.out].append(waiting)
    return dict(found)


def publish(begun: Sequence[Pending]) -> Whole:
    """Publish the one of them, all of one artifact, that its stage would make now.

    Raises:
        ArtifactError: it would make none of them, or what it would lacks something.
        InUseError: one of the jobs is still at work.
    """
    reasons = []
    for waiting in begun:
        if not (reason := waiting.changed()):
            waiting.publish()
            return waiting.whole
        reasons.append(reason)
    raise ArtifactError(reasons[0])

