"""The commands of graphs in the order in which DVC would run them, and what each of them costs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from wsss_core import layout

_LOOKING_SECONDS = 0.1
_LAST_LINES = 12
"""How much a failed command's words are repeated."""
DIGESTS = "digests"
"""The stage that reads files alone, in a second; left out."""


@dataclass(frozen=True)
class Step:
    """A stage of a graph, its rounds and variables filled in.

    Attributes:
        name: as `dvc repro NAME` knows it.
        command: what it runs in the folder of the copy.
        outs: what it writes, relative to that folder.
    """

    name: str
    command: str
    outs: tuple[str, ...]

    @property
    def trains(self) -> bool:
        """Whether it makes a network."""
        return any(Path(out).is_relative_to(layout.MODELS) for out in self.outs)


@dataclass(frozen=True)
class Cost:
    """What a step took.

    Attributes:
        seconds: wall time, from the start of Python to its end.
        memory: bytes that its processes held together at most, looked at ten times a second; what they share is
            counted for each of them.
        disk: bytes of its outputs.
    """

    seconds: float
    memory: int
    disk: int


def steps_of(folder: Path, graph: str) -> list[Step]:
    """The steps of a copy's graph and of all that it builds on, each after those whose outputs it reads.

    Args:
        folder: of the copy.
        graph: its dvc.yaml, relative to the copy.
    """
    import networkx
    from dvc.repo import Repo  # a second; and only who runs graphs has need of it

    with Repo(folder) as repo:
        whole = repo.index.graph
        own = [stage for stage in whole if Path(stage.path).resolve() == (folder / graph).resolve()]
        wanted = set(own).union(*(networkx.descendants(whole, stage) for stage in own))  # edges lead to what is read
        ordered = networkx.dfs_postorder_nodes(whole.subgraph(wanted))
        return [_step(stage, folder.resolve()) for stage in ordered if stage.name != DIGESTS]


def _step(stage: Any, folder: Path) -> Step:
    """One of DVC's stages."""
    graph = os.path.relpath(stage.path, folder)
    outs = tuple(os.path.relpath(out.fs_path, folder) for out in stage.outs)
    return Step(stage.name if graph == layout.GRAPH.name else f"{graph}:{stage.name}", stage.cmd, outs)


def run(step: Step, folder: Path) -> Cost:
    """Run a step in a copy, its words kept back.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    python, *words = shlex.split(step.command)
    command = [sys.executable if python == "python" else python, *words]
    environment = {**os.environ, "WSSS_RESUME_DIR": ".wsss"}  # of its own: nothing of a real run is touched
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    watch = _MemoryWatch(process.pid)
    try:
        said, _ = process.communicate()
    except BaseException:
        process.terminate()  # in order: a signal to this command need not have reached that one
        process.wait()
        raise
    finally:
        peak = watch.end()
    seconds = time.perf_counter() - started
    if process.returncode:
        last = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
        raise RuntimeError(f"{step.name} ended with exit code {process.returncode}:\n{last}")
    return Cost(seconds, peak, sum(_bytes(folder / out) for out in step.outs))


def _bytes(path: Path) -> int:
    files: Sequence[Path] = list(path.rglob("*")) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


class _MemoryWatch:
    """A thread that adds up, again and again, what a process and those that it started hold."""

    def __init__(self, pid: int) -> None:
        self._process, self._peak, self._ended = psutil.Process(pid), 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """The largest sum, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._ended.is_set():
            self._peak = max(self._peak, self._held())
            self._ended.wait(_LOOKING_SECONDS)

    def _held(self) -> int:
        held = 0
        with suppress(psutil.NoSuchProcess):
            for process in [self._process, *self._process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    held += process.memory_info().rss
        return held
