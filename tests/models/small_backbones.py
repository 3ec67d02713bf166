"""Backbones of timm that a test makes."""


import torch

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.pretrained import pretrained_backbone


def build(name: str = "resnet10t", output_stride: int = 16, **options) -> Backbone:
    torch.manual_seed(0)
    return pretrained_backbone(
        name=name, output_stride=output_stride, **{"weights": "none", "batch_norm": "trained", **options}
    )
