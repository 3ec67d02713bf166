"""Unfinished work of a stage, kept where DVC does not delete it, so that a killed run goes on.

A journal is one folder for each (output, digest of everything the output depends on). A stage fills it
file by file and publishes it whole: the output appears complete or not at all, and a run with other
parameters or inputs never sees what an earlier one left.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wsss_core import artifacts
from wsss_core.training import environment


@dataclass(frozen=True)
class Journal:
    """A folder of unfinished work and the place where its content goes in the end."""

    folder: Path
    out: Path

    @classmethod
    def open(cls, out: Path, *, key: object) -> Journal:
        """The journal of `out` for `key` (JSON-like: stage, params, inputs' digests).

        Work left by another key is dropped: its parameters or inputs are no longer the current ones.
        """
        name = "-".join(out.parts[-4:]).strip("/") or "out"
        base = environment.resume_folder() / name
        folder = base / artifacts.digest_of(key)
        if base.is_dir():
            for other in base.iterdir():
                if other != folder:
                    shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, out)

    def publish(self) -> None:
        """Move the journal's content to `out`, replacing what was there."""
        for temporary in artifacts.half_written(self.folder):
            temporary.unlink()
        partial = self.out.with_name(f".{self.out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.folder, partial)  # a copy where the journal lies on another file system
        shutil.rmtree(self.out, ignore_errors=True)
        partial.rename(self.out)
        _remove_if_empty(self.folder.parent)
        _remove_if_empty(environment.resume_folder())


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def content_digest(*inputs: Path) -> list[str]:
    """What identifies each input: a folder's manifest digest, or a file's bytes."""
    digests = []
    for path in inputs:
        if path.is_dir():
            digests.append(artifacts.read_json(path / artifacts.MANIFEST)["content"])
        else:
            with artifacts.reading(path):
                digests.append(artifacts.digest_of(path.read_bytes().hex()))
    return digests
