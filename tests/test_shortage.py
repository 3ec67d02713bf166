"""What ran out is told in one sentence, with what eases it where it happened, whoever said it and however."""

import errno
import gc
import os
import subprocess
import sys
from functools import partial
from types import FunctionType

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from wsss_core.runtime import shortage
from wsss_core.runtime.pool import LostWorkerError
from wsss_core.runtime.shortage import CRASHED, FILES, GPU_MEMORY, KILLED, MEMORY, PROCESSES, SHARED_MEMORY


def raised(function, *arguments) -> Exception:
    with pytest.raises(Exception) as caught:
        function(*arguments)
    return caught.value


# ---- raised for real


def test_memory_that_python_numpy_or_torch_do_not_get():
    for function, size in ((bytearray, 10**15), (np.zeros, 10**14), (torch.zeros, 10**14)):
        assert shortage.of(raised(function, size)) == MEMORY


def test_a_limit_of_memory_met_by_ordinary_work():
    script = (
        "import resource, numpy; from wsss_core.runtime import shortage\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "try: kept = [numpy.zeros(2**24) for _ in range(100)]\n"
        "except Exception as error: kept = None; print(shortage.sentence(error))\n"
    )
    sentence = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert sentence == "this machine's memory is full; end what else uses memory; WSSS_DEBUG=1 shows where\n"


def test_too_many_files():
    script = (
        "import resource; from wsss_core.runtime import shortage\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
        "try: kept = [open('/dev/null') for _ in range(100)]\n"
        "except OSError as error: kept = None; print(shortage.sentence(error))\n"
    )
    sentence = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert sentence.startswith("too many files are open; raise the limit")


class Failing(torch.utils.data.Dataset):
    """Samples that a loader process does not survive."""

    def __init__(self, fail, *arguments) -> None:
        self.fail, self.arguments = fail, arguments

    def __len__(self) -> int:
        return 1

    def __getitem__(self, number: int) -> object:
        return self.fail(*self.arguments)


def out_of_a_loader(fail, *arguments) -> Exception:
    error = raised(list, DataLoader(Failing(fail, *arguments), num_workers=1))
    for known in filter(None, (error, error.__context__)):
        known.__traceback__ = None  # whose frames hold the loader, and so its process
    gc.collect()
    return error


def _signal_itself(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "expected"), [(9, KILLED), (7, SHARED_MEMORY), (11, CRASHED)])
def test_a_loader_process_that_a_signal_ends(number, expected, capfd):
    assert shortage.of(out_of_a_loader(_signal_itself, number)) == expected


def _without_files() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.png")


@pytest.mark.parametrize(
    ("fail", "expected"),
    [((np.zeros, 10**14), MEMORY), ((torch.zeros, 10**14), MEMORY), ((bytearray, 10**15), MEMORY),
     ((_without_files,), FILES)],
)  # fmt: skip
def test_what_runs_out_in_a_loader_process_is_known_by_its_text(fail, expected):
    assert shortage.of(out_of_a_loader(*fail)) == expected


# ---- as others say it


def test_a_gpu_without_memory_has_a_kind_of_its_own():
    assert shortage.of(torch.OutOfMemoryError("Allocation on device 0 would exceed allowed memory.")) == GPU_MEMORY


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.6 GiB", GPU_MEMORY),
        ("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported", GPU_MEMORY),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", GPU_MEMORY),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", GPU_MEMORY),
        ("MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1 GB)", GPU_MEMORY),
        ("unable to allocate shared memory(shm) for file </torch_2_3_0>: No space left on device (28)", SHARED_MEMORY),
        ("unable to write to file </torch_17_1584650587_0>: No space left on device (28)", SHARED_MEMORY),
        ("unable to open shared memory object </torch_1_2> in read-write mode: Too many open files (24)", FILES),
        ("unable to mmap 1024 bytes from file </torch_1_2>: Cannot allocate memory (12)", MEMORY),
        ("received 0 items of ancdata", FILES),
        ("can't start new thread", PROCESSES),
        ("std::bad_alloc", MEMORY),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.", MEMORY),
        ("Failed to allocate memory for requested buffer of size 1024", MEMORY),
        ("CUDA error: an illegal memory access was encountered", None),
        ("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", None),
    ],
)
def test_the_words_of_others(said, expected):
    assert shortage.of(RuntimeError(said)) == expected


