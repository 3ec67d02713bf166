"""Classification, saliency and segmentation on one backbone, coupled by a map of pairs: AuxSegNet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.methods.auxsegnet.affinity import CrossTaskAffinity, PixelAffinity, refined
from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.heads import scaled_rate
from wsss_core.models.segmenter import Segmenter
from wsss_core.models.tag_classifier import TagClassifier

RATES = (6, 12, 18)
"""The paper's atrous rates, at stride 8."""


class TaskBranch(nn.Module):
    """A dense task on shared features: three atrous 3x3 convolutions one behind the other, and a classifier.

    Args:
        in_channels: F, of the features.
        num_outputs: K.
        channels: of the hidden layers (128).
        rates: of the three (6, 12, 18).
        enhance: with a `PixelAffinity` before the third.

    Xu et al., ICCV 2021, released code.
    """

    def __init__(
        self, in_channels: int, num_outputs: int, *, channels: int, rates: Sequence[int], enhance: bool
    ) -> None:
        super().__init__()
        self.first = _convolution(in_channels, channels, rate=rates[0])
        self.second = _convolution(channels, channels, rate=rates[1])
        self.affinity = PixelAffinity(channels) if enhance else None
        self.third = _convolution(channels, channels, rate=rates[2])
        self.logits = _convolution(channels, num_outputs, rate=None)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, F, h, w) to (B, K, h, w) logits, and the (B, n, n) affinities where it has them."""
        hidden = F.relu(self.second(F.relu(self.first(features))))
        affinity = None
        if self.affinity is not None:
            hidden, affinity = self.affinity(hidden)
        return self.logits(F.relu(self.third(hidden))), affinity


class AuxSegNet(TagClassifier, Segmenter):
    """Image tags, salient objects and classes of pixels, the last two refined by an affinity that they share.

    Args:
        backbone: features for all three.
        num_classes: C, without the background.
        dropout: of whole feature channels, before the classifier only (0.5).
        head_channels: width of both dense heads (128).
        atrous_rates: of their three convolutions; None gives the paper's, scaled to the backbone's stride.
        saliency: with the saliency head.
        affinity: `cross`: both tasks' maps of pairs, mixed; `own`: each task's own; `none`: without (the published
            ablations). Without the saliency head, `cross` is the segmentation's own.
        renormalise_rows: see `CrossTaskAffinity`.

    Xu et al., ICCV 2021, sec. 3.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        num_classes: int,
        dropout: float,
        head_channels: int,
        atrous_rates: Sequence[int] | None,
        saliency: bool,
        affinity: str,
        renormalise_rows: bool,
    ) -> None:
        super().__init__(backbone, num_classes=num_classes, dropout=dropout)
        nn.init.xavier_uniform_(self.fc8.weight)
        rates = atrous_rates or [scaled_rate(rate, stride=backbone.stride) for rate in RATES]
        branch = partial(
            TaskBranch, backbone.num_features, channels=head_channels, rates=rates, enhance=affinity != "none"
        )
        self.segmentation = branch(num_classes + 1)
        self.saliency = branch(1) if saliency else None
        cross = affinity == "cross" and saliency
        self.cross = CrossTaskAffinity(renormalise=renormalise_rows) if cross else None
        self.finds_saliency, self.has_affinity = saliency, affinity != "none"

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Classify, find salient objects in and segment (B, 3, H, W) normalised images; n = h w cells.

        Keys of a head or an affinity that the network does not have are absent.
        """
        features = self.backbone.features(images)  # (B, F, h, w)
        first, own = self.segmentation(features)
        outputs = {
            "logits": self.classify(features),  # (B, C)
            "cam": self.class_maps(features),  # (B, C, h, w), no gradient
            "seg": first,  # (B, C+1, h, w)
        }
        salient_first, salient_own = self.saliency(features) if self.saliency is not None else (None, None)
        if salient_first is not None:
            outputs["saliency_logits"] = salient_first  # (B, 1, h, w)
        if own is not None:
            outputs |= self._refined(first, own, salient_first, salient_own)
        if salient_first is not None:
            outputs["saliency"] = outputs["saliency_logits"].float().sigmoid()  # (B, 1, h, w) in [0, 1]
        return outputs

    def _refined(
        self,
        first: torch.Tensor,
        own: torch.Tensor,
        salient_first: torch.Tensor | None,
        salient_own: torch.Tensor | None,
    ) -> dict[str, torch.Tensor]:
        """The predictions of both tasks after their affinity, under the plain names, and before it, `..._first`."""
        shared = own if self.cross is None or salient_own is None else self.cross(own, salient_own)
        outputs = {
            "affinity": shared,  # (B, n, n)
            "seg_affinity": own,  # (B, n, n)
            "seg_first": first,  # (B, C+1, h, w)
            "seg": refined(shared, first),  # (B, C+1, h, w)
        }
        if salient_first is None or salient_own is None:
            return outputs
        theirs = salient_own if self.cross is None else shared
        return outputs | {
            "saliency_affinity": salient_own,  # (B, n, n)
            "saliency_first": salient_first,  # (B, 1, h, w), logits
            "saliency_logits": refined(theirs, salient_first),  # (B, 1, h, w)
        }


def _convolution(in_channels: int, out_channels: int, *, rate: int | None) -> nn.Conv2d:
    """A 3x3 convolution of an atrous rate, or without one a 1x1 without bias, with Xavier's weights."""
    if rate is None:
        layer = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    else:
        layer = nn.Conv2d(in_channels, out_channels, 3, padding=rate, dilation=rate)
    nn.init.xavier_uniform_(layer.weight)
    return layer


NETWORK = AuxSegNet
