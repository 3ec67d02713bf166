"""Where work on arrays runs: in pools of CPU processes, or in batches on the GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsss_core.runtime import environment
from wsss_core.runtime.sharing import cpu_processes
from wsss_core.runtime.worker import Processes

if TYPE_CHECKING:
    import torch

ARRAY_PIXELS = 4_000_000
"""Pixels of a batch of CRFs on a GPU: twenty VOC photographs, whose lattice takes about 2 GB."""

NETWORK_PIXELS, OF_BYTES = 1_000_000, 16e9
"""Pixels of a batch for a network on a GPU, for so much memory: five photographs of VOC, at scale 2 with mirrors eight
million. A GPU that has more takes larger batches: one of two photographs leaves an H100 waiting for the host."""


@dataclass(frozen=True)
class Placement:
    """Arguments of `per_image.run`, and the device that the work computes on."""

    workers: int
    batch_pixels: int
    processes: Processes
    device: object


def place(*, gpu: bool) -> Placement:
    """The GPUs that the environment allows, if the work can use them; else one process a core.

    Several processes may share the second too: on CPUs that are asked for, or where a launcher has started them.

    Raises:
        ValueError: the environment names devices that are not there.
    """
    if gpu and _wants_gpu():
        from wsss_core.runtime import devices

        fabric = devices.launch()
        return Placement(0, ARRAY_PIXELS, fabric, fabric.device)
    return Placement(environment.workers(), 0, cpu_processes(), "cpu")


def network_pixels(device: torch.device) -> int:
    """What `per_image.run` may batch for a network on the device; on a CPU batches gain nothing and cost memory."""
    if device.type != "cuda":
        return 0
    import torch

    return NETWORK_PIXELS * max(1, round(torch.cuda.get_device_properties(device).total_memory / OF_BYTES))


def _wants_gpu() -> bool:
    devices, kind = environment.devices(), environment.accelerator()
    if "cpu" in (devices, kind):
        return False
    if devices != "auto" or kind == "gpu":
        return True
    import torch  # here: a stage that computes with NumPy starts without it

    return torch.cuda.is_available()
