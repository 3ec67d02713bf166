"""Every convolutional network of timm, by its name."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models import is_model_in_modules
from torch import nn

from wsss_core.models.backbones.convolutional import ConvolutionalBackbone
from wsss_core.models.backbones.protocol import unsupported_stride
from wsss_core.models.dilation import remove_dilation, set_output_stride

OUTPUT_STRIDES = (8, 16, 32)
PLAIN_FAMILIES = ("densenet", "vgg", "mobilenetv3")
"""timm's modules of the networks it builds at stride 32 only, and whose strides we cut ourselves."""


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
        try:
            return timm.create_model(name, pretrained=True).state_dict()
        except Exception as error:  # the classes differ with the versions of timm and of the hub
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(
                f"the ImageNet weights of {name} cannot be had ({reason}); connect to the internet, or set"
                " backbone.weights to the path of a file of them"
            ) from error
