"""What the project's networks see of a pretrained one, whatever it is: the protocol that every adapter fills in."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from wsss_core.ops.images import MEAN, STD

BATCH_NORMS = ("frozen", "trained")


class Backbone(nn.Module, ABC):
    """A network without its classifier: one set of weights, full features and feature taps.

    An adapter says how a net of its family is made (`knows`, `make_net`, `pretrained`) and run (`_features`, `_taps`),
    where its cells lie (`_cells`) and what its weights want to see (`_constants`); all else is here. It may offer more
    than this to those who ask for its family: attention.

    Args:
        net: the network; `group_matcher(coarse=True)["stem"]` is the pattern of its first layers' names, as in timm.
        name: the architecture, for messages.
        stride: as the attribute.
        batch_norm: `trained`, or `frozen`: running statistics always, no gradient for scale and shift. Frozen
            survives `train()`. A norm whose scale does not train (a frozen stem) keeps its statistics too. Other
            norms, which know no statistics, train with the rest.

    Attributes:
        stride: pixels to a cell of the features and of the deepest tap, any whole number.
        centre: the pixel that the first cell of the features lies around; cell i lies around i stride + centre.
        multiple: what the sides of an image must divide by; others are padded with zeros (the weights' mean colour) on
            the right and at the bottom. 1 takes every image as it is.
        mean, std: of RGB in [0, 1], what the weights want images to be normalised with. All of the project hands on
            images normalised by `ops.images`; the backbone turns these into its own.
        num_features: F, channels of the features.
        taps_channels, taps_strides: of each tap, shallow to deep.

    A parameter that neither the features nor a tap depends on (timm keeps some for its classifier) does not train.
    Maps have ceil(side / stride) cells for every image of at least 1x1.

    Raises:
        ValueError: the net's maps are not of this stride.
    """

    net: Any  # nn.Module of timm's protocol, which no type of timm describes
    _gain: torch.Tensor
    _shift: torch.Tensor

    def __init__(self, net: Any, *, name: str, stride: int, batch_norm: str) -> None:
        super().__init__()
        self.net, self.name, self.stride, self.batch_norm = net, name, stride, batch_norm
        self.eval()
        self.centre, self.multiple = self._cells()
        self._normalise_by(*self._constants())
        side = 2 * math.lcm(stride, self.multiple)
        with torch.enable_grad():
            features = self._features(torch.zeros(1, 3, side, side))
            taps = self._taps(torch.zeros(1, 3, side, side), None)
        if any(maps.shape[-2:] != (side // stride, side // stride) for maps in (features, taps[-1])):
            raise unsupported_stride(name, stride)
        self.num_features = features.shape[1]
        self.taps_channels = tuple(tap.shape[1] for tap in taps)
        self.taps_strides = tuple(side // tap.shape[-1] for tap in taps)
        behind_taps, behind_any = _parameters_behind(taps), _parameters_behind([features, *taps])
        self._beyond_taps = [p for p in net.parameters() if p in behind_any and p not in behind_taps]
        self._freeze(p for p in net.parameters() if p not in behind_any)
        if batch_norm == "frozen":
            self._freeze(p for norm in self._batch_norms() for p in norm.parameters())
        self.train()

    @classmethod
    @abstractmethod
    def knows(cls, name: str) -> bool:
        """Whether this adapter makes the network of that name."""

    @classmethod
    @abstractmethod
    def strides(cls, name: str) -> tuple[int, ...]:
        """The output strides that may be asked of that network, ascending; it may yet turn out to lack one."""

    @classmethod
    @abstractmethod
    def make_net(cls, *args: Any, **options: Any) -> nn.Module:
        """make_net(name, output_stride=..., further keys of the section `backbone` that the family knows): new weights.

        Raises ValueError for what the family does not have, with what it has.
        """

    @classmethod
    @abstractmethod
    def pretrained(cls, name: str) -> dict[str, torch.Tensor]:
        """The state dict of its weights from ImageNet. Raises ValueError where they cannot be had."""

    @abstractmethod
    def _cells(self) -> tuple[float, int]:
        """`centre` and `multiple`, of the net in eval mode."""

    def _constants(self) -> tuple[Sequence[float], Sequence[float]]:
        """`mean` and `std`."""
        return MEAN, STD

    @abstractmethod
    def _features(self, images: torch.Tensor) -> torch.Tensor:
        """As `features`, of normalised and padded images."""

    @abstractmethod
    def _taps(self, images: torch.Tensor, indices: list[int] | None) -> list[torch.Tensor]:
        """As `taps`, of normalised and padded images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same as `features`."""
        return self.features(images)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """All the network computes before its pooling, which is what a class activation map weighs.

        Args:
            images: (B, 3, H, W) float, normalised by `ops.images`.

        Returns:
            (B, F, ceil(H / stride), ceil(W / stride)) float.
        """
        return self._cut(self._features(self._prepared(images)), images, stride=self.stride)

    def taps(self, images: torch.Tensor, indices: Sequence[int] | None = None) -> list[torch.Tensor]:
        """Feature maps of inner layers, shallow to deep.

        Args:
            images: (B, 3, H, W) float, normalised by `ops.images`.
            indices: which taps, ascending, negative ones from the end; None gives all. Fewer take less memory.

        Returns:
            Tap k is (B, taps_channels[k], ceil(H / taps_strides[k]), ceil(W / taps_strides[k])) float.
        """
        indices = None if indices is None else list(indices)
        strides = self.taps_strides if indices is None else [self.taps_strides[i] for i in indices]
        taps = self._taps(self._prepared(images), indices)
        return [self._cut(tap, images, stride=stride) for tap, stride in zip(taps, strides, strict=True)]

    def tap_before_pooling(self) -> None:
        """Take for taps what the literature on fully convolutional networks does, where that is not what they are."""

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that never decay, beside those of one axis (biases and norms)."""
        return set()

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
        """Train no more what only `features` needs (MobileNet's `conv_head`).

        A network that reads taps alone calls this, so that every trainable parameter gets a gradient. The
        state dict keeps its names, so that the backbones of all networks can be exchanged.
        """
        self._freeze(self._beyond_taps)
        self.train(self.training)

    def blocks(self) -> list[nn.Module]:
        """What the network repeats (residual blocks, stages of them), outermost first: no block lies in another.

        Raises:
            ValueError: it repeats nothing but single layers, as VGG does.
        """
        found = list(_repeated(self.net))
        if not found:
            raise ValueError(
                f"{self.name} has no blocks to compute again; set optimizer.activation_checkpointing to false, and"
                " optimizer.accumulate to more"
            )
        return found

    @staticmethod
    def _freeze(parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            parameter.requires_grad_(False)

    def _batch_norms(self) -> list[_BatchNorm]:
        return [module for module in self.net.modules() if isinstance(module, _BatchNorm)]

    def _normalise_by(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Keep (x STD + MEAN - mean) / std as one product and one sum, in no state dict; nothing where it is x."""
        self.mean, self.std = tuple(mean), tuple(std)
        self._is_renormalised = (self.mean, self.std) != (MEAN, STD)
        if self._is_renormalised:
            given, own = ([torch.tensor(v).view(3, 1, 1) for v in pair] for pair in ((MEAN, STD), (mean, std)))
            self.register_buffer("_gain", given[1] / own[1], persistent=False)
            self.register_buffer("_shift", (given[0] - own[0]) / own[1], persistent=False)

    def _prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Images as the net wants them: normalised with its own constants, then padded."""
        if self._is_renormalised:
            images = images * self._gain + self._shift
        if self.multiple == 1:
            return images
        height, width = images.shape[-2:]
        return F.pad(images, (0, -width % self.multiple, 0, -height % self.multiple))

    def _cut(self, maps: torch.Tensor, images: torch.Tensor, *, stride: int) -> torch.Tensor:
        """Maps without the cells that lie on padding alone."""
        if self.multiple == 1:
            return maps
        # Not math.ceil, which is a constant in an exported network, nor -(-side // stride), which ONNX rounds to 0.
        rows, columns = ((side + stride - 1) // stride for side in images.shape[-2:])
        return maps[..., :rows, :columns]


def unsupported_stride(name: str, stride: int, *, supported: str = "") -> ValueError:
    """What to raise where a network has no maps of a stride; `supported` says which it has."""
    remedy = f"it has {supported}" if supported else "try another, or a ResNet, MobileNet, RegNet, DenseNet or VGG"
    return ValueError(f"{name} cannot give feature maps of output stride {stride}; {remedy}")


def _repeated(net: nn.Module) -> Iterator[nn.Module]:
    """Modules of at least two layers each that stand in a row, or beside others of their class."""
    children = list(net.children())
    kinds = Counter(map(type, children))
    for child in children:
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _repeated(child)
        elif isinstance(net, nn.Sequential | nn.ModuleList) or kinds[type(child)] > 1:
            num_layers = sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in child.modules())
            yield from [child] if num_layers > 1 else []


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
