"""Stages that look at photographs, and a training from files, against their network alone on tensors that lie ready.

What the whole takes longer is the host's share: decoding, resizing, augmenting, reading scalars, encoding, writing. The
CPU's time says the same where other work is on the machine; what threads do at once shows in the clock's alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.measure import Floor, Row, describe, seconds
from benchmarks.photographs import NAMES, photograph
from wsss_core import artifacts
from wsss_core.data.images import read_image
from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.segmentation import segment
from wsss_core.inference.views import views
from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.models.build import build_network, on_device
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.runtime import environment
from wsss_core.runtime.ahead import Relay

REPEATS, CLASSES, MAX_PIXELS = 3, 20, 10**7
TAGS = (9, 15)
BACKBONE = {"name": "mobilenetv2_100", "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "frozen"}
VIEWS = {"one view": ((1.0,), False, 8), "eight views": ((0.5, 1.0, 1.5, 2.0), True, 2)}
"""Scales, whether with mirrors, and of how many photographs."""
Ways = dict[str, Callable[[], object]]


def rows(device: torch.device) -> list[Row]:
    with TemporaryDirectory() as folder:
        files = Path(folder)
        for number in range(max(count for _, _, count in VIEWS.values())):
            picture = Image.fromarray(photograph(NAMES[number % len(NAMES)])[:, :: 1 if number % 2 else -1])
            picture.save(files / f"{number}.jpg", quality=95)
        return [
            _row(f"{stage}, {seen}", count, _ways(stage, files, device, scales, flip, count), device)
            for stage in ("infer_cam", "predict")
            for seen, (scales, flip, count) in VIEWS.items()
        ]


def _row(name: str, count: int, ways: Ways, device: torch.device) -> Row:
    """Of one photograph: the stage with its threads against the network alone, and without threads beside them."""
    clock: dict[str, list[float]] = {way: [] for way in ways}
    used: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(REPEATS + 1):  # the first warms up
        for way, run in ways.items():
            before = time.process_time()
            taken = seconds(run, device)
            if turn:
                clock[way].append(taken / count)
                used[way].append((time.process_time() - before) / count)
    wall, cpu = ({way: statistics.median(each) for way, each in times.items()} for times in (clock, used))
    said = (
        f"without threads {wall['network'] / wall['in turn']:.0%}; of the CPU's time the network has"
        f" {cpu['network'] / cpu['threads']:.0%}"
    )
    return Row(name, wall["threads"], wall["network"], wall["network"] / wall["threads"], said,
               f"375x500, {BACKBONE['name']}, {environment.workers()} threads", describe(device),
               Floor().seconds(device))  # fmt: skip


def _ways(
    stage: str, files: Path, device: torch.device, scales: Sequence[float], flip: bool, count: int
) -> Ways:
    """The stage from files to files with threads and without, and its network alone."""
    options = {"scales": scales, "flip": flip, "max_pixels": MAX_PIXELS, "device": device}
    backbone, head = pretrained_backbone(**BACKBONE), {"head": "deeplabv3", "atrous_rates": [6, 12, 18]}
    make, own = (CamNetwork, {"dropout": 0.0}) if stage == "infer_cam" else (DeepLab, head)
    network: nn.Module = build_network(make, backbone, num_classes=CLASSES, options=own)
    model = on_device(network, device).eval()
    ids = [[str(number)] for number in range(count)]
    ready = [list(views(_read(files, group), **options)) for group in ids]  # type: ignore[arg-type]

    @torch.inference_mode()
    def made(_: Sequence[str], images: list[np.ndarray]) -> Sequence[object]:
        if stage == "infer_cam":
            return class_activation_maps(model, images, [TAGS] * len(images), sqrt=False, store_stride=4, **options)
        return segment(model, images, crf=None, **options)

    @torch.inference_mode()
    def alone() -> None:
        for view in (view for group in ready for view in group):
            model.cams(view) if stage == "infer_cam" else model(view)  # type: ignore[operator]

    write = artifacts.write_scores if stage == "infer_cam" else artifacts.write_labels

    def whole(threads: int) -> None:
        relay = Relay(lambda group: _read(files, group), made, write, threads=threads)
        with TemporaryDirectory() as out:
            for _ in relay.results(ids, Path(out)):
                pass

    return {"network": alone, "threads": lambda: whole(environment.workers()), "in turn": lambda: whole(0)}


def _read(files: Path, group: Iterable[str]) -> list[np.ndarray]:
    return [read_image(files / f"{name}.jpg") for name in group]
