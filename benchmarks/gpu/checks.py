"""Part 2: the tests marked `gpu`, on the device or, in a rehearsal, on the CPU; a line for each."""

from __future__ import annotations

import pytest

from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting


class _Lines:
    """Keeps the outcome of each test."""

    def __init__(self, record: Record) -> None:
        self.record, self.passed = record, 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.removeprefix("tests/gpu/")
            why = {"why": str(report.longrepr[2])} if report.skipped and isinstance(report.longrepr, tuple) else {}
            self.record.line(f"{report.outcome} {name}", seconds=round(report.duration, 2), **why)
            self.passed += report.outcome == "passed"


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where a test fails, or none passes."""
    lines = _Lines(record)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-m", "gpu", "tests/gpu"], plugins=[lines])
    if status or not lines.passed:
        raise RuntimeError(f"the tests marked gpu ended with {status!r}")
