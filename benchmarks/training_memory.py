"""A training step on a CPU with and without `keep_freed_memory`, in processes of their own, whose allocator it sets."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from typing import Any

import torch

from benchmarks.measure import Floor, Row, describe, seconds
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.runtime.memory import keep_freed_memory

BATCH, CROP, STEPS, REPEATS = 16, 224, 5, 3
BACKBONE = {"name": "mobilenetv2_100", "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "trained",
            "freeze_stem": False}  # fmt: skip
CPU = torch.device("cpu")


def rows(device: torch.device) -> list[Row]:
    """Nothing on a GPU, whose allocator is torch's own."""
    if device.type != "cpu":
        return []
    measured: dict[str, list[dict]] = {"ours": [], "reference": []}
    for _ in range(REPEATS):
        for way, results in measured.items():
            results.append(_in_a_process(way))
    ours, reference = (
        {key: statistics.median(result[key] for result in results) for key in ("seconds", "megabytes")}
        for results in measured.values()
    )
    same = len({json.dumps(result["losses"]) for results in measured.values() for result in results}) == 1
    size = f"CAM network, MobileNetV2, batch {BATCH}, crop {CROP}"
    memory = f"peak {ours['megabytes']:.0f} against {reference['megabytes']:.0f} MB"
    return [
        Row("training_memory", ours["seconds"], reference["seconds"], reference["seconds"] / ours["seconds"],
            f"losses {'equal' if same else 'differ'}, {memory}", size, describe(device), Floor().seconds(device))
    ]  # fmt: skip


def _in_a_process(way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training_memory", way, str(torch.get_num_threads())]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _measure(way: str, threads: int) -> dict[str, Any]:
    if way == "ours":
        keep_freed_memory()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = build_network(
        CamNetwork, pretrained_backbone(**BACKBONE), num_classes=20, options={"dropout": 0.0}
    ).train()
    optimizer = torch.optim.AdamW(model.parameters())
    images = torch.randn(BATCH, 3, CROP, CROP)
    losses: list[float] = []

    def step() -> None:
        optimizer.zero_grad()
        loss = model(images)["logits"].square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    step()
    times = [seconds(step, CPU) for _ in range(STEPS)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": statistics.median(times), "megabytes": peak, "losses": losses}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
