"""Which results in a journal are finished: those that are still the bytes that were noted when they were made.

That a file exists says little. A power cut may leave it empty, a full disk or a hand may change it, and once it is
published its digest stands for the truth. So each process notes what it made, beside the files:

    RESUME_FOLDER/OUTPUT/KEY/finished-RANK.jsonl      [NAME, DIGEST], a line a file
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from wsss_core import digests
from wsss_core.artifacts import ArtifactError
from wsss_core.problems import named


class Finished:
    """What the processes of this run and of killed ones noted.

    Attributes:
        folder: of the files.

    Args:
        suffixes: of an image's files, of which it may have some.
        rank: of this process; it and those of its pool keep notes of their own.
    """

    def __init__(self, folder: Path, *, suffixes: Iterable[str], rank: int = 0) -> None:
        self.folder, self._suffixes = folder, sorted(suffixes)
        self._own = folder.parent / f"finished-{rank}.jsonl"
        self._noted = _notes(folder.parent)

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
        noted = _notes(self.folder.parent)
        if changed := sorted(name for name, digest in files.items() if digest not in noted[name]):
            raise ArtifactError(
                f"{len(changed)} files below {self.folder} changed since they were made ({named(changed)}); leave the"
                " folder alone, see that its disk is sound, and run this again, which makes them anew"
            )

    def _names(self, image_id: str) -> list[str]:
        return [f"{image_id}{suffix}" for suffix in self._suffixes]

    def _digest(self, name: str) -> str | None:
        path = self.folder / name
        return digests.file_digest(path) if path.is_file() else None


def _notes(folder: Path) -> defaultdict[str, set[str]]:
    """Name -> its digests; several where it was made several times. A line that was cut off tells nothing."""
    noted: defaultdict[str, set[str]] = defaultdict(set)
    for path in folder.glob("finished-*.jsonl"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                name, digest = json.loads(line)
                noted[name].add(digest)
            except (ValueError, TypeError):
                continue
    return noted
