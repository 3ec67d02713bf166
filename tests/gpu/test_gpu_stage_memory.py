"""A GPU whose memory is full, for real: a sentence names it and what helps, and what it recommends does help."""

import contextlib
import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from comparing import KERNELS, photographs, probabilities

from wsss_core.ops import mean_field
from wsss_core.ops.crf import dense_crf
from wsss_core.runtime import shortage

pytestmark = pytest.mark.gpu

CPU = "set WSSS_DEVICES=cpu; WSSS_DEBUG=1 shows where"
WEIGHTS = 64 * 2**20
"""Bytes that hold a network with its optimiser, and far less than what `LARGE` asks of it."""
LARGE = {
    "train_cam": {"augment": {"crop": 512}},
    "infer_cam": {"scales": [8.0], "max_pixels": 10**6},
    "predict": {"scales": [8.0], "max_pixels": 10**6},
}


def fill(device: torch.device, *, room: int) -> list[torch.Tensor]:
    """Leave this process so many bytes of the GPU beyond what it holds, of which every gap is taken."""
    mean_field._kept.cache_clear()
    gc.collect()
    torch.cuda.empty_cache()
    total, held = torch.cuda.get_device_properties(device).total_memory, torch.cuda.memory_reserved(device)
    torch.cuda.set_per_process_memory_fraction(max(1, held) / total, device)
    taken = []
    for size in (2**22, 2**20 + 512, 2**20, 2**16, 512):
        with contextlib.suppress(torch.OutOfMemoryError):
            while True:
                taken.append(torch.empty(size, dtype=torch.uint8, device=device))
    torch.cuda.set_per_process_memory_fraction(max(1, held + room) / total, device)
    return taken


@pytest.fixture
def full(device) -> Iterator[Callable[[int], None]]:
    """full(room): from then on the GPU's memory is full but for so many bytes."""
    if device.type != "cuda":
        pytest.skip("the CPU that rehearses has no memory of a GPU to run out of")
    taken = []
    yield lambda room: taken.extend(fill(device, room=room))
    torch.cuda.set_per_process_memory_fraction(1.0, device)


@pytest.mark.parametrize(
    ("stage", "helps"),
    [
        ("train_cam", "set WSSS_PRECISION=bf16-mixed, or raise optimizer.accumulate, or lower batch or augment.crop"),
        ("infer_cam", "lower scales or max_pixels in this stage's section"),
        ("predict", "lower scales or max_pixels in this stage's section"),
    ],
)
def test_a_network_s_stage_names_the_gpu_s_memory_and_what_helps_and_leaves_every_artifact(
    full, pipeline, stage, helps
):
    pipeline.set(**{stage: LARGE[stage]})
    full(WEIGHTS)
    message = pipeline.refusal(stage)
    assert message.startswith("the GPU's memory is full; ") and message.endswith(CPU)
    assert helps in message


@pytest.mark.parametrize("stage", ["refine_crf", "infer_cam"])
def test_a_stage_that_finds_no_memory_at_all_names_the_cpu(full, pipeline, stage):
    full(0)
    message = pipeline.refusal(stage)
    assert message.startswith("the GPU's memory is full; ") and message.endswith(CPU)


@pytest.mark.parametrize("stage", ["train_cam", "refine_crf"])
def test_a_stage_on_the_cpu_needs_nothing_of_the_full_gpu(full, pipeline, stage):
    full(0)
    result = pipeline.try_stage(stage, WSSS_DEVICES="cpu")
    assert result.exit_code == 0, result.output


def test_a_crf_that_found_no_memory_works_again_when_there_is_some(full, device):
    images, maps = photographs([(120, 160)]), probabilities([(120, 160)], labels=(21,))
    options = {"engine": "lattice", "iterations": 2, **KERNELS}
    full(0)
    with pytest.raises(RuntimeError) as caught:
        dense_crf(images, maps, device=device, **options)
    assert shortage.of(caught.value) == shortage.GPU_MEMORY
    torch.cuda.set_per_process_memory_fraction(1.0, device)
    (found,), (expected,) = (dense_crf(images, maps, device=place, **options) for place in (device, "cpu"))
    assert np.abs(found - expected).mean() <= 1e-5  # as for every batch of CRFs
