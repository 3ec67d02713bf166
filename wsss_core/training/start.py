"""How a network starts: built on a pretrained backbone, then with the weights of a network that was trained before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from wsss_core.models import model_file
from wsss_core.models.build import build_network
from wsss_core.models.model_file import Description
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork


def build(description: Description, network: type[nn.Module]) -> Any:
    """The network as it starts: pretrained backbone where one is named, new layers at random.

    Args:
        network: its class.
    """
    backbone = pretrained_backbone(**description.backbone)
    return build_network(network, backbone, num_classes=len(description.classes), options=description.options)


@dataclass(frozen=True)
class Start:
    """Where a fresh network's weights come from: what fills them in, and the files that this reads."""

    initialise: Callable[[nn.Module], None] = lambda model: None
    inputs: tuple[Path, ...] = ()


def start_of(init: str, cam_network: Path, *, parts: Sequence[str] = ("backbone",)) -> Start:
    """`backbone`: as built, from the weights that its section names; `cam`: `parts` from the trained CAM network."""
    return Start() if init == "backbone" else start_from(cam_network, CamNetwork, parts=parts)


def start_from(model: Path, network: type[nn.Module], *, parts: Sequence[str]) -> Start:
    """The weights of `parts` of a trained network of that class; an empty name is all of it."""
    return Start(partial(_copy, model, network, parts), (model / model_file.FILE,))


def _copy(path: Path, network: type[nn.Module], parts: Sequence[str], model: nn.Module) -> None:
    trained, description = model_file.load(path, network)
    try:
        for part in parts:
            model.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
    except (RuntimeError, AttributeError) as error:
        raise ValueError(
            f"{path} ({description.method}, {description.backbone['name']}, {len(description.classes)} classes) does"
            " not fit this stage's network; use the same backbone name and classes, or start without it (init:"
            " backbone; in a method's section, schedule: init)"
        ) from error
