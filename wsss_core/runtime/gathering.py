"""Artifacts that an array of jobs makes.

Each job makes one shard of the images (`WSSS_SHARD=3/16`) and leaves them in the journal, beside a record of the whole:

    RESUME_FOLDER/OUTPUT/KEY/whole.json

`wsss gather` publishes what such a record describes, as the run that makes all images by itself does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss_core import artifacts
from wsss_core.artifacts import ArtifactError
from wsss_core.problems import named
from wsss_core.runtime import environment
from wsss_core.runtime.journal import Journal, content_digest
from wsss_core.runtime.per_image import RECORD, Whole
from wsss_core.runtime.provenance import Provenance


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
        content = artifacts.read_json(record)
        try:
            shards, command, made = (content.pop(name) for name in ("shards", "command", "made"))
            inputs = [Path(path) for path in content.pop("inputs")]
            described = Whole(**{**content, "out": Path(content["out"])}, inputs=inputs, made=Provenance(**made))
            return cls(described, record.parent, shards, command)
        except (AttributeError, KeyError, TypeError) as error:
            raise ArtifactError(f"{record} is damaged; delete {record.parent} and run the shards again") from error

    def publish(self) -> None:
        """Publish it, if nothing lacks and nothing changed.

        Raises:
            ArtifactError: shards, or images of them, are missing, or the inputs are others by now.
            InUseError: one of the jobs is still at work.
        """
        own = self.whole
        if content_digest(*own.inputs) != list(own.digests):
            names = named([path.as_posix() for path in own.inputs])
            raise ArtifactError(f"what {own.out} is made of ({names}) changed since; run all its shards again")
        with Journal.again(self.folder, own.out) as journal:
            if missing := own.missing(own.finished(journal.folder)):
                raise ArtifactError(self._lacking(missing))
            own.publish(journal)

    def _lacking(self, missing: Sequence[str]) -> str:
        shards = sorted({self.whole.ids.index(image_id) % self.shards + 1 for image_id in missing})
        again = [f"WSSS_SHARD={number}/{self.shards} {self.command}" for number in shards[:3]]
        more = f" and {len(shards) - 3} more" if len(shards) > 3 else ""
        return (
            f"{self.whole.out} lacks {len(missing)} of {len(self.whole.ids)} results ({named(missing)}): run"
            f" `{'`, `'.join(again)}`{more}, then gather again"
        )


def pending() -> list[Pending]:
    """What waits to be gathered; of an artifact that was begun from several states of its inputs, the last."""
    records = sorted(environment.resume_folder().glob(f"*/*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    found = [Pending.read(record) for record in records]
    return [*{waiting.whole.out: waiting for waiting in found}.values()]
