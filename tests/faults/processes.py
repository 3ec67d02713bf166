"""Stages as processes of their own, which can be killed, hampered, and run from other sources."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workspace import QUIET, ROOT, Workspace

HAMPERED = Path(__file__).with_name("hampered.py")
KILLED = -9


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code and all that it said."""

    code: int
    output: str

    @property
    def told(self) -> str:
        """The one sentence of a run that was refused."""
        assert self.code == 1, self.output
        assert "Traceback" not in self.output, self.output
        return self.output.rpartition("Error: ")[2].strip()


def start(
    workspace: Workspace, stage: str, *options: str, kill: int = -1, fill: int = -1, pause: float = 0.0,
    sources: Path = ROOT, **environment: str,
) -> subprocess.Popen:  # fmt: skip
    """A stage in the workspace's folder, with the code of `sources`; see hampered.py."""
    moment = (kill, "kill") if fill < 0 else (fill, "fill")
    variables = {**os.environ, **QUIET, "PYTHONPATH": str(sources), **environment}
    return subprocess.Popen(
        [sys.executable, HAMPERED, *map(str, moment), str(pause), stage, *options], cwd=workspace.folder, text=True,
        env={name: value for name, value in variables.items() if value is not None},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def end(process: subprocess.Popen) -> Ended:
    output, _ = process.communicate(timeout=120)
    return Ended(process.returncode, output)


def run(workspace: Workspace, stage: str, *options: str, **hampering) -> Ended:
    return end(start(workspace, stage, *options, **hampering))
