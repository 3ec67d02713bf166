"""Work spread over processes: in order, one thread each, errors with their origin."""

import os
import statistics

import pytest

from wsss_core.data.pool import map_in_order


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
