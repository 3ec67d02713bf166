"""A backbone as a training starts with it: filled with the weights that `backbone.weights` names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.build import build_backbone
from wsss_core.models.weights import load_weights, read_state_dict


def pretrained_backbone(*, weights: str, **backbone: Any) -> Backbone:
    """A backbone of `build.build_backbone`, whose keyword arguments are `backbone`, with weights from elsewhere.

    Args:
        weights: `imagenet` (timm's, downloaded once), `none`, or the path of a `.pth` or `.pt` state dict or
            checkpoint, a `.safetensors` file, or for `resnet38d` the MXNet `.params` file. Classifiers and
            other heads are dropped.

    Raises:
        TypeError, ValueError: as `build_backbone`.
        ValueError: weights that are missing, unreadable or of another architecture.
    """
    built = build_backbone(**backbone)
    name = built.name
    remedy = f"set backbone.name to the file's architecture or backbone.weights to a file of {name}"
    if weights == "imagenet":
        source = f"the ImageNet weights of {name}"
        load_weights(built.net, built.pretrained(name), name=name, source=source, remedy=remedy)
    elif weights != "none":
        load_weights(built.net, read_state_dict(Path(weights)), name=name, source=weights, remedy=remedy)
    return built


def weights_files(weights: str) -> list[Path]:
    """The file that `backbone.weights` names, if it names one."""
    return [] if weights in ("imagenet", "none") else [Path(weights)]
