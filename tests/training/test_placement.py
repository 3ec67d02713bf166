"""Where work on arrays runs, on a machine without a GPU."""

from types import SimpleNamespace

import pytest
import torch

from wsss_core.runtime import placement
from wsss_core.runtime.worker import ALONE

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("devices", ["cpu", pytest.param("auto", marks=without_gpu)])
def test_without_a_gpu_it_is_a_pool_of_processes_one_image_each(monkeypatch, devices, gpu):
    monkeypatch.setenv("WSSS_DEVICES", devices)
    monkeypatch.setenv("WSSS_WORKERS", "3")
    where = placement.place(gpu=gpu)
    assert (where.workers, where.batch_pixels, where.processes, where.device) == (3, 0, ALONE, "cpu")


def test_work_that_cannot_use_a_gpu_asks_for_none(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "2")
    assert placement.place(gpu=False).device == "cpu"


@without_gpu
def test_a_gpu_that_is_asked_for_and_missing_stops_the_stage(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "1")
    with pytest.raises(ValueError, match="WSSS_DEVICES=1 .* cannot be used here"):
        placement.place(gpu=True)


def test_networks_take_batches_on_a_gpu_only():
    assert placement.network_pixels(torch.device("cpu")) == 0


@pytest.mark.parametrize(("gigabytes", "photographs"), [(8, 5), (16, 5), (24, 10), (80, 26)])
def test_a_gpu_of_more_memory_takes_larger_batches(monkeypatch, gigabytes, photographs):
    properties = SimpleNamespace(total_memory=gigabytes * 1e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert placement.network_pixels(torch.device("cuda")) // (375 * 500) == photographs
