"""Untrained networks that are saved as trainings save theirs, small enough for any test."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.models import model_file
from wsss_core.models.model_file import Description
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.training import start

BACKBONE = {"name": "test_resnet", "output_stride": 16, "weights": "none", "batch_norm": "trained"}


def save_deeplab(folder: Path, *, seed: int = 0) -> None:
    """Save a DeepLab of two classes, for a seed always the same."""
    _save(folder, "deeplab", DeepLab, {"head": "largefov", "atrous_rates": [2]}, seed=seed)


def save_classifier(folder: Path) -> None:
    """Save a classifier of two tags, always the same."""
    _save(folder, "cam", CamNetwork, {"dropout": 0.0})


def _save(folder: Path, method: str, network: type[nn.Module], options: dict[str, object], *, seed: int = 0) -> None:
    described = Description(method, method, ("cat", "dog"), BACKBONE, options, {})
    torch.manual_seed(seed)
    model_file.save(folder, start.build(described, network), described)
