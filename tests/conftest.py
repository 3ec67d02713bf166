"""Working folders for tests that run stages: empty, finished, or a copy of the finished one to change."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from workspace import STAGES, Workspace, run_graph

from wsss_core import registry

# One thread for images this small, and for the processes that tests start. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job that is started in the background ignores Ctrl-C, and commands leave ignored signals ignored.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """All stages, run once on six generated scenes for the whole session: to look at, never to change."""
    return Workspace(tmp_path_factory.mktemp("finished") / "work").run(*STAGES)


@pytest.fixture
def pipeline(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished run, to change and run again."""
    return finished.copied_to(tmp_path / "work")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder that holds nothing but the smallest parameters."""
    return Workspace(tmp_path / "work")


@pytest.fixture(scope="session")
def joint_finished(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The finished run and every method's graph after it, with its own commands: to look at, never to change."""
    made = finished.copied_to(tmp_path_factory.mktemp("joint") / "work")
    for method in registry.names("recipe"):
        run_graph(made, method)
    return made


@pytest.fixture
def joint(joint_finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to change and run again."""
    return joint_finished.copied_to(tmp_path / "joint")
