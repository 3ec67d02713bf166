"""The preset that fits a machine and a number of photographs, with the reasons."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from wsss_core.runtime import environment

SMALL, LARGE = "voc12_mini", "voc12_resnet50"
"""The presets: a MobileNetV2 as measured on 849 photographs, and a ResNet-50 for thousands of them and a GPU."""
WEIGHTS = Path("data/raw/weights/mobilenetv2_100-imagenet.safetensors")
"""The file that the small one names; where it is not there, timm's weights take its place."""
_OF_THE_HUB = "Its ImageNet weights are fetched when first used; without a network: --set backbone.weights=FILE."
_MEASURED_ON, _MEASURED_IMAGES, _MINUTES = 647, 849, 36
"""Training photographs and all photographs of voc12-mini, and its time on two cores (docs/results.md)."""
_EPOCHS = {"train_cam": 8, "train_affinity": 3, "train_deeplab": 5}
_BATCHES = {"train_cam": 16, "train_affinity": 8, "train_deeplab": 8}
"""Of the small preset, which a test holds to it."""
_SHORTEST, _LONGEST = 0.5, {"train_cam": 5.0, "train_affinity": 1.0, "train_deeplab": 5.0}
"""Bounds of the factor of epochs. An AffinityNet is not trained longer: on 55 photographs of voc12-mini and the same
CAMs, 15 epochs made labels of 37.8 mIoU, and 3 epochs of 56.7."""
_FOR_LARGE = 2000
"""Photographs from which the larger network is taken."""
_GPU_GB = 15.0
"""That it wants."""
_MEMORY_GB = 3.0
"""Below which the small one's batches are halved: it was seen to take 2.5 (docs/benchmarks.md)."""


@dataclass(frozen=True)
class Machine:
    """What the stages will run on.

    Attributes:
        cores: that this process may use.
        memory: of the system, in GB.
        gpu: name of the first GPU; "" without.
        gpu_memory: its, in GB.
    """

    cores: int
    memory: float
    gpu: str = ""
    gpu_memory: float = 0.0


@dataclass(frozen=True)
class Choice:
    """Parameters for a machine and a number of photographs.

    Attributes:
        preset: its name.
        settings: nested keys over those of the preset.
        reasons: sentences.
    """

    preset: str
    settings: dict = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def this_machine() -> Machine:
    """The machine that this runs on; GPUs as WSSS_DEVICES allows are looked for by PyTorch."""
    cores = environment.cores()
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):  # not on Windows
        memory = float("inf")
    if environment.devices() == "cpu":
        return Machine(cores, memory)
    import torch  # takes seconds, so here

    if not torch.cuda.is_available():
        return Machine(cores, memory)
    properties = torch.cuda.get_device_properties(0)
    return Machine(cores, memory, properties.name, properties.total_memory / 1e9)


def fit(machine: Machine, *, num_train: int, num_images: int) -> Choice:
    """The preset for so many photographs, of which `num_train` teach."""
    if machine.gpu_memory >= _GPU_GB and num_images >= _FOR_LARGE:
        why = f"there are {num_images} photographs, and {machine.gpu} has {machine.gpu_memory:.0f} GB"
        return Choice(LARGE, {}, (f"{LARGE}, a ResNet-50: {why}.", _OF_THE_HUB))
    epochs = _epochs(num_train)
    settings: dict = {name: {"epochs": count} for name, count in epochs.items() if count != _EPOCHS[name]}
    reasons = [f"{SMALL}, a MobileNetV2: {_why_small(machine, num_images)}."]
    if settings:
        shown = ", ".join(f"{name}.epochs {epochs[name]} (not {_EPOCHS[name]})" for name in settings)
        size = "fewer" if num_train < _MEASURED_ON else "more"
        of_preset = f"the {_MEASURED_ON} that the preset was measured on"
        reasons.append(f"{shown}: {num_train} photographs to learn from are {size} than {of_preset}.")
    if machine.memory < _MEMORY_GB:
        for name, batch in _BATCHES.items():
            settings.setdefault(name, {})["batch"] = batch // 2
        reasons.append(f"Batches of half the size: the machine has {machine.memory:.1f} GB of memory.")
    if not WEIGHTS.is_file():
        settings["backbone"] = {"weights": "imagenet"}
        reasons.append(_OF_THE_HUB)
    if not machine.gpu:
        reasons.append(f"The graph takes about {_duration(epochs, num_train, num_images, machine.cores)}.")
    return Choice(SMALL, settings, tuple(reasons))


def _why_small(machine: Machine, num_images: int) -> str:
    if not machine.gpu:
        return "there is no GPU"
    if num_images < _FOR_LARGE:
        return f"{num_images} photographs are few for a larger network ({machine.gpu} computes)"
    return f"{machine.gpu} has {machine.gpu_memory:.0f} GB, and a ResNet-50 wants {_GPU_GB:.0f}"


def _epochs(num_train: int) -> dict[str, int]:
    """As many steps as the preset takes on the photographs that it was measured on, within bounds."""
    factor = max(_MEASURED_ON / max(num_train, 1), _SHORTEST)
    return {name: max(round(min(factor, _LONGEST[name]) * count), 1) for name, count in _EPOCHS.items()}


def _duration(epochs: dict[str, int], num_train: int, num_images: int, cores: int) -> str:
    """Half of what was measured is training, which grows with the steps, the other half with the photographs."""
    steps = epochs["train_cam"] * num_train / (_EPOCHS["train_cam"] * _MEASURED_ON)
    minutes = _MINUTES * (steps + num_images / _MEASURED_IMAGES) / 2 * 2 / cores
    shown = f"{minutes / 60:.0f} hours" if minutes > 150 else f"{max(5 * round(minutes / 5), 5)} minutes"
    return f"{shown} on {cores} cores, for photographs of 375 pixels; larger ones take longer"
