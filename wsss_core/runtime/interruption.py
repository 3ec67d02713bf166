"""Signals that ask a command to end: it ends in order, whatever it is doing.

Python raises KeyboardInterrupt wherever the signal finds it. In some places that is lost: in what runs around a fork
or for an object that is deleted, exceptions are reported and dropped. In others it does harm: between two halves of a
training step. So a signal is kept until the command has ended: it raises at once where it may, after a block of
`held_back` where it may not, and again where it was lost.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
AGAIN_SECONDS = 3.0
"""Between two attempts to end what did not end."""
INSISTING_SECONDS = 1.0
"""A signal that comes so long after the first is another one: `timeout` sends one to a process and to its group."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end. A KeyboardInterrupt, so that libraries treat it as one."""


class _State:
    arrived: signal.Signals | None = None
    since = 0.0
    blocks = 0


_state = _State()


@contextmanager
def handled() -> Iterator[None]:
    """Keep signals inside the block, and raise Interrupted in its `raising` part; a second one ends the process.

    A signal that is ignored, as in a job started in the background or by nohup, stays so. Outside of the main thread,
    which alone gets signals, this does nothing.
    """
    if not _in_main_thread():
        yield
        return
    before = {s: h for s in SIGNALS if (h := signal.getsignal(s)) not in (signal.SIG_IGN, None)}
    blocks, _state.blocks = _state.blocks, 1
    for signum in before:
        signal.signal(signum, _arrive)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        forget()
        _state.blocks = blocks


@contextmanager
def raising() -> Iterator[None]:
    """The part of a `handled` block that signals interrupt."""
    if not _in_main_thread():
        yield
        return
    try:
        _state.blocks -= 1
        yield
    finally:
        _state.blocks += 1


@contextmanager
def held_back() -> Iterator[None]:
    """A part of a `raising` block that runs to its end first.

    Raises:
        Interrupted: after the block, if a signal came.
    """
    if not _in_main_thread():
        yield
        return
    _state.blocks += 1
    try:
        yield
    finally:
        _state.blocks -= 1
    _raise_if_arrived()


def arrived() -> signal.Signals | None:
    """The signal that asked this command to end."""
    return _state.arrived


def forget() -> None:
    """Be as if no signal had come: its command has ended, or this is a new process."""
    if _state.arrived and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    _state.arrived = None


def _arrive(signum: int, frame: FrameType | None) -> None:
    if _state.arrived is None:
        _state.arrived, _state.since = signal.Signals(signum), time.monotonic()
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, lambda signum, frame: _raise_if_arrived())
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
    elif time.monotonic() - _state.since > INSISTING_SECONDS:
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)
    _raise_if_arrived()


def _raise_if_arrived() -> None:
    if _state.arrived and not _state.blocks:
        raise Interrupted


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
