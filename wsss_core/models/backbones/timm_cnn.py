"""Every convolutional network of timm, by its name; those that timm builds at stride 32 only are cut to others here."""

from __future__ import annotations

import logging
from typing import Any

import timm
import torch
from timm.models import is_model_in_modules
from torch import nn

from wsss_core.models.backbones.convolutional import ConvolutionalBackbone, DenseMaxPool2d
from wsss_core.models.backbones.protocol import unsupported_stride

OUTPUT_STRIDES = (8, 16, 32)
PLAIN_FAMILIES = ("densenet", "vgg", "mobilenetv3")
"""timm's modules of the networks it builds at stride 32 only, and whose strides we cut ourselves."""
POOLED = {"transition2": 8, "transition3": 16}
"""Layers whose convolution is a tap, and the stride before their pooling where none was cut."""


class TimmCnn(ConvolutionalBackbone):
    """A name of timm's, with or without the tag of its weights (`resnet50.tv_in1k` is torchvision's v1, as in IRN)."""

    @classmethod
    def knows(cls, name: str) -> bool:
        """Whether timm has it; one that turns out to be no convolutional network is refused when it is made."""
        return timm.is_model(name)

    @classmethod
    def strides(cls, name: str) -> tuple[int, ...]:
        """Those that timm's `output_stride` knows."""
        return OUTPUT_STRIDES

    @classmethod
    def make_net(cls, name: str, *, output_stride: int, dilate: bool = True) -> nn.Module:
        """timm's network without its classifier, cut to a stride of 8, 16 or 32.

        Raises:
            ValueError: a stride the network cannot have, an unknown tag of weights, or a network without taps.
        """
        plain = is_model_in_modules(name, PLAIN_FAMILIES)
        stride: dict[str, Any] = {} if plain else {"output_stride": output_stride}
        try:
            net: Any = timm.create_model(name, num_classes=0, global_pool="", **stride)
        except (AssertionError, TypeError, ValueError) as error:
            raise unsupported_stride(name, output_stride) from error
        except RuntimeError as error:  # a tag that the architecture does not have
            raise ValueError(f"backbone.name is {name!r}: {error}; leave out what follows the dot") from error
        if not hasattr(net, "forward_intermediates"):
            raise ValueError(f"timm's {name} gives no feature taps; choose another, for example resnet50")
        if plain:
            set_output_stride(getattr(net, "features", net), output_stride=output_stride, dilate=dilate)
            if hasattr(net, "pre_logits"):
                net.pre_logits = nn.Identity()  # VGG's fully connected layers, 100 million weights of the classifier
        elif not dilate:
            remove_dilation(net)
        return net

    @classmethod
    def pretrained(cls, name: str) -> dict[str, torch.Tensor]:
        """timm's weights of it, downloaded once."""
        hub = logging.getLogger("huggingface_hub")
        level = hub.level
        hub.setLevel(logging.ERROR)  # without a network it tells of each of some twenty tries
        try:
            return timm.create_model(name, pretrained=True).state_dict()
        except Exception as error:  # the classes differ with the versions of timm and of the hub
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(
                f"the ImageNet weights of {name} cannot be had ({reason}); connect to the internet, or set"
                " backbone.weights to the path of a file of them"
            ) from error
        finally:
            hub.setLevel(level)


class DenseNet(TimmCnn):
    """timm's taps end before the transitions, unless `tap_before_pooling` was called."""

    before_pooling = False

    @classmethod
    def knows(cls, name: str) -> bool:
        """Whether it is one of timm's DenseNets."""
        return super().knows(name) and is_model_in_modules(name, ("densenet",))

    def tap_before_pooling(self) -> None:
        """Tap the 1x1 convolutions inside transitions 2 and 3 before their pooling, and the last norm.

        That norm gives up the ReLU that a classifier would apply, for good. Of DenseNet-169 the taps have 256, 640 and
        1664 channels. Zeng et al., ICCV 2019, released code.
        """
        features = self.net.features
        features.norm5.act = nn.Identity()
        widths = [features.get_submodule(name).conv.out_channels for name in POOLED]
        self.taps_channels = (*widths, features.norm5.num_features)
        self.taps_strides = (*(min(stride, self.stride) for stride in POOLED.values()), self.stride)
        self.before_pooling, self._beyond_taps = True, []

    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        if not self.before_pooling:
            return super()._taps(images, indices)
        taps, maps = [], images
        for name, layer in self.net.features.named_children():
            if name in POOLED:
                taps.append(layer.conv(layer.norm(maps)))  # timm's norm holds the ReLU too
                maps = layer.pool(taps[-1])
            else:
                maps = layer(maps)
        taps.append(maps)
        return taps if indices is None else [taps[i] for i in indices]


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