@pytest.mark.parametrize(("number", "expected"), [(errno.EAGAIN, PROCESSES), (errno.ENOSPC, SHARED_MEMORY)])
def test_the_start_of_a_process_that_the_system_refuses(monkeypatch, number, expected):
    def refuse(number, *arguments):
        raise OSError(number, os.strerror(number))

    as_if_there = FunctionType(refuse.__code__, vars(subprocess))  # the original, in C, has no frame of its own
    monkeypatch.setattr(subprocess, "_fork_exec", partial(as_if_there, number))
    assert shortage.of(raised(subprocess.Popen, ["true"])) == expected


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EAGAIN, errno.EACCES])
def test_a_full_disk_a_busy_file_and_other_refusals_are_none(number):
    assert shortage.of(OSError(number, os.strerror(number), "out/a.png")) is None


@pytest.mark.parametrize(("exitcodes", "expected"), [([-15, -9, None], KILLED), ([-11, -15], CRASHED), ([1], CRASHED)])
def test_processes_that_a_pool_has_lost(exitcodes, expected):
    assert shortage.of(LostWorkerError(exitcodes)) == expected


# ---- what is said


def test_an_error_told_anew_is_still_what_led_to_it():
    def read() -> None:
        try:
            _without_files()
        except OSError as error:
            raise ValueError("a.png cannot be read; make it readable") from error

    assert shortage.of(raised(read)) == FILES


def sentence(error: Exception, *levers: str) -> str:
    with pytest.raises(type(error)) as caught, shortage.eased_by(*levers):
        raise error
    return shortage.sentence(caught.value)


def test_a_training_is_told_of_its_batch_its_crop_and_its_loaders(monkeypatch):
    monkeypatch.setenv("WSSS_WORKERS", "6")
    said = sentence(MemoryError(), shortage.WORKERS, shortage.ACCUMULATE, "batch", "augment.crop")
    assert said.startswith(
        "this machine's memory is full; lower WSSS_WORKERS (now 6), or raise optimizer.accumulate, or lower batch or"
        " augment.crop in this stage's section of params.yaml, or end"
    )


def test_what_does_not_ease_this_shortage_is_not_named():
    on_a_gpu = sentence(torch.OutOfMemoryError(), shortage.WORKERS, shortage.PRECISION, "batch", "augment.crop", "flip")
    assert on_a_gpu.startswith(
        "the GPU's memory is full; set WSSS_PRECISION=bf16-mixed, or lower batch or augment.crop in this stage's"
        " section of params.yaml, or end what else uses the GPU (nvidia-smi lists it), or set WSSS_DEVICES=cpu"
    )
    assert "WSSS_WORKERS" not in on_a_gpu
    assert "batch" not in sentence(LostWorkerError([-11]), shortage.WORKERS, "batch")
    assert "batch" not in sentence(RuntimeError("can't start new thread"), shortage.WORKERS, "batch")


@pytest.mark.parametrize(("precision", "named"), [
    ("", True), ("32-true", True), ("64-true", True), ("bf16-mixed", False), ("16-mixed", False), ("bf16-true", False),
])  # fmt: skip
def test_half_the_bits_are_named_where_the_training_has_all(monkeypatch, precision, named):
    monkeypatch.setenv("WSSS_PRECISION", precision)
    said = sentence(torch.OutOfMemoryError(), shortage.PRECISION, "batch")
    assert ("set WSSS_PRECISION=bf16-mixed" in said) == named
    assert "lower batch in" in said and "set WSSS_DEVICES=cpu" in said


def test_weights_that_do_not_fit_a_gpu_are_told_of_what_makes_them_fewer_and_of_what_is_beside_them():
    assert sentence(torch.OutOfMemoryError(), shortage.BACKBONE).startswith(
        "the GPU's memory is full; name a smaller backbone.name, or end what else uses the GPU"
    )
    assert "end what else uses the GPU" in sentence(torch.OutOfMemoryError())  # its weights are set


def test_what_this_stage_does_not_have_is_not_named():
    assert "lower scales or max_pixels in" in sentence(MemoryError(), "flip", "max_pixels", "scales")
    assert "lower" not in sentence(MemoryError())


def test_blocks_within_each_other_add_up():
    with pytest.raises(MemoryError) as caught, shortage.eased_by("batch"), shortage.eased_by("max_pixels"):
        raise MemoryError
    assert "lower batch or max_pixels in" in shortage.sentence(caught.value)


def test_other_errors_are_none():
    assert shortage.sentence(ValueError("photograph a.png is damaged")) is None
