"""Processes that share a command's work: this one's place among them, and how those that it starts end with it."""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Protocol

from wsss_core.runtime import interruption

_PR_SET_PDEATHSIG = 1
"""The number of Linux's prctl for the signal that the system sends when the thread that started this process ends."""


class Processes(Protocol):
    """Several processes that run this very call; a launched Fabric is one of them."""

    @property
    def global_rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    def barrier(self) -> object: ...
    def broadcast(self, obj: Any, src: int = 0) -> Any: ...


class _Alone:
    global_rank, world_size = 0, 1

    def barrier(self) -> None:
        pass

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        return obj


ALONE = _Alone()
"""One process that does everything."""


@contextmanager
def starting() -> Iterator[list[BaseProcess]]:
    """Start processes inside: a signal to this one raises after the block, one from the terminal spares the new ones.

    Yields a list that holds them after the block.

    Python runs handlers inside a fork, where an exception is dropped, and a lock of `logging` stays held; and Ctrl-C,
    which reaches all processes at once, would find the new ones before they can `begin`. What is left of them when this
    process ends is killed: multiprocessing would ask them by SIGTERM, which they ignore, and wait for ever.
    """
    _end_all_at_exit(os.getpid())
    others = multiprocessing.active_children()
    started: list[BaseProcess] = []
    with interruption.held_back(), _terminal_blocked():
        try:
            yield started
        finally:
            started += [process for process in multiprocessing.active_children() if process not in others]


@contextmanager
def _terminal_blocked() -> Iterator[None]:
    """Processes that start inside get no signal from the terminal."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _of_the_terminal())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """What such a process does first: ignore the signals that its command answers, and end when the command does.

    A command that is killed would leave processes behind that wait for ever, with all that they hold.
    """
    for signum in interruption.SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    interruption.forget()
    sys.excepthook = _tell_unless_parent_left
    end_with_parent()


def end_with_parent() -> None:
    """Kill this process when its parent ends, or now if it has ended."""
    parent = multiprocessing.parent_process()
    if not _asked_the_system() and parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    if parent is not None and parent.pid != os.getppid():
        os._exit(1)


def end_with(pid: int) -> None:
    """As `end_with_parent`, of a process that the process `pid` started as a command of its own."""
    if not _asked_the_system():
        threading.Thread(target=_end_without, args=(pid,), daemon=True).start()
    if os.getppid() != pid:
        os._exit(1)


def end_all() -> None:
    """Kill the processes that multiprocessing started for this one, pools' and loaders', and wait for their end."""
    end(multiprocessing.active_children())


def end(processes: Sequence[BaseProcess]) -> None:
    """Kill those that still run, and wait for their end."""
    is_main = threading.current_thread() is threading.main_thread()  # where alone handlers can be set
    before = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") and is_main else None
    if before is not None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler raises an error for each loader that is killed
    try:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
    finally:
        if before is not None:
            signal.signal(signal.SIGCHLD, before)


def _tell_unless_parent_left(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What the excepthook of a worker does: a thread that handed the parent a sample when it was killed is no news.

    multiprocessing serves file descriptors of shared memory in such a thread, and reports what ends an exchange.
    """
    if threading.current_thread() is threading.main_thread() or not isinstance(error, (ConnectionError, EOFError)):
        sys.__excepthook__(kind, error, trace)


@cache
def _end_all_at_exit(pid: int) -> None:
    """Before multiprocessing's own function, which was registered when it was imported."""
    atexit.register(lambda: end_all() if os.getpid() == pid else None)


def _of_the_terminal() -> set[signal.Signals]:
    return {signum for signum in interruption.SIGNALS if signum != signal.SIGTERM}


def _asked_the_system() -> bool:
    """Whether the system kills this process when its parent ends: Linux does, even in the middle of native code."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None
    return prctl is not None and prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0


def _end_without(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(1)
    os._exit(1)


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
