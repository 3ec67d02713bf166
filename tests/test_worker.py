"""Processes that share a command's work: deaf to signals that are the command's, and gone when it is."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from wsss_core.runtime import interruption, worker

FORK = multiprocessing.get_context("fork")
PARENT = r"""
import multiprocessing, os, sys, time
from wsss_core.runtime import worker

def work():
    if sys.argv[2] == "thread":
        worker._asked_the_system = lambda: False
    worker.begin()
    os.write(1, b"%d\n" % os.getpid())
    time.sleep(60)

if __name__ == "__main__":
    with worker.starting():
        for _ in range(2):
            multiprocessing.get_context(sys.argv[1]).Process(target=work).start()
    time.sleep(60)
"""


def is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as status:
            return status.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["system", "thread"])
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_end_when_their_parent_is_killed(tmp_path, start, how):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, str(script), start, how], stdout=subprocess.PIPE) as parent:
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(is_there, workers))
        parent.kill()
    until = time.monotonic() + 20
    while any(map(is_there, workers)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(is_there, workers))


def _say_handlers(connection) -> None:
    worker.begin()
    connection.send([signal.getsignal(signum) for signum in interruption.SIGNALS])


def test_workers_leave_signals_to_their_parent():
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_say_handlers, args=(theirs,))
    with interruption.handled():
        process.start()
        assert ours.recv() == [signal.SIG_IGN] * len(interruption.SIGNALS)
    process.join()


def test_what_starts_inside_takes_no_signal_from_the_terminal_and_the_parent_does_again():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with worker.starting():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before | {signal.SIGINT, signal.SIGHUP}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def _raise_in_a_thread(error: BaseException) -> None:
    def serve() -> None:
        try:
            raise error
        except BaseException:
            sys.excepthook(*sys.exc_info())

    worker.begin()
    serving = threading.Thread(target=serve)
    serving.start()
    serving.join()


@pytest.mark.parametrize(
    ("error", "tracebacks"), [(BrokenPipeError(32, "Broken pipe"), 0), (EOFError(), 0), (ValueError("a fault"), 1)]
)
def test_a_thread_says_nothing_of_a_parent_that_left_and_everything_of_a_fault(error, tracebacks, capfd):
    process = FORK.Process(target=_raise_in_a_thread, args=(error,))
    process.start()
    process.join()
    assert capfd.readouterr().err.count("Traceback") == tracebacks


def _sleep_on(connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send(os.getpid())
    time.sleep(60)


def test_all_that_are_left_can_be_ended_even_the_deaf():
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_sleep_on, args=(theirs,))
    process.start()
    assert ours.recv() == process.pid
    worker.end_all()
    assert process.exitcode == -signal.SIGKILL


HOLDS_ON = r"""
import multiprocessing, os, time
from wsss_core.runtime import worker

def work():
    worker.begin()
    os.write(1, b"begun\n")
    time.sleep(600)

with worker.starting():
    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    process.start()
assert os.read(0, 1)
"""


def test_a_process_that_is_held_when_its_parent_comes_to_its_end_is_ended():
    parent = subprocess.Popen([sys.executable, "-c", HOLDS_ON], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"begun\n"
    parent.communicate(b".", timeout=60)
    assert parent.returncode == 0
