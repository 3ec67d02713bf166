"""Part 1: the GPU, its driver and libraries, what it reaches, and which packages are missing."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

from benchmarks.gpu import origin, wheels
from benchmarks.gpu.parts import OPTIONAL, PARTS
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting

if TYPE_CHECKING:
    import torch

BF16 = 5e-3
"""bf16 keeps 8 bits, so that a result is rounded by 2^-8 = 3.9e-3 at most; the factors' roundings average out."""
_ASKED = "name,driver_version,memory.total,memory.free,power.limit,clocks.max.sm"


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where there is no GPU that torch can use, and none is rehearsed."""
    _packages(setting, record)
    record.line("host", python=platform.python_version(), system=platform.platform(), cores=os.cpu_count())
    _driver(record)

    if lacking := wheels.missing(["torch", "numpy"]):
        raise RuntimeError(f"{sys.executable} has no {' and no '.join(lacking)}; name another by `make gpu PYTHON=...`,"
                           f" or bring {wheels.remedy(lacking)}")  # fmt: skip
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
    square = torch.rand(256, 256, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        product = square @ square
    error = bf16_error(product, square.double() @ square.double())
    record.line("a product in bf16 against float64", largest_relative_difference=error, tolerance=BF16)


def bf16_error(product: torch.Tensor, exact: torch.Tensor) -> float:
    """The largest relative difference of a product of positive matrices that autocast made, from the exact one.

    Raises RuntimeError where it is no bf16, or not as exact as bf16 is.
    """
    import torch

    if product.dtype != torch.bfloat16:
        raise RuntimeError(f"autocast makes products in {product.dtype}, not in bf16")
    error = float(((product.double() - exact) / exact).abs().max())
    if not error <= BF16:  # which no number is
        raise RuntimeError(f"a product in bf16 is off by {error:.1e} of its size, and {BF16} is its rounding")
    return error


def _packages(setting: Setting, record: Record) -> None:
    has_weights = bool(setting.saliency_weights)
    needed = sorted({name for part in PARTS for name in part.all_needs(saliency_weights=has_weights)})
    there = {name: wheels.version_of(name) for name in needed}
    record.line("the check takes", **{name: version or "missing" for name, version in there.items()})
    if other := wheels.other_versions([*needed, *OPTIONAL]):
        record.line("of other versions than the check was made with", **other)
    lacking = wheels.missing(needed)
    if lacking:
        record.line("to bring", by=wheels.remedy(lacking))
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
