"""Every network by name, from plain values: what a checkpoint stores is enough to build it again."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import nn

from wsss_core.models.backbones import build_backbone

NETWORKS = {
    "cam": "cam_network.CamNetwork",
    "affinity": "affinitynet.AffinityNet",
    "deeplab": "deeplab.DeepLab",
    "two_branch": "two_branch.TwoBranchNetwork",
    "ssnet": "ssnet.SSNet",
    "auxsegnet": "auxsegnet.AuxSegNet",
}
"""Module and class of each, imported by name: a stage depends on the code of its own network and of no other."""

SEGMENTING = ("deeplab", "two_branch", "ssnet", "auxsegnet")
"""Those whose output has `seg`."""


def build_network(kind: str, *, num_classes: int, backbone: dict, options: dict) -> nn.Module:
    """A network of NETWORKS, its weights laid out channels last.

    Equal up to rounding, and faster on a CPU: a training step of MobileNetV2 1.5 times, of ResNet-50 a few per cent.

    Args:
        kind: a key of NETWORKS.
        num_classes: C, without the background.
        backbone: keyword arguments of `build_backbone`.
        options: further keyword arguments of the network.
    """
    make = getattr(import_module(module_of_network(kind)), NETWORKS[kind].split(".")[1])
    network = make(build_backbone(**backbone), num_classes=num_classes, **options)
    return network.to(memory_format=torch.channels_last)


def module_of_network(kind: str) -> str:
    """The module that holds a network.

    Raises:
        ValueError: there is no network of this kind.
    """
    if kind not in NETWORKS:
        raise ValueError(f"unknown network {kind!r}; known are {', '.join(NETWORKS)}")
    return f"wsss_core.models.{NETWORKS[kind].split('.')[0]}"
