"""Stages as processes of their own, which can be killed, hampered, and run from other sources."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workspace import QUIET, ROOT, Workspace

HAMPERED = Path(__file__).with_name("hampered.py")
KILLED = -9
LONG = 600.0
"""Seconds; a stage takes two to ten of them, where nothing else runs."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code and all that it said."""

    code: int
    output: str

    @property
    def sentence(self) -> str:
        """The one sentence of a run that was refused."""
        assert self.code == 1, self.output
        assert "Traceback" not in self.output, self.output
        return self.output.rpartition("Error: ")[2].strip()


def start(
    workspace: Workspace, stage: str, deed: str = "run", at: int = -1, *, sources: Path = ROOT, **environment: str
) -> subprocess.Popen:
    """A stage in the workspace's folder, with the code of `sources`; see hampered.py."""
    variables = {**os.environ, **QUIET, "PYTHONPATH": str(sources), **environment}
    return subprocess.Popen(
        [sys.executable, HAMPERED, deed, str(at), stage], cwd=workspace.folder, text=True,
        env={name: value for name, value in variables.items() if value is not None},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def end(process: subprocess.Popen) -> Ended:
    output, _ = process.communicate(timeout=LONG)
    return Ended(process.returncode, output)


def run(workspace: Workspace, stage: str, deed: str = "run", at: int = -1, **how) -> Ended:
    return end(start(workspace, stage, deed, at, **how))


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
