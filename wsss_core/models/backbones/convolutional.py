"""Convolutional networks as backbones: where their cells lie is measured, so that no network needs code of its own."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.models.backbones.protocol import Backbone


class ConvolutionalBackbone(Backbone):
    """A net that speaks timm's protocol: `forward_features`, `forward_intermediates`, `group_matcher`.

    Networks that round down (ConvNeXt's patches), or whose own padding changes with the size (TensorFlow's), get their
    images padded; all others take them as they are.
    """

    def _cells(self) -> tuple[float, int]:
        takes_any = not pads_by_size(self.net) and _rounds_up(self.net, self.stride)
        centre = centre_of_first_cell(self.net, torch.zeros(1, 3, 2 * self.stride, 2 * self.stride))
        return centre, 1 if takes_any else self.stride

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        return self.net.forward_features(images)

    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        return self.net.forward_intermediates(images, indices=indices, intermediates_only=True)


def _rounds_up(net: Any, stride: int) -> bool:
    """Whether sides that do not divide by the stride give ceil(side / stride) cells."""
    # stride + 1 is odd at every stage but the last, so that no rounding down goes unseen
    for side, cells in ((1, 1), (stride + 1, 2)):
        try:
            with torch.no_grad():
                features = net.forward_features(torch.zeros(1, 3, side, side))
        except RuntimeError:  # HRNet adds maps whose sizes then differ, ConvNeXt's patch is larger than 1x1
            return False
        if features.shape[-2:] != (cells, cells):
            return False
    return True


class DenseMaxPool2d(nn.Module):
    """Max pooling at every pixel, in place of a pool that took steps.

    With `dilation` d (how far apart the strided network's neighbours now lie) the outputs at every site the
    strided pool kept are exactly its outputs; the new sites between them see the same window, shifted.
    """

    def __init__(self, kernel_size: int, *, dilation: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, F, h, w) to the same shape."""
        reach = self.dilation * (self.kernel_size - 1)
        padded = F.pad(x, (0, reach, 0, reach), value=float("-inf"))
        return F.max_pool2d(padded, self.kernel_size, stride=1, dilation=self.dilation)


_STEPS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, DenseMaxPool2d)


@torch.no_grad()
def centre_of_first_cell(net: nn.Module, images: torch.Tensor) -> float:
    """The pixel, along either axis, around which the first cell of the deepest map sees: cell i sees around i s + it.

    A layer of kernel k that takes steps and pads p in front looks (k - 1) / 2 - p input cells behind its place; of a
    whole network these add up, each times the pixels between the layer's input cells. Layers that look from the same
    map (a shortcut beside its branch) count once, as their mean. 0 for a chain of odd, padded kernels (ResNets,
    MobileNets); (s - 1) / 2 for patches (ConvNeXt, VGG's pools); s - 1 where padding lies behind alone (TensorFlow's
    networks, on even sides).

    Args:
        net: called as net.forward_features(images), in eval mode.
        images: (1, 3, n, n) with n a multiple of the network's stride, so that every layer divides its input evenly.
    """
    looks: defaultdict[float, list[float]] = defaultdict(list)

    def note(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        before = inputs[0].shape[-1]
        if before > output.shape[-1] or isinstance(layer, DenseMaxPool2d):
            looks[images.shape[-1] / before].append(_behind(layer, before))

    hooks = [layer.register_forward_hook(note) for layer in net.modules() if isinstance(layer, _STEPS)]
    try:
        net.forward_features(images)  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return sum(pixels * sum(found) / len(found) for pixels, found in looks.items())


def pads_by_size(net: nn.Module) -> bool:
    """Whether a layer that takes steps pads as TensorFlow does: another width in front for other sizes."""
    return any(_is_same(layer) and _single(layer, "stride") > 1 for layer in net.modules() if isinstance(layer, _STEPS))


def _behind(layer: nn.Module, side: int) -> float:
    """How many cells of its input, `side` along an axis, a layer looks behind its place."""
    kernel, step, dilation, padding = map(partial(_single, layer), ("kernel_size", "stride", "dilation", "padding"))
    reach = dilation * (kernel - 1)
    if isinstance(layer, DenseMaxPool2d):
        return reach / 2
    if _is_same(layer):  # the odd one lies behind
        padding = max((-(-side // step) - 1) * step + reach + 1 - side, 0) // 2
    return reach / 2 - padding


def _is_same(layer: nn.Module) -> bool:
    return type(layer).__name__.endswith("Same")  # how timm names them; they have no common base


def _single(layer: nn.Module, name: str) -> int:
    value = getattr(layer, name, 1)
    return value if isinstance(value, int) else value[0]
