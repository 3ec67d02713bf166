"""What a folder of predictions holds and how it was made, so that a killed run goes on and no two runs mix in it.

    OUT/predicted.jsonl    the model and the options in the first line, then a line for each picture that is done

A picture is done when its results were written and its file, with its tags, is still the one that they are of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsss_core import artifacts

FILE = "predicted.jsonl"

_REMEDY = "choose another --out, or delete that folder"
_MODEL = "model"


@dataclass
class Record:
    """The pictures that are done in a folder.

    Attributes:
        path: the file that says so.
        key: what else their results depend on; JSON-like.
        done: name -> digest of what they are of; of a file with several pictures its name -> digest and their number.
    """

    path: Path
    key: Mapping[str, Any]
    done: dict[str, list] = field(default_factory=dict)

    @classmethod
    def open(cls, out: Path, key: Mapping[str, Any]) -> Record:
        """The record of a folder, begun if there is none.

        Args:
            key: `model`, a digest, and options by name.

        Raises:
            ValueError: the folder holds predictions of another key, or the file is no record.
        """
        path = out / FILE
        if not path.exists():
            artifacts.write_text(path, json.dumps(key, sort_keys=True) + "\n")
            return cls(path, key)
        first, *lines = _lines(path)
        if first != (now := json.loads(json.dumps(key))):
            raise ValueError(f"{out} holds label maps {_difference(first, now)}; {_REMEDY}")
        return cls(path, key, {line[0]: line[1:] for line in lines})

    def has(self, name: str, digest: str) -> bool:
        """Whether the picture of this name is done."""
        return self.done.get(name) == [digest]

    def number_of(self, name: str, digest: str) -> int | None:
        """How many pictures a file with several has, if all of them are done."""
        digest_and_number = self.done.get(name, [])
        return digest_and_number[1] if digest_and_number[:1] == [digest] and len(digest_and_number) == 2 else None

    def note(self, name: str, digest: str, *number: int) -> None:
        """Remember that a picture is done, or all `number` of a file."""
        self.done[name] = [digest, *number]
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, digest, *number], ensure_ascii=False) + "\n")


def is_record(path: Path) -> bool:
    """Whether a file is a record as this command writes it."""
    try:
        return bool(_lines(path))
    except (OSError, ValueError):
        return False


def _lines(path: Path) -> list[Any]:
    """The key, and the lines of pictures that are whole: a killed process may have left the last one cut off."""
    try:
        first, *texts = path.read_text(encoding="utf-8").splitlines()
        key = json.loads(first)
        if not isinstance(key, dict) or _MODEL not in key:
            raise ValueError("it names no model")
    except ValueError:  # of text that is no UTF-8 too
        raise ValueError(f"{path} is none that this command wrote, or damaged; {_REMEDY}") from None
    return [key, *(line for text in texts if (line := _line(text)))]


def _line(text: str) -> list | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    is_ours = isinstance(line, list) and len(line) in (2, 3) and isinstance(line[0], str)
    return line if is_ours else None


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Of another model, or which options differ."""
    if before.get(_MODEL) != now[_MODEL]:
        return "of another model"
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    shown = [f"{name} {json.dumps(before.get(name))}, now {json.dumps(now.get(name))}" for name in names]
    return f"made with other options ({'; '.join(shown)})"
