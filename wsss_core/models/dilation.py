"""Output stride for plain networks that timm builds at stride 32 only: DenseNet, VGG, MobileNetV3."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


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


def set_output_stride(features: nn.Module, *, output_stride: int, dilate: bool) -> None:
    """Cut, in place, the last strides of a network down to `output_stride`, and dilate what follows them.

    Convolutions and pools count in the order they were registered in, which in a plain network is the order
    they run in. A pool that goes becomes dense if it takes the maximum; if it takes the mean it becomes the
    identity (SSNet, Zeng et al., ICCV 2019, does so to DenseNet-169), and so does one that no convolution
    follows (DeepLab-LargeFOV does not apply VGG's pool5). Pools that stay count the last, incomplete window:
    a side n gives ceil(n / output_stride) cells; on even sides that changes nothing.

    Args:
        features: a chain of convolutions of odd kernel and of pools, without padding but in the stem.
        output_stride: the stride to stop at; a power of two.
        dilate: True widens later convolutions so that they see what they were trained on; False leaves them.
    """
    layers = [
        (name, layer)
        for name, layer in features.named_modules()
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)
    ]
    stride = dilation = 1
    for position, (name, layer) in enumerate(layers):
        step = _single(layer.stride)
        keeps_step = stride * step <= output_stride
        if keeps_step:
            stride *= step
        if isinstance(layer, nn.Conv2d):
            _set_convolution(layer, stride=step if keeps_step else 1, dilation=dilation)
        elif keeps_step:
            layer.ceil_mode = _single(layer.padding) == 0  # a padded pool of the stem rounds up as it is
            if isinstance(layer, nn.AvgPool2d):
                layer.count_include_pad = False
        else:
            is_last = not any(isinstance(later, nn.Conv2d) for _, later in layers[position:])
            _replace(features, name, _without_step(layer, is_last=is_last, dilation=dilation))
        if dilate and not keeps_step:
            dilation *= step


def _set_convolution(layer: nn.Conv2d, *, stride: int, dilation: int) -> None:
    layer.stride = (stride, stride)
    if _single(layer.kernel_size) > 1:
        layer.dilation = (dilation, dilation)
        layer.padding = (dilation * (_single(layer.kernel_size) // 2),) * 2


def _without_step(pool: nn.MaxPool2d | nn.AvgPool2d, *, is_last: bool, dilation: int) -> nn.Module:
    if is_last or isinstance(pool, nn.AvgPool2d):
        return nn.Identity()
    return DenseMaxPool2d(_single(pool.kernel_size), dilation=dilation)


def _replace(network: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, layer)


def _single(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


def remove_dilation(network: nn.Module) -> None:
    """Set every convolution's dilation to 1, in place, keeping its output size.

    The recipe of IRN (Ahn et al., CVPR 2019): ResNet-50 at stride 16, all dilations 1.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and max(layer.dilation) > 1:
            if isinstance(layer.padding, tuple):
                layer.padding = tuple(p // d for p, d in zip(layer.padding, layer.dilation, strict=True))
            layer.dilation = (1, 1)
