"""Backbones by name: timm's convolutional networks and ResNet38d, behind one interface."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models import is_model_in_modules
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from wsss_core.models import resnet38d
from wsss_core.models.dilation import remove_dilation, set_output_stride
from wsss_core.models.receptive import centre_of_first_cell, pads_by_size
from wsss_core.models.weights import load_weights, read_state_dict

RESNET38D = "resnet38d"
OUTPUT_STRIDES = (8, 16, 32)
BATCH_NORMS = ("frozen", "trained")
PLAIN_FAMILIES = ("densenet", "vgg", "mobilenetv3")
"""timm's modules of the networks it builds at stride 32 only, and whose strides we cut ourselves."""


class Backbone(nn.Module):
    """A convolutional network without its classifier: one set of weights, full features and feature taps.

    Args:
        net: speaks timm's protocol: `forward_features`, `forward_intermediates`, `group_matcher`.
        name: the architecture, for messages.
        output_stride: stride of the features and of the deepest tap.
        batch_norm: `trained`, or `frozen`: running statistics always, no gradient for scale and shift. Frozen
            survives `train()`. A norm whose scale does not train (a frozen stem) keeps its statistics too.

    Attributes:
        num_features: F, channels of `forward_features`.
        taps_channels, taps_strides: of each tap, shallow to deep.
        centre: the pixel that the first cell of `forward_features` lies around (`receptive`).

    A parameter that neither the features nor a tap depends on (timm keeps some for its classifier) does not
    train. Maps have ceil(side / stride) cells for every image of at least 1x1; networks that round down
    (ConvNeXt's patches), or whose own padding changes with the size (TensorFlow's), get their images padded with zeros
    on the right and at the bottom.
    """

    net: Any  # nn.Module of timm's protocol, which no type of timm describes

    def __init__(self, net: Any, *, name: str, output_stride: int, batch_norm: str) -> None:
        super().__init__()
        self.net = net
        self.name = name
        self.output_stride = output_stride
        self.batch_norm = batch_norm
        self.eval()
        self._pads = pads_by_size(net) or not self._rounds_up()
        image = torch.zeros(1, 3, 2 * output_stride, 2 * output_stride)
        with torch.enable_grad():
            features = net.forward_features(image)
            taps = net.forward_intermediates(image, intermediates_only=True)
        if features.shape[-2:] != (2, 2) or taps[-1].shape[-2:] != (2, 2):
            raise _unsupported_stride(name, output_stride)
        self.num_features = features.shape[1]
        self.centre = centre_of_first_cell(net, image)
        self.taps_channels = tuple(tap.shape[1] for tap in taps)
        self.taps_strides = tuple(2 * output_stride // tap.shape[-1] for tap in taps)
        behind_taps, behind_any = _parameters_behind(taps), _parameters_behind([features, *taps])
        self._beyond_taps = [p for p in net.parameters() if p in behind_any and p not in behind_taps]
        self._freeze(p for p in net.parameters() if p not in behind_any)
        if batch_norm == "frozen":
            self._freeze(p for norm in self._batch_norms() for p in norm.parameters())
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same as `forward_features`."""
        return self.forward_features(images)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        """All the network computes before its pooling, which is what a class activation map weighs.

        Args:
            images: (B, 3, H, W) float, normalised as the weights want it.

        Returns:
            (B, F, ceil(H / output_stride), ceil(W / output_stride)) float.
        """
        return self.net.forward_features(self._padded(images))

    def forward_taps(self, images: torch.Tensor, indices: Sequence[int] | None = None) -> list[torch.Tensor]:
        """Feature maps between the stages, shallow to deep.

        Args:
            images: (B, 3, H, W) float, normalised as the weights want it.
            indices: which taps, ascending, negative ones from the end; None gives all. Fewer take less
                memory.

        Returns:
            Tap k is (B, taps_channels[k], ceil(H / taps_strides[k]), ceil(W / taps_strides[k])) float.
        """
        indices = None if indices is None else list(indices)
        taps = self.net.forward_intermediates(self._padded(images), indices=indices, intermediates_only=True)
        if not self._pads:
            return taps
        strides = self.taps_strides if indices is None else [self.taps_strides[i] for i in indices]
        height, width = images.shape[-2:]
        sizes = [(math.ceil(height / stride), math.ceil(width / stride)) for stride in strides]
        return [tap[..., :h, :w] for tap, (h, w) in zip(taps, sizes, strict=True)]

    def train(self, mode: bool = True) -> Backbone:
        """Training or evaluation mode; frozen batch norms stay in evaluation."""
        super().train(mode)
        for norm in self._batch_norms():
            if self.batch_norm == "frozen" or (norm.affine and not norm.weight.requires_grad):
                norm.eval()
        return self

    def stem_parameters(self) -> list[nn.Parameter]:
        """Parameters of the first layers: timm's stem, or conv1a and the b2 blocks of ResNet38d."""
        stem = re.compile(self.net.group_matcher(coarse=True)["stem"])
        return [parameter for name, parameter in self.net.named_parameters() if stem.match(name)]

    def freeze_stem(self) -> None:
        """Train the stem no more (PSA trains neither conv1a nor b2 of ResNet38d)."""
        self._freeze(self.stem_parameters())
        self.train(self.training)

    def freeze_layers(self, names: Sequence[str]) -> None:
        """Train these no more: `layer1` is all below it, `b2` of ResNet38d its blocks b2, b2_1 and b2_2 too.

        Raises:
            ValueError: the network has no such layer, or one without parameters.
        """
        for name in names:
            inside = re.compile(rf"{re.escape(name)}[._]")
            chosen = [parameter for place, parameter in self.net.named_parameters() if inside.match(place)]
            if not chosen:
                known = dict.fromkeys(place.partition(".")[0] for place, _ in self.net.named_parameters())
                raise ValueError(
                    f"backbone.freeze_stem names {name!r}, which {self.name} does not have; it has {', '.join(known)}"
                )
            self._freeze(chosen)
        self.train(self.training)

    def freeze_beyond_taps(self) -> None:
        """Train no more what only `forward_features` needs (MobileNet's `conv_head`).

        A network that reads taps alone calls this, so that every trainable parameter gets a gradient. The
        state dict keeps its names, so that the backbones of all networks can be exchanged.
        """
        self._freeze(self._beyond_taps)
        self.train(self.training)

    @staticmethod
    def _freeze(parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            parameter.requires_grad_(False)

    def _batch_norms(self) -> list[_BatchNorm]:
        return [module for module in self.net.modules() if isinstance(module, _BatchNorm)]

    def _rounds_up(self) -> bool:
        """Whether sides that do not divide by the stride give ceil(side / stride) cells."""
        # stride + 1 is odd at every stage but the last, so that no rounding down goes unseen
        for side, cells in ((1, 1), (self.output_stride + 1, 2)):
            try:
                with torch.no_grad():
                    features = self.net.forward_features(torch.zeros(1, 3, side, side))
            except RuntimeError:  # HRNet adds maps whose sizes then differ, ConvNeXt's patch is larger than 1x1
                return False
            if features.shape[-2:] != (cells, cells):
                return False
        return True

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        if not self._pads:
            return images
        height, width = images.shape[-2:]
        return F.pad(images, (0, -width % self.output_stride, 0, -height % self.output_stride))


def _parameters_behind(outputs: Sequence[torch.Tensor]) -> set[torch.Tensor]:
    """The trainable parameters that `outputs` depend on, found in their autograd graphs."""
    parameters, seen = set(), set()
    nodes = [output.grad_fn for output in outputs]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # the leaf of the graph that holds a parameter
            parameters.add(node.variable)
        nodes.extend(following for following, _ in node.next_functions)
    return parameters


def build_backbone(
    *,
    name: str,
    output_stride: int,
    weights: str,
    batch_norm: str,
    dilate: bool = True,
    freeze_stem: bool | Sequence[str] = False,
) -> Backbone:
    """A backbone in training mode, on the CPU.

    Args:
        name: `resnet38d`, or a convolutional network of timm, with or without the tag of its weights
            (`resnet50.tv_in1k` is the torchvision v1 network of IRN).
        output_stride: 8, 16 or 32, where the architecture allows; `resnet38d` is 8.
        weights: `imagenet` (timm's, downloaded once), `none`, or the path of a `.pth` or `.pt` state dict or
            checkpoint, a `.safetensors` file, or for `resnet38d` the MXNet `.params` file. Classifiers and
            other heads are dropped.
        batch_norm: `frozen` or `trained`; frozen is meant for pretrained weights.
        dilate: False takes the last strides away without dilating what follows (IRN's ResNet-50 at stride
            16).
        freeze_stem: True: see `Backbone.freeze_stem`; names of layers: see `Backbone.freeze_layers`.

    Raises:
        ValueError: an unknown name (close names are listed), a stride the network cannot have, an unknown
            `batch_norm`, layers to freeze that it has not, or weights that are missing, unreadable or of another
            architecture.
    """
    if batch_norm not in BATCH_NORMS:
        raise ValueError(f"backbone.batch_norm is {batch_norm!r}, expected one of {', '.join(BATCH_NORMS)}")
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"backbone.output_stride is {output_stride}, expected one of {OUTPUT_STRIDES}")
    make_net = _resnet38d if name == RESNET38D else _timm_net
    net = make_net(name, output_stride=output_stride, dilate=dilate)
    remedy = f"set backbone.name to the file's architecture or backbone.weights to a file of {name}"
    if weights == "imagenet":
        source = f"the ImageNet weights of {name}"
        load_weights(net, _imagenet_state_dict(name), name=name, source=source, remedy=remedy)
    elif weights != "none":
        load_weights(net, read_state_dict(Path(weights)), name=name, source=weights, remedy=remedy)
    backbone = Backbone(net, name=name, output_stride=output_stride, batch_norm=batch_norm)
    if freeze_stem is True:
        backbone.freeze_stem()
    elif freeze_stem:
        backbone.freeze_layers(freeze_stem)
    return backbone


def _resnet38d(name: str, *, output_stride: int, dilate: bool) -> nn.Module:
    if output_stride != resnet38d.OUTPUT_STRIDE:
        raise _unsupported_stride(name, output_stride, supported=str(resnet38d.OUTPUT_STRIDE))
    if not dilate:
        raise ValueError("resnet38d is defined with its dilations; set backbone.dilate to true")
    return resnet38d.ResNet38d()


def require_known(name: str) -> None:
    """Raises ValueError, with the nearest names, for a network that neither timm nor this project has."""
    if name != RESNET38D and not timm.is_model(name):
        close = difflib.get_close_matches(name, [*timm.list_models(), RESNET38D], n=4)
        hint = f"did you mean {', '.join(close)}?" if close else "timm.list_models() lists the names"
        raise ValueError(f"backbone.name is {name!r}, which neither timm nor this project has; {hint}")


def _timm_net(name: str, *, output_stride: int, dilate: bool) -> nn.Module:
    require_known(name)
    plain = is_model_in_modules(name, PLAIN_FAMILIES)
    stride: dict[str, Any] = {} if plain else {"output_stride": output_stride}
    try:
        net: Any = timm.create_model(name, num_classes=0, global_pool="", **stride)
    except (AssertionError, TypeError, ValueError) as error:
        raise _unsupported_stride(name, output_stride) from error
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


def _unsupported_stride(name: str, output_stride: int, *, supported: str = "") -> ValueError:
    remedy = (
        f"it has {supported}" if supported else "try another, or a ResNet, MobileNet, RegNet, DenseNet or VGG"
    )
    return ValueError(f"{name} cannot give feature maps of output stride {output_stride}; {remedy}")


def _imagenet_state_dict(name: str) -> dict[str, torch.Tensor]:
    if name == RESNET38D:
        raise ValueError(
            "resnet38d has no weights to download; set backbone.weights to the path of its .params or .pth"
        )
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the classes differ with the versions of timm and of the hub
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"the ImageNet weights of {name} cannot be had ({reason}); connect to the internet, or set"
            " backbone.weights to the path of a file of them"
        ) from error
