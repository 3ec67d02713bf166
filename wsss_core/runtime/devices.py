"""Devices, precision and processes: one Lightning Fabric, set up from the environment."""

from __future__ import annotations

import logging
import os
from functools import cache

import torch
from lightning_fabric import Fabric

from wsss_core.runtime import environment

logger = logging.getLogger(__name__)


def launch(*, seed: int | None = None) -> Fabric:
    """A launched Fabric for training, with a seed, or for inference, which draws nothing.

    With several devices this starts this very command once for each. A training asks PyTorch for operators that give
    the same bits each time; forward passes alone do so without asking, and are faster.

    Raises:
        ValueError: the devices or the precision of the environment cannot be had; nothing falls back.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once, when a GPU is first touched
    devices = environment.devices()
    precision = environment.precision() or _usual_precision(inference=seed is None and devices != "cpu")
    try:
        fabric = Fabric(precision=precision, **_accelerator(devices))  # type: ignore[arg-type]
    except Exception as error:  # Fabric raises many kinds for settings that the machine lacks
        raise ValueError(
            f"WSSS_DEVICES={devices} with WSSS_PRECISION={precision} cannot be used here: {error}"
        ) from error
    fabric.launch()
    if seed is not None:
        fabric.seed_everything(seed, verbose=False)
    torch.use_deterministic_algorithms(seed is not None, warn_only=True)
    # Otherwise they clear what is written next: a quarter of a step of MobileNetV2 on an H100.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logger.info("running on %s, %s", fabric.device, precision)
    if fabric.device.type == "cpu" and precision.startswith("bf16") and not cpu_has_bf16():
        _warn_of_emulation()
    return fabric


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


def _accelerator(devices: str) -> dict[str, object]:
    if devices == "cpu" or (devices == "auto" and not _has_gpu()):
        return {"accelerator": "cpu", "devices": 1}
    if devices == "auto":
        return {"accelerator": "auto", "devices": "auto", "strategy": _strategy(torch.cuda.device_count())}
    chosen = [int(d) for d in devices.split(",")] if "," in devices else int(devices)
    count = len(chosen) if isinstance(chosen, list) else chosen
    return {"accelerator": "gpu", "devices": chosen, "strategy": _strategy(count)}


def _strategy(num_devices: int) -> str:
    """Some phases of the joint methods leave a branch of the network out, which plain DDP refuses."""
    return "ddp_find_unused_parameters_true" if num_devices > 1 else "auto"


def _has_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()
