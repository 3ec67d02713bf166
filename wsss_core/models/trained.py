"""Trained networks by their model file alone: which network it holds is looked up among the methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from wsss_core import registry
from wsss_core.models import model_file
from wsss_core.models.model_file import Description
from wsss_core.models.segmenter import Segmenter


def network_of(description: Description) -> type[nn.Module]:
    """The class of a network. Raises ValueError: no method here has such a network."""
    return registry.part(description.network, "network").NETWORK


def load(path: Path) -> tuple[Any, Description]:
    """As `model_file.load`, for a network of any method."""
    return model_file.load(path, network_of)


def load_segmenter(path: Path) -> tuple[Any, Description]:
    """As `load`, for a network that segments.

    Raises:
        ArtifactError: as `load`.
        ValueError: the network makes class maps or affinities, not label maps.
    """
    network, description = load(path)
    if not isinstance(network, Segmenter):
        raise ValueError(f"{path} is of the kind {description.method}, which does not segment; take models/deeplab")
    return network, description
