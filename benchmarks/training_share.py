"""A training from files, and the one loop on a batch that lies ready, against bare steps of the same network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import nn

from benchmarks.measure import Floor, Row, describe, seconds
from benchmarks.photographs import HEIGHT, NAMES, WIDTH, photograph
from wsss_core import manifests
from wsss_core.data.index import Index, Record
from wsss_core.data.training_set import TrainingSet, batches
from wsss_core.data.transforms import augmentation
from wsss_core.methods.cam.objective import classification
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.runtime import environment
from wsss_core.runtime.memory import keep_freed_memory
from wsss_core.training.loop import fit

BATCH, CROP, WARM, STEPS, REPEATS, IMAGES = 16, 224, 2, 6, 3, 32
BACKBONE = {"name": "mobilenetv2_100", "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "trained"}
AUGMENT = augmentation(long_side=None, scale=(0.5, 1.5), crop=CROP, flip=True, color_jitter=(0.3, 0.3, 0.3, 0.1),
                       pad="mean")  # fmt: skip
Stream = Callable[[int], Iterable[dict]]


def rows(device: torch.device) -> list[Row]:
    """On a CPU; `make gpu` measures the same on a GPU."""
    if device.type != "cpu":
        return []
    keep_freed_memory()
    fabric = Fabric(accelerator="cpu", devices=1)
    with TemporaryDirectory() as folder:
        samples = TrainingSet(_index(Path(folder)), list(map(str, range(IMAGES))), AUGMENT, seed=0)
        (ready,) = batches(samples, batch=BATCH, steps=1, workers=0)(0)
        loaded = batches(samples, batch=BATCH, steps=WARM + STEPS, workers=environment.workers())
        times: dict[str, list[float]] = {"bare": [], "loop": [], "files": []}
        for _ in range(REPEATS):
            times["bare"].append(_bare(ready, fabric))
            times["loop"].append(_seconds_of_fit(lambda first: repeat(ready), fabric))
            times["files"].append(_seconds_of_fit(loaded, fabric))
    bare, loop, files = (statistics.median(taken) / STEPS for taken in times.values())
    size = f"CAM network, MobileNetV2, batch {BATCH}, crop {CROP}, {environment.workers()} workers"
    return [
        Row(name, taken, bare, bare / taken, f"{bare / taken:.0%} of bare steps", size, describe(device),
            Floor().seconds(device))
        for name, taken in (("training_loop", loop), ("training_files", files))
    ]  # fmt: skip


def _index(folder: Path) -> Index:
    records = {}
    for number in range(IMAGES):
        path = folder / f"{number}.jpg"
        Image.fromarray(photograph(NAMES[number % len(NAMES)])).save(path, quality=95)
        records[str(number)] = Record(str(number), path.name, (1 + number % 2,), HEIGHT, WIDTH,
                                      manifests.file_digest(path))  # fmt: skip
    return Index("folder", str(folder), ("cat", "dog"), {"train": tuple(records)}, records, "tags")


def _network() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = build_network(CamNetwork, pretrained_backbone(**BACKBONE), num_classes=2, options={"dropout": 0.0})
    return model.train(), torch.optim.AdamW(model.parameters(), lr=1e-6)


def _bare(batch: dict, fabric: Fabric) -> float:
    """Forward, backward and update, with nothing read back."""
    model, optimizer = fabric.setup(*_network())

    def descend(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(torch.stack([*classification(model, batch, 0.0).losses.values()]).sum())
            optimizer.step()

    descend(WARM)
    return seconds(lambda: descend(STEPS), fabric.device)


def _seconds_of_fit(stream: Stream, fabric: Fabric) -> float:
    """The loop, from the end of step WARM on: the loader's start does not count."""
    marks: list[float] = []
    model, optimizer = _network()

    def after_step(_: nn.Module, done: int) -> None:
        if done in (WARM, WARM + STEPS):
            marks.append(time.perf_counter())

    with TemporaryDirectory() as folder:
        fit(model, stream, losses=classification, optimizer=optimizer, steps=WARM + STEPS, fabric=fabric,
            scheduler=torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
            checkpoint=Path(folder) / "checkpoint.pt", name="benchmark", after_step=after_step)  # fmt: skip
    return marks[1] - marks[0]
