"""Signals: raised where they may be, after what must not be cut, again where they were lost."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from wsss_core.runtime import interruption, worker
from wsss_core.runtime.interruption import Interrupted


def interrupt(work) -> None:
    """Do work that must not come to its end."""
    with interruption.handled(), pytest.raises(Interrupted), interruption.raising():
        work()


ALL = pytest.mark.parametrize("signum", interruption.SIGNALS)


@ALL
def test_a_signal_raises_in_the_part_that_it_may_interrupt(signum):
    with interruption.handled():
        with pytest.raises(Interrupted), interruption.raising():
            signal.raise_signal(signum)
        assert interruption.arrived() == signum
    assert interruption.arrived() is None


@ALL
def test_handlers_are_as_before_in_the_end(signum):
    before = signal.getsignal(signum)
    with interruption.handled():
        assert signal.getsignal(signum) != before
    assert signal.getsignal(signum) == before


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.handled(), interruption.raising():
            signal.raise_signal(signal.SIGHUP)
            assert interruption.arrived() is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_holds_signals_back_runs_to_its_end():
    done = []

    def work() -> None:
        with interruption.held_back():
            with interruption.held_back():
                signal.raise_signal(signal.SIGTERM)
            done.append("the outer block counts")
        done.append("too late")

    interrupt(work)
    assert done == ["the outer block counts"]


def test_outside_of_the_part_that_it_may_interrupt_a_signal_is_kept():
    with interruption.handled():
        signal.raise_signal(signal.SIGTERM)
        assert interruption.arrived() == signal.SIGTERM


def test_a_signal_whose_exception_was_lost_raises_again(monkeypatch):
    monkeypatch.setattr(interruption, "AGAIN_SECONDS", 0.02)
    reached = []

    def work() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        reached.append("what follows the lost exception")
        time.sleep(20)
        reached.append("too late")

    interrupt(work)
    assert reached == ["what follows the lost exception"]


def test_a_signal_in_the_middle_of_a_fork_is_not_lost():
    """Python drops what is raised around a fork: there a plain Ctrl-C vanished, and training went on."""
    armed = [True]  # once: what is registered stays so
    os.register_at_fork(after_in_parent=lambda: armed and armed.pop() and signal.raise_signal(signal.SIGINT))

    def work() -> None:
        with worker.starting():
            child = os.fork()
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
        armed.append("never reached")

    interrupt(work)
    assert armed == []


def test_a_second_signal_ends_what_does_not_end():
    script = (
        "import time; from wsss_core.runtime import interruption\n"
        "with interruption.handled():\n"
        "    print('ready', flush=True)\n"
        "    while True: time.sleep(0.01)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(3):  # of one cause: `timeout` sends its signal to the process and to its group
            process.terminate()
            time.sleep(0.02)
        assert process.poll() is None
        time.sleep(interruption.INSISTING_SECONDS)
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
