"""Working folders for tests that run stages: empty, finished, or a copy of the finished one to change."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import STAGES, Workspace, run_graph

from wsss_core import registry

# One thread for images this small, and for the processes that tests start. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job in the background ignores Ctrl-C, one under `nohup` the end of its terminal, and commands leave ignored
# signals ignored.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """Each test ends the processes that it begins: another one may count them."""
    before = multiprocessing.active_children()
    yield
    assert [process for process in multiprocessing.active_children() if process not in before] == []


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
