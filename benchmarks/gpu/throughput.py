"""Part 4: training and inference of each network, against the same network on tensors that lie on the device already.

What the whole path takes longer is what the device waits for: decoding, augmenting, copying, reading scalars, writing.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu import sample
from benchmarks.gpu.networks import NETWORKS, Network
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting
from benchmarks.measure import seconds
from wsss_core import artifacts, layout
from wsss_core.data.index import Index
from wsss_core.data.source import Source
from wsss_core.data.training_set import TrainingSet, batches
from wsss_core.data.transforms import augmentation
from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.segmentation import segment
from wsss_core.inference.views import views
from wsss_core.models.build import on_device
from wsss_core.runtime import devices, environment, per_image
from wsss_core.runtime.ahead import Relay
from wsss_core.runtime.placement import network_pixels
from wsss_core.sections.data import Dataset
from wsss_core.training.loop import Watch, fit

WARM, STEPS = 3, 12
"""Steps before the clock starts, and those that it measures where no loader works ahead."""
PREFETCH = 2
"""Batches that each process of a loader makes ahead, torch's default: so many come faster than they are made."""
PROFILED = 3  # steps, after the first, which waits for the loader's start
IMAGES = 24  # of an inference, at most; a rehearsal looks at one
MAX_PIXELS = 10**7
Stream = Callable[[int], Iterable[dict]]

PROFILES, REHEARSED_PROFILES = layout.REPORTS / "gpu_profiles", layout.REPORTS / "gpu_rehearsal_profiles"


def run(setting: Setting, record: Record) -> None:
    """A line for each network's training and inference.

    Raises RuntimeError where one fails, after all others had their turn.
    """
    chosen = [network.smaller() for network in NETWORKS if network.rehearsed] if setting.rehearse else NETWORKS
    failed = []
    with TemporaryDirectory() as folder:
        dataset = Dataset.model_validate(sample.made(setting, Path(folder) / "sample"))
        index = sample.open_index(Source(**dataset.source()))
        for network in chosen:
            for precision in network.precisions:
                try:
                    _measure(network, precision, setting, index, record)
                except Exception as error:  # too large for this GPU, or broken: the others are not
                    record.line(f"{network.name}, {precision}: failed", error=str(error)[:500])
                    failed.append(f"{network.name}, {precision}")
    if failed:
        raise RuntimeError(f"failed: {'; '.join(failed)}")


def _measure(network: Network, precision: str, setting: Setting, index: Index, record: Record) -> None:
    os.environ["WSSS_PRECISION"] = precision
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    fabric = devices.launch(seed=0)
    model = network.build(setting.weights, num_classes=len(index.classes))
    title = f"{network.name}, {precision}"
    warm, steps, workers = (1, 1, 1) if setting.rehearse else (WARM, STEPS, environment.workers())
    table = (REHEARSED_PROFILES if setting.rehearse else PROFILES) / f"{re.sub('[^A-Za-z0-9]+', '_', title)}.txt"
    record.line(f"{title}: training", **_training(network, model, index, fabric, warm=warm, steps=steps,
                                                  workers=workers, table=table))  # fmt: skip
    record.line(f"{title}: inference", **_inference(network, model, index, fabric))
    if fabric.device.type == "cuda":
        record.line(f"{title}: memory", gigabytes=torch.cuda.max_memory_allocated() / 1e9)


def _training(
    network: Network, model: nn.Module, index: Index, fabric: Fabric, *, warm: int, steps: int, workers: int,
    table: Path,
) -> dict:
    """Images a second through the loader and the loop, and of bare steps on one batch; and a profile of the loop.

    From files for four times as many steps as the loader makes ahead: a quarter at most came faster than it makes them.
    """
    augment = augmentation(long_side=None, scale=(0.5, 1.5), crop=network.crop, flip=True,
                           color_jitter=(0.3, 0.3, 0.3, 0.1), pad="mean")  # fmt: skip
    samples = TrainingSet(index, index.ids("train"), augment, seed=0, labels=lambda name: _halves(index.size(name)))
    loaded_steps = max(steps, 4 * workers * PREFETCH)
    pinned = fabric.device.type == "cuda"
    loaded = batches(samples, batch=network.batch, steps=warm + loaded_steps, workers=workers, pinned=pinned)
    first = next(iter(batches(samples, batch=network.batch, steps=1, workers=0)(0)))
    one = {key: fabric.to_device(value) if isinstance(value, torch.Tensor) else value for key, value in first.items()}
    bare = _seconds_of_bare_steps(network, model, one, fabric, warm=warm, steps=steps) / steps
    on_device = _seconds_of_fit(network, model, lambda _: repeat(one), fabric, warm=warm, steps=steps) / steps
    from_files = _seconds_of_fit(network, model, loaded, fabric, warm=warm, steps=loaded_steps) / loaded_steps
    few = batches(samples, batch=network.batch, steps=1 + PROFILED, workers=workers, pinned=pinned)
    kernels = _seconds_of_kernels(network, model, few, fabric, table=table)
    return {"images_a_second": network.batch / from_files, "loop_on_one_batch": network.batch / on_device,
            "bare_steps": network.batch / bare, "share_of_bare": bare / from_files, "device_busy": kernels / from_files,
            "host_waits": _host_waits(network, model, one, fabric), "batch": network.batch, "crop": network.crop,
            "workers": workers, "steps": loaded_steps}  # fmt: skip


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-6)


