"""Devices, precision and processes: one Lightning Fabric, set up from the environment."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from functools import cache
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy

from wsss_core.runtime import cluster, environment, supervisor, worker
from wsss_core.runtime.cluster import Started

logger = logging.getLogger(__name__)

TRAINING_WAIT, IMAGES_WAIT = timedelta(minutes=30), timedelta(days=2)
"""How long processes wait for one another: at a step, where all do the same, and at the end of unequal shares."""


def launch(*, seed: int | None = None, shared: bool = True, cpu: bool = False) -> Fabric:
    """A launched Fabric for training, with a seed, or for inference, which draws nothing.

    With several devices this runs this very command once for each, and does not return. A training asks PyTorch for
    operators that give the same bits each time; forward passes alone do so without asking, and are faster.

    Args:
        seed: of a training.
        shared: whether the command shares its work among several processes; else it uses one device.
        cpu: whatever devices there are, the work is for CPUs.

    Raises:
        ValueError: the devices or the precision of the environment cannot be had; nothing falls back.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once, when a GPU is first touched
    started = cluster.started() if shared else None
    chosen = _accelerator(started, cpu=cpu) if shared else _one_device(cpu=cpu)
    count, nodes = _count(chosen), started.nodes if started else environment.nodes() if shared else 1
    on_cpu = chosen["accelerator"] == "cpu"
    precision = environment.precision() or _usual_precision(inference=seed is None and not on_cpu)
    wait = IMAGES_WAIT if seed is None else TRAINING_WAIT
    try:
        fabric = Fabric(
            precision=precision, num_nodes=nodes, plugins=[_environment(started)],  # type: ignore[arg-type]
            strategy=_strategy(count * nodes, wait), **chosen,
        )  # fmt: skip
    except Exception as error:  # Fabric raises many kinds for settings that the machine lacks
        raise ValueError(
            f"WSSS_DEVICES={environment.devices()} with WSSS_PRECISION={precision} cannot be used here: {error}"
        ) from error
    if count * nodes > 1 and not started:
        supervisor.run(count)
    _begin(started)
    fabric.launch()
    if seed is not None:
        fabric.seed_everything(seed, verbose=False)
    torch.use_deterministic_algorithms(seed is not None, warn_only=True)
    # Otherwise they clear what is written next: a quarter of a step of MobileNetV2 on an H100.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logger.info("running on %s, %s%s", fabric.device, precision, f", {count * nodes} processes" if started else "")
    if fabric.device.type == "cpu" and precision.startswith("bf16") and not cpu_has_bf16():
        _warn_of_emulation()
    return fabric


def _begin(started: Started | None) -> None:
    """What one of several processes does first: it ends with its supervisor, and leaves the talking to the first."""
    if started and started.launcher == "supervisor":
        worker.end_with(int(os.environ[cluster.SUPERVISOR]))
    if started and started.rank > 0:
        logging.getLogger().setLevel(logging.ERROR)


def _usual_precision(*, inference: bool) -> str:
    """Where WSSS_PRECISION asks for none: GPUs infer in half the bits, in bf16 where they can, which keeps
    float32's range for the sums of deep residual networks."""
    if not (inference and torch.cuda.is_available()):
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def cpu_has_bf16() -> bool:
    """Whether this CPU computes in bf16; another one emulates it."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


@cache
def _warn_of_emulation() -> None:
    logger.warning(
        "this CPU does not compute in bf16: emulated, it takes about ten times as long; set WSSS_PRECISION=32-true"
    )


def _accelerator(started: Started | None, *, cpu: bool) -> dict[str, Any]:
    """Kind and devices of each machine, as Fabric takes them.

    Raises:
        ValueError: the environment asks for another number of devices than a launcher started processes.
    """
    devices, number = environment.devices(), environment.num_devices()
    on_cpu = _is_on_cpu()
    if started:
        if devices not in ("auto", "cpu") and number != started.local_world and (on_cpu or not cpu):
            raise ValueError(
                f"WSSS_DEVICES={devices} asks for {number} processes on each machine, and {started.launcher} started"
                f" {started.local_world}; leave WSSS_DEVICES out"
            )
        number = started.local_world
    if cpu and not on_cpu and not started:
        number = 1  # what is named are GPUs
    if cpu or on_cpu:
        return {"accelerator": "cpu", "devices": number}
    if devices == "auto":
        kind = "gpu" if environment.accelerator() == "gpu" else "auto"
        return {"accelerator": kind, "devices": number if started else "auto"}
    return {"accelerator": "gpu", "devices": [int(d) for d in devices.split(",")] if "," in devices else number}


def _one_device(*, cpu: bool) -> dict[str, Any]:
    """The first of the devices that the environment names."""
    devices = environment.devices()
    if cpu or _is_on_cpu():
        return {"accelerator": "cpu", "devices": 1}
    return {"accelerator": "gpu", "devices": [int(devices.split(",")[0])] if "," in devices else 1}


def _is_on_cpu() -> bool:
    kind = environment.accelerator()
    return "cpu" in (kind, environment.devices()) or (
        environment.devices() == "auto" and kind == "auto" and not _has_gpu()
    )


def _count(chosen: dict[str, Any]) -> int:
    """The number of devices of a machine."""
    if chosen["devices"] == "auto":
        return max(1, torch.cuda.device_count())
    return len(chosen["devices"]) if isinstance(chosen["devices"], list) else chosen["devices"]


def _strategy(num_processes: int, wait: timedelta) -> DDPStrategy | str:
    """Some phases of the joint methods leave a branch of the network out, which plain DDP refuses."""
    return DDPStrategy(find_unused_parameters=True, timeout=wait) if num_processes > 1 else "auto"


def _environment(started: Started | None) -> ClusterEnvironment:
    """Who tells Fabric its place. It would take a script that sbatch runs for one of several processes."""
    if started is None:
        return LightningEnvironment()
    return SLURMEnvironment(auto_requeue=False) if started.launcher == "srun" else TorchElasticEnvironment()


def _has_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()
