"""The record of an artifact of which an array of jobs makes shards; it lies beside them in the journal.

    RESUME_FOLDER/OUTPUT/KEY/whole.json

`wsss gather` starts the stage that a record names and asks it by the environment (WSSS_GATHER) whether it would make
the same now: the stage alone knows its parameters, inputs and code.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wsss_core import artifacts
from wsss_core.artifacts import ArtifactError

NAME = "whole.json"
SAME = 64
"""Exit code of a stage that would make what it is asked for."""
_PARTS = {"params": "parameters", "ids": "photographs", "digests": "inputs", "code": "code"}
"""What must be as it was. Device, precision and packages are those of the jobs, which need not be those of this one."""


class Made(BaseModel):
    """What made the shards, as `Provenance` has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: dict[str, str]
    packages: dict[str, str]
    device: str
    precision: str


class ShardRecord(BaseModel):
    """The file: the fields of `per_image.Whole`, into how many shards it is divided, and what makes one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    out: str
    stage: str
    suffix: str
    params: Any
    ids: list[str]
    inputs: list[str]
    digests: list[str]
    supervised_by: str
    made: Made
    shards: Annotated[int, Field(ge=1)]
    command: str

    @classmethod
    def read(cls, path: Path) -> ShardRecord:
        """Raises ArtifactError where the file is damaged."""
        try:
            return cls.model_validate_json(json.dumps(artifacts.read_json(path)))
        except (ArtifactError, ValidationError) as error:
            raise ArtifactError(f"{path} is damaged; delete {path.parent} and run the shards again") from error

    def part(self, name: str) -> Any:
        """What it says of one of `_PARTS`."""
        return self.made.code if name == "code" else getattr(self, name)


def write(folder: Path, whole: Mapping[str, Any], *, shards: int) -> None:
    """Record `whole`, JSON-like, of which this command makes a shard, in the folder of its journal's key."""
    command = shlex.join(["python", *sys.orig_argv[1:]])
    artifacts.write_json(folder / NAME, _of(whole, shards=shards, command=command).model_dump())


def answer(path: Path, whole: Mapping[str, Any]) -> None:
    """In a stage that is asked: whether `whole`, which it would make now, is what the record describes.

    Raises:
        SystemExit: it is; with SAME.
        ArtifactError: it is not; names what differs.
    """
    then = ShardRecord.read(path)
    now = _of(whole, shards=then.shards, command=then.command)
    if then.out != now.out:
        return
    if other := [word for part, word in _PARTS.items() if then.part(part) != now.part(part)]:
        raise ArtifactError(
            f"the shards of {now.out} in {path.parent} were made with other {' and '.join(other)} than it has now:"
            " put those back, or delete that folder and run all shards again"
        )
    sys.exit(SAME)


def _of(whole: Mapping[str, Any], **more: object) -> ShardRecord:
    return ShardRecord.model_validate_json(json.dumps({**whole, **more}, default=str))
