"""The report of the check: every part as it was last run, with the others or alone."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

REPORT, REHEARSAL = Path("reports/gpu.json"), Path("reports/gpu_rehearsal.json")
"""A rehearsal has a report of its own: what it proves is nothing about a GPU."""


@dataclass(frozen=True)
class Report:
    """A file of JSON: {"parts": [{"part": 1, "outcome": ..., "lines": [...], ...}, ...]}.

    Attributes:
        path: where it lies.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> Report:
        """The report, with what earlier runs left in it.

        Raises:
            ValueError: it cannot be written there, or what lies there is no report.
        """
        report = cls(path)
        try:
            report._write(report._parts())
        except OSError as error:
            raise ValueError(f"{path} cannot be written ({_reason(error)}); make its folder writable") from None
        return report

    def keep(self, result: dict) -> bool:
        """Put a part's result in the place of its last one, and leave the others; whether that was written.

        Told, and no end of the check, where it was not.
        """
        try:
            self._write({**self._parts(), result["part"]: result})
        except (OSError, ValueError) as error:
            why = _reason(error) if isinstance(error, OSError) else str(error)
            print(f"warning: part {result['part']} is not in {self.path} ({why}); its figures are the lines above",
                  file=sys.stderr, flush=True)  # fmt: skip
            return False
        return True

    def _parts(self) -> dict[int, dict]:
        """By number.

        Raises:
            ValueError: this is no report.
        """
        if not self.path.exists():
            return {}
        try:
            return {part["part"]: part for part in json.loads(self.path.read_text(encoding="utf-8"))["parts"]}
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{self.path} is no report of this check; move it away") from None

    def _write(self, parts: dict[int, dict]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        content = json.dumps({"parts": [parts[number] for number in sorted(parts)]}, indent=2, ensure_ascii=False)
        try:
            temporary.write_text(content + "\n", encoding="utf-8")
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
