"""Part 2: the tests marked `gpu`, on the device or, in a rehearsal, on the CPU; a line for each."""

from __future__ import annotations

import pytest

from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting

_OPTIONS = ("-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts=--strict-markers")
"""The lines are what is shown: of pytest's own output nothing, and none of the options that are about it."""


class _Lines:
    """Keeps the outcome of each test, and of each file that is skipped as a whole or cannot be read."""

    def __init__(self, record: Record) -> None:
        self.record, self.passed = record, 0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.record.line(f"{report.outcome} {report.nodeid.removeprefix('tests/gpu/')}", why=_why(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.removeprefix("tests/gpu/")
            why = {} if report.passed else {"why": _why(report)}
            self.record.line(f"{report.outcome} {name}", seconds=round(report.duration, 2), **why)
            self.passed += report.passed


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """A skip's reason, or the end of a failure, which is all that comes back from a machine elsewhere."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext[-2000:]


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where a test fails, or none passes."""
    lines = _Lines(record)
    status = pytest.main([*_OPTIONS, "-m", "gpu", "tests/gpu"], plugins=[lines])
    if status or not lines.passed:
        raise RuntimeError(f"the tests marked gpu ended with {status!r}")
