"""The graphs of the single-stage methods, run once after the default one."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import Workspace, run_graph

from wsss_core.methods import METHODS


@pytest.fixture(scope="session")
def joint_finished(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The finished run and every method's graph after it, with its own commands: to look at, never to change."""
    made = finished.copied_to(tmp_path_factory.mktemp("joint") / "work")
    for method in METHODS:
        run_graph(made, method)
    return made


@pytest.fixture
def joint(joint_finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to change and run again."""
    return joint_finished.copied_to(tmp_path / "joint")