def _seconds_of_bare_steps(
    network: Network, model: nn.Module, batch: dict, fabric: Fabric, *, warm: int, steps: int
) -> float:
    """Forward, backward and update, with nothing read back."""
    wrapped, optimizer = fabric.setup(on_device(model, fabric.device), _optimizer(model))
    wrapped.train()

    def descend(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(torch.stack([*network.losses(wrapped, batch, 0.0).losses.values()]).sum())
            optimizer.step()

    descend(warm)
    return seconds(lambda: descend(steps), fabric.device)


def _seconds_of_fit(
    network: Network, model: nn.Module, stream: Stream, fabric: Fabric, *, warm: int, steps: int
) -> float:
    """The project's own loop, from the end of step `warm` on."""
    marks: list[float] = []

    def after_step(_: nn.Module, done: int) -> None:
        if done in (warm, warm + steps):
            if fabric.device.type == "cuda":
                torch.cuda.synchronize(fabric.device)
            marks.append(time.perf_counter())

    _fit(network, model, stream, fabric, steps=warm + steps, after_step=after_step)
    return marks[1] - marks[0]


def _fit(
    network: Network, model: nn.Module, stream: Stream, fabric: Fabric, *, steps: int, after_step: Watch | None = None
) -> None:
    optimizer = _optimizer(model)
    constant = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    with TemporaryDirectory() as folder:
        fit(model, stream, losses=network.losses, optimizer=optimizer, scheduler=constant, steps=steps, fabric=fabric,
            checkpoint=Path(folder) / "checkpoint.pt", name=network.name, after_step=after_step)  # fmt: skip


def _seconds_of_kernels(network: Network, model: nn.Module, stream: Stream, fabric: Fabric, *, table: Path) -> float:
    """How long the GPU's kernels run in a step (0 on a CPU); what took longest is kept as a table.

    A run of its own, since profiling takes time, from the end of the first step on, which waits for the loader's start.
    """
    on_gpu = fabric.device.type == "cuda"
    profiler = profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * on_gpu])

    def profile_steps(_: nn.Module, done: int) -> None:
        if on_gpu:
            torch.cuda.synchronize(fabric.device)
        if done == 1:
            profiler.start()
        elif done == 1 + PROFILED:
            profiler.stop()

    _fit(network, model, stream, fabric, steps=1 + PROFILED, after_step=profile_steps)
    operations = profiler.key_averages()
    order = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    artifacts.write_text(table, operations.table(sort_by=order, row_limit=25) + "\n")
    kernels = [operation for operation in operations if operation.device_type == DeviceType.CUDA]
    return sum(one.self_device_time_total for one in kernels if not one.is_user_annotation) / 1e6 / PROFILED


def _host_waits(network: Network, model: nn.Module, batch: dict, fabric: Fabric) -> int:
    """How often this process waits for the GPU in the second step of the loop (0 on a CPU).

    Once where it must: so short a training has a row of the history for each step, which is read.
    """
    if fabric.device.type != "cuda":
        return 0

    def watch(_: nn.Module, done: int) -> None:
        torch.cuda.set_sync_debug_mode("warn" if done == 1 else "default")

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _fit(network, model, lambda _: repeat(batch), fabric, steps=3, after_step=watch)
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in told)


def _inference(network: Network, model: nn.Module, index: Index, fabric: Fabric) -> dict:
    """Photographs a second from files to written results, and of the network alone on views that lie on the device."""
    device, sizes = fabric.device, Counter(map(index.size, index.ids("train")))
    ids = [name for name in index.ids("train") if index.size(name) == sizes.most_common(1)[0][0]]
    ids = ids[: IMAGES if device.type == "cuda" else 1]
    on_device(model, device).eval()
    groups = per_image.batches(ids, index.size, pixels=network_pixels(device), equal=True)
    options = {"scales": network.scales, "flip": True, "max_pixels": MAX_PIXELS, "device": device}
    placed = [view for names in groups for view in views([index.image(name) for name in names], **options)]  # type: ignore[arg-type]
    make, write = _results(network, model, index, options)

    @torch.inference_mode()
    def computed(names: Sequence[str], images: Sequence[np.ndarray]) -> Sequence:
        with fabric.autocast():
            return make(names, images)

    @torch.inference_mode()
    def alone() -> None:
        with fabric.autocast():
            for view in placed:
                model.cams(view) if network.method == "cam" else model(view)  # type: ignore[operator]

    relay = Relay(lambda names: [index.image(name) for name in names], computed, write, threads=environment.workers())

    def whole() -> None:
        with TemporaryDirectory() as folder:
            for _ in relay.results(groups, Path(folder)):
                pass

    first = seconds(alone, device)
    whole()
    bare, complete = seconds(alone, device), seconds(whole, device)
    return {"photographs_a_second": len(ids) / complete, "network_alone": len(ids) / bare,
            "share_of_network": bare / complete, "first_s": first, "scales": list(network.scales),
            "photographs": len(ids), "batches": len(groups)}  # fmt: skip


def _results(network: Network, model: nn.Module, index: Index, options: dict) -> tuple[Callable, Callable]:
    """As the stages do: make(ids, images of one size) -> results, and write(folder, id, result)."""
    if network.method == "cam":
        cams = partial(class_activation_maps, model, sqrt=False, store_stride=4, **options)
        return lambda names, images: cams(images, [index[name].tags for name in names]), artifacts.write_scores
    if network.method == "affinitynet":

        def features(names: Sequence[str], images: Sequence[np.ndarray]) -> Sequence:
            (view,) = views(images, **options)
            return model(view)["affinity_features"].float().cpu()[: len(names)]

        return features, lambda folder, name, result: None  # no stage keeps them
    return lambda names, images: segment(model, images, crf=None, **options), artifacts.write_labels


def _halves(size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 labels: background above, class 1 below."""
    labels = np.zeros(size, dtype=np.uint8)
    labels[size[0] // 2 :] = 1
    return labels
