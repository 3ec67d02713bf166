"""One part of the check, in the process that `benchmarks.gpu` starts for it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting


def main(module: str, record: str, setting: str) -> None:
    """Call the module's `run`; what it raises ends the process, and is shown."""
    lines = Record(Path(record))
    try:
        importlib.import_module(module).run(Setting.from_json(setting), lines)
    except Exception as error:
        lines.line("failed", error=f"{type(error).__name__}: {error}"[:2000])
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
