"""Work spread over processes: in order, one thread each, errors with their origin."""

import multiprocessing
import os
import signal
import statistics
import time

import pytest

from wsss_core.runtime import interruption, shortage
from wsss_core.runtime.interruption import Interrupted
from wsss_core.runtime.pool import LostWorkerError, map_in_order


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("chunk", [1, 3])
def test_results_come_in_the_order_of_the_items(workers, chunk):
    items = ["1", "22", "333", "4444", "55555"]
    assert list(map_in_order(len, items, workers=workers, chunk=chunk)) == [1, 2, 3, 4, 5]


def test_processes_compute_with_one_thread_each_and_the_setting_is_put_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert list(map_in_order(os.getenv, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], workers=2)) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in os.environ


def test_an_error_of_another_process_names_the_module_that_raised_it():
    with pytest.raises(statistics.StatisticsError) as caught:
        list(map_in_order(statistics.mean, [[1], [], [2]], workers=2))
    assert caught.value.raised_in == "statistics"


def test_items_that_have_not_begun_are_dropped_after_an_error(tmp_path):
    folders = [str(tmp_path / f"made {i}") for i in range(500)]
    with pytest.raises(FileNotFoundError):
        list(map_in_order(os.mkdir, [str(tmp_path / "missing" / "below"), *folders], workers=2))
    assert len(os.listdir(tmp_path)) < 500


def test_an_error_does_not_wait_for_what_other_processes_are_at():
    began = time.monotonic()
    with pytest.raises(TypeError):
        list(map_in_order(time.sleep, [None, 300, 300], workers=2))
    assert time.monotonic() - began < 100
    assert multiprocessing.active_children() == []


def test_no_process_is_left_where_the_results_are_not_wanted_any_more():
    results = map_in_order(time.sleep, [0, 300, 300], workers=2)
    next(results)
    results.close()
    assert multiprocessing.active_children() == []


def test_a_signal_ends_the_processes_too():
    def work() -> None:
        for _ in map_in_order(time.sleep, [0, 300, 300], workers=2):
            signal.raise_signal(signal.SIGTERM)

    with interruption.handled(), pytest.raises(Interrupted), interruption.raising():
        work()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("signum", "why"), [(signal.SIGKILL, shortage.KILLED), (signal.SIGSEGV, shortage.CRASHED)])
def test_a_process_that_ends_in_the_middle_of_its_work_is_told(signum, why):
    with pytest.raises(LostWorkerError) as caught:
        list(map_in_order(signal.raise_signal, [signum, signum], workers=2))
    assert shortage.of(caught.value) == why
    assert "lower WSSS_WORKERS" in shortage.sentence(caught.value) or why == shortage.CRASHED


def test_what_runs_out_in_another_process_is_told_with_what_eases_it():
    with pytest.raises(MemoryError) as caught:
        list(map_in_order(bytearray, [10**15, 10**15], workers=2))
    assert "lower WSSS_WORKERS" in shortage.sentence(caught.value)
