"""Runs this very command as several processes of this machine, and ends all of them when one of them ends early.

The first process writes to the terminal as ever. What the others say is kept, and shown if one of them fails.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, NoReturn

from wsss_core.runtime import environment, interruption
from wsss_core.runtime.cluster import SUPERVISOR

_LOOK_SECONDS = 0.05
GRACE_SECONDS = 3.0
"""When one has failed, others that found the same error may end by themselves."""
SIGNALLED_SECONDS = 60.0
"""When one has ended because of a signal, the others finish their step and save."""


@dataclass(frozen=True)
class _Rank:
    """A process, and what it says, if that is kept."""

    number: int
    process: subprocess.Popen
    said: IO[bytes] | None


def run(count: int) -> NoReturn:
    """Run the command of this process as `count` processes, and end as they end.

    Raises:
        SystemExit: all have ended; its code is 0, that of the first that failed, or 128 + a signal to this process.
        RuntimeError: one of them was killed.
        ValueError: there are other machines, and the environment does not say where.
    """
    nodes, node, address, port = environment.nodes(), 0, "127.0.0.1", ""
    if nodes > 1:
        node, address, port = _rendezvous(nodes)
    shared = {
        "WORLD_SIZE": count * nodes, "LOCAL_WORLD_SIZE": count, "GROUP_RANK": node, "MASTER_ADDR": address,
        "MASTER_PORT": port or _free_port(), SUPERVISOR: os.getpid(),
    }  # fmt: skip
    with ExitStack() as files, interruption.held_back():  # a signal is for the ranks: each ends in order
        ranks: list[_Rank] = []
        try:
            for local in range(count):
                own = {**shared, "RANK": node * count + local, "LOCAL_RANK": local}
                said = files.enter_context(tempfile.TemporaryFile()) if local else None
                ranks.append(_start(node * count + local, own, said))
            failed = _watch(ranks)
        finally:
            for rank in ranks:
                rank.process.kill()
                rank.process.wait()
        raise SystemExit(_code(ranks, failed, world=count * nodes))


def _start(number: int, own: dict[str, object], said: IO[bytes] | None) -> _Rank:
    variables = {"TORCH_CPP_LOG_LEVEL": "ERROR", **os.environ, **{name: str(value) for name, value in own.items()}}
    process = subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=variables, stdout=said, stderr=said)
    return _Rank(number, process, said)


def _watch(ranks: list[_Rank]) -> _Rank | None:
    """The first that failed; returns when all have ended, or those that go on after it have had their time."""
    failed, told, until = None, None, 0.0
    while any(rank.process.poll() is None for rank in ranks):
        if told is None and (told := interruption.arrived()):
            for rank in ranks:
                rank.process.send_signal(told)  # once more for those that the terminal told: they take it for one
        if failed is None and (failed := _first_failed(ranks)):
            until = time.monotonic() + (SIGNALLED_SECONDS if told else GRACE_SECONDS)
        if failed and time.monotonic() > until:
            break
        time.sleep(_LOOK_SECONDS)
    return failed or _first_failed(ranks)


def _first_failed(ranks: list[_Rank]) -> _Rank | None:
    """One that ended badly; of several at once, one that was killed, which is the cause."""
    failed = [rank for rank in ranks if rank.process.poll()]
    return min(failed, key=lambda rank: rank.process.returncode > 0, default=None)


def _code(ranks: list[_Rank], failed: _Rank | None, *, world: int) -> int:
    """The exit code of all. Raises RuntimeError where none of them could say how it ended."""
    if signum := interruption.arrived():
        return 128 + signum
    if failed is None:
        return 0
    code = failed.process.returncode
    if code < 0:
        name = signal.Signals(-code).name
        why = ", most likely by the system because memory is full" if -code == signal.SIGKILL else ""
        raise RuntimeError(
            f"process {failed.number} of the {world} of this run was ended by {name}{why}, and the others with it; run"
            " the same command again, and it goes on where it was"
        )
    if failed.said and ranks[0].process.returncode <= 0:  # else the first one has told the same
        failed.said.seek(0)
        sys.stderr.write(failed.said.read().decode(errors="replace"))
    return code


def _rendezvous(nodes: int) -> tuple[int, str, str]:
    """Number of this machine, address and port of the first one."""
    names = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ValueError(
            f"WSSS_NODES={nodes} needs {', '.join(missing)} too: the number of this machine, address and a free port of"
            " the first one; torchrun and srun set all of them"
        )
    return int(os.environ["NODE_RANK"]), os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
