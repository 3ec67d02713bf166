"""Part 1: the GPU, its driver and libraries, what it reaches, and which packages are missing."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks.gpu import origin, wheels
from benchmarks.gpu.parts import OPTIONAL, PARTS
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting

_ASKED = "name,driver_version,memory.total,memory.free,power.limit,clocks.max.sm"


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where there is no GPU that torch can use, and none is rehearsed."""
    _packages(record)
    record.line("host", python=platform.python_version(), system=platform.platform(), cores=os.cpu_count())
    _driver(record)

    if wheels.missing(["torch", "numpy"]):
        raise RuntimeError(f"{sys.executable} has no torch or no NumPy; name another by `make gpu PYTHON=...`")
    import torch

    from benchmarks.measure import ceilings

    record.line(
        "torch", version=torch.__version__, cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
        threads=torch.get_num_threads(),
    )  # fmt: skip
    if not setting.rehearse and not torch.cuda.is_available():
        raise RuntimeError("torch reaches no GPU here; `make gpu REHEARSE=1` rehearses on the CPU")
    device = torch.device("cpu" if setting.rehearse else "cuda")
    if device.type == "cuda":
        _gpu(record)
    bandwidth, arithmetic = ceilings(device, torch.get_num_threads())
    record.line(f"{device.type} reaches", gigabytes_a_second=bandwidth, gigaflops_float32=arithmetic)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        square = torch.rand(256, 256, device=device)
        error = float(((square @ square).float() - square.double() @ square.double()).abs().max() / 256)
    record.line("a product in bf16 against float64", largest_difference=error)
    if error > 2e-2:  # bf16 rounds to 8 bits: 4e-3 of a sum of 256 products below 1
        raise RuntimeError(f"a product in bf16 is off by {error:.1e} of its size")


def _packages(record: Record) -> None:
    needed = sorted({name for part in PARTS for name in part.needs})
    there = {name: wheels.version_of(name) for name in needed}
    record.line("beyond torch and NumPy the check takes", **{name: version or "missing" for name, version in
                                                            there.items()})  # fmt: skip
    lacking = wheels.missing(needed)
    if lacking:
        record.line("to bring", wheels=wheels.pip_line(lacking))
    for name, use in OPTIONAL.items():
        if wheels.version_of(name) is None:
            record.line(f"{name} is missing, and used for {use}")


def _driver(record: Record) -> None:
    """What nvidia-smi says, where there is one."""
    record.line("nvidia-smi", asked=_ASKED, says=origin.nvidia_smi(_ASKED) or "nothing: it is not there, or fails")


def _gpu(record: Record) -> None:
    import torch

    properties = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info()
    record.line(
        "GPU", name=properties.name, count=torch.cuda.device_count(),
        capability=f"{properties.major}.{properties.minor}", multiprocessors=properties.multi_processor_count,
        free_gigabytes=free / 1e9, total_gigabytes=total / 1e9,
        bf16=torch.cuda.is_bf16_supported(including_emulation=False),
        tf32_convolutions=torch.backends.cudnn.allow_tf32, float32_products=torch.get_float32_matmul_precision(),
    )  # fmt: skip
