"""Networks and their backbones from names and plain values: what a model file keeps is enough to build one again."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, TypeVar

import timm
import torch
from torch import nn

from wsss_core.models.backbones import resnet38d
from wsss_core.models.backbones.protocol import BATCH_NORMS, Backbone, unsupported_stride
from wsss_core.models.backbones.resnet38d import WideResNet
from wsss_core.models.backbones.timm_cnn import DenseNet, TimmCnn

ADAPTERS: tuple[type[Backbone], ...] = (WideResNet, DenseNet, TimmCnn)
"""The first that knows a name makes its network."""

Network = TypeVar("Network", bound=nn.Module)


def build_network(make: Callable[..., Network], backbone: Backbone, *, num_classes: int, options: dict) -> Network:
    """A network on a backbone, its weights laid out channels last.

    Equal up to rounding, and faster on a CPU: a training step of MobileNetV2 1.5 times, of ResNet-50 a few per cent.

    Args:
        make: its class, called as make(backbone, num_classes=C, **options).
        backbone: of `build_backbone`, or of `pretrained.pretrained_backbone`.
        num_classes: C, without the background.
        options: further keyword arguments of the network.
    """
    return make(backbone, num_classes=num_classes, **options).to(memory_format=torch.channels_last)


def on_device(network: Network, device: torch.device) -> Network:
    """The network itself, moved to the device, its weights in the order of axes that is quickest there."""
    return network.to(device).to(memory_format=memory_format(network, device))  # type: ignore[call-overload]


def memory_format(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last, but channels first where depthwise convolutions run on a GPU.

    Channels last hands these to cuDNN, which makes a plan for each of them whenever images of a new size come: 0.13 s,
    2.2 s for MobileNetV2's seventeen (H100, cuDNN 9.19), and photographs have hundreds of sizes, each at every scale.
    PyTorch's own kernels make no plan, and want channels first.
    """
    depthwise = device.type == "cuda" and any(map(_is_depthwise, network.modules()))
    return torch.contiguous_format if depthwise else torch.channels_last


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


def build_backbone(
    *, name: str, output_stride: int, batch_norm: str, freeze_stem: bool | Sequence[str] = False, **further: Any
) -> Backbone:
    """A backbone with new weights, in training mode, on the CPU.

    Args:
        name: `resnet38d`, or a convolutional network of timm; see the adapters.
        output_stride: pixels to a cell, where the architecture allows: 8, 16 or 32; `resnet38d` is 8.
        batch_norm: `frozen` or `trained`; frozen is meant for pretrained weights.
        freeze_stem: True: see `Backbone.freeze_stem`; names of layers: see `Backbone.freeze_layers`.
        further: of `make_net` of some adapter; one that knows no such key makes its network without. `dilate`: False
            takes the last strides away without dilating what follows (IRN's ResNet-50 at stride 16).

    Raises:
        TypeError: a key that no adapter knows.
        ValueError: an unknown name (close names are listed), a stride the network cannot have, an unknown
            `batch_norm`, or layers to freeze that it has not.
    """
    if batch_norm not in BATCH_NORMS:
        raise ValueError(f"backbone.batch_norm is {batch_norm!r}, expected one of {', '.join(BATCH_NORMS)}")
    adapter = adapter_for(name, output_stride=output_stride)
    net = adapter.make_net(name, output_stride=output_stride, **_known_to(adapter, further))
    backbone = adapter(net, name=name, stride=output_stride, batch_norm=batch_norm)
    if freeze_stem is True:
        backbone.freeze_stem()
    elif freeze_stem:
        backbone.freeze_layers(freeze_stem)
    return backbone


def adapter_for(name: str, *, output_stride: int) -> type[Backbone]:
    """The adapter that makes a network.

    Raises:
        ValueError: none has that name, and which are near; or it has no such stride, and which it has.
    """
    for adapter in ADAPTERS:
        if adapter.knows(name):
            if output_stride not in adapter.strides(name):
                supported = ", ".join(map(str, adapter.strides(name)))
                raise unsupported_stride(name, output_stride, supported=supported)
            return adapter
    close = difflib.get_close_matches(name, [*timm.list_models(), resnet38d.NAME], n=4)
    hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() lists the names"
    raise ValueError(f"backbone.name is {name!r}, which neither timm nor this project has; {hint}")


def _known_to(adapter: type[Backbone], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the adapter's `make_net` takes."""
    taken = {each: signature(each.make_net).parameters for each in ADAPTERS}
    strange = options.keys() - {key for parameters in taken.values() for key in parameters}
    if strange:
        raise TypeError(f"no backbone has {', '.join(sorted(strange))}")
    return {key: value for key, value in options.items() if key in taken[adapter]}
