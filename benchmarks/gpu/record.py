"""What a part proves, line by line: printed at once, and kept where a part that is cut off leaves it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """The lines of one part, as JSON, one a line.

    Attributes:
        path: the file that they are added to.
    """

    path: Path

    def line(self, what: str, **figures: object) -> None:
        """Print and keep one thing that was proved, with its figures."""
        shown = ", ".join(f"{name} {_shown(value)}" for name, value in figures.items())
        print(f"  {what}{': ' if shown else ''}{shown}", flush=True)  # the log of `make gpu` is what it prints
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, **figures}) + "\n")

    def lines(self) -> list[dict]:
        """All lines so far; the last one of a part that was killed may be cut."""
        if not self.path.is_file():
            return []
        complete = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in complete if line.endswith("\n")]


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
