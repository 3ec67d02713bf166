"""Training steps that keep less for their backward pass, in processes of their own: memory and time of each way."""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import Floor, Row, describe, seconds
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.runtime.memory import keep_freed_memory
from wsss_core.training.recomputing import spare_memory

BATCH, CROP, STEPS = 8, 224, 3
BACKBONES = ("mobilenetv2_100", "resnet50")
WAYS = {
    "": (1, False), "accumulate 2": (2, False), "accumulate 4": (4, False), "activation_checkpointing": (1, True),
    "both, accumulate 4": (4, True),
}  # fmt: skip
CPU = torch.device("cpu")


def rows(device: torch.device) -> list[Row]:
    """On a CPU, where the system, Linux, tells of a process how much it held at most."""
    if device.type != "cpu" or sys.platform != "linux":
        return []
    found = []
    for backbone in BACKBONES:
        measured = {way: _in_a_process(backbone, way) for way in WAYS}
        plain = measured.pop("")
        found += [
            Row(f"less_memory {way}", own["seconds"], plain["seconds"], plain["seconds"] / own["seconds"],
                f"a step takes {own['megabytes']:.0f} MB instead of {plain['megabytes']:.0f}, CPU time"
                f" {own['used'] / plain['used']:.2f} times",
                f"CAM network, {backbone}, batch {BATCH}, crop {CROP}", describe(device), Floor().seconds(device))
            for way, own in measured.items()
        ]  # fmt: skip
    return found


def _in_a_process(backbone: str, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.less_memory", backbone, way, str(torch.get_num_threads())]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _measure(name: str, way: str, threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    backbone = pretrained_backbone(name=name, output_stride=16, weights="none", dilate=True, batch_norm="frozen")
    model = build_network(CamNetwork, backbone, num_classes=20, options={"dropout": 0.0}).train()
    accumulate, again = WAYS[way]
    spare_memory(model, accumulate=accumulate, activation_checkpointing=again)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-6)
    images = torch.randn(BATCH, 3, CROP, CROP)
    before = _forget_the_building()
    keep_freed_memory()

    def step() -> None:
        optimizer.zero_grad()
        model(images)["logits"].square().mean().backward()
        optimizer.step()

    step()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    times = sorted(seconds(step, CPU) for _ in range(STEPS))
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_utime - start) / STEPS
    return {"seconds": times[STEPS // 2], "used": used, "megabytes": _held("VmHWM") - before}


def _forget_the_building() -> float:
    """Megabytes that the process holds, once what it freed is the system's again and its largest size is this one."""
    ctypes.CDLL(None).malloc_trim(0)  # else the steps would fill what building a large network left
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _held("VmRSS")


def _held(key: str) -> float:
    """Megabytes of this process: `VmRSS` now, `VmHWM` at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
