"""One of two machines under `torchrun` is lost: the other ends within a minute, and says that a process is gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
from processes import HAMPERED, end, wait_until
from workspace import QUIET, ROOT, Workspace

pytestmark = pytest.mark.faults

ENDED_SECONDS = 60.0


@pytest.mark.parametrize("lost", [0, 1], ids=["the one that all meet at", "the other one"])
def test_the_other_machine_ends_within_a_minute_and_says_that_a_process_is_gone(pipeline, lost):
    before = pipeline.artifacts()
    machines = two_machines(pipeline, "train_cam", "wait", "1")  # between two steps
    try:
        wait_until(lambda: [*(pipeline.folder / ".wsss").glob("**/checkpoint.pt")])
        kill_whole(machines[lost])
        (pipeline.folder / "go").touch()
        killed = time.monotonic()
        left = end(machines[1 - lost])
        assert time.monotonic() - killed < ENDED_SECONDS
    finally:
        for machine in machines:
            kill_whole(machine)
    assert left.code != 0
    assert "another of the 2 processes of this run ended" in left.output
    assert "run the same command again, and it goes on where it was" in left.output
    assert pipeline.artifacts() == before, "and all outputs are as they were"


def two_machines(workspace: Workspace, stage: str, *how: str) -> list[subprocess.Popen]:
    """The agents of two machines, one process each, that this one machine plays; `how` as hampered.py has it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{probe.getsockname()[1]}"
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting,
    ]  # fmt: skip
    variables = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT), "WSSS_ACCELERATOR": "cpu", "WSSS_DEVICES": "1"}
    started = []
    for number in range(2):
        started.append(subprocess.Popen(
            [*torchrun, HAMPERED, *how, stage], cwd=workspace.folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={name: value for name, value in variables.items() if value is not None},
        ))  # fmt: skip
        if number == 0:
            wait_until(lambda: _listens(meeting))  # the first one is where all meet
    return started


def _listens(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def kill_whole(machine: subprocess.Popen) -> None:
    """All processes that one machine has."""
    with suppress(psutil.NoSuchProcess):
        agent = psutil.Process(machine.pid)
        for process in [*agent.children(recursive=True), agent]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
    machine.wait()
    machine.stdout.close()
