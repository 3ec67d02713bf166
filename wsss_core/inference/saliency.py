"""Photographs through a saliency network: squeezed to its input, its map stretched back.

The whole picture fills the input whatever its shape, as in training, so nothing moves: column x of W lies at x / W of
the input and comes back there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.models.u2net import INPUT_SIZE
from wsss_core.models.u2net_weights import load_u2net
from wsss_core.ops.images import MEAN, STD

Rgb = Sequence[float]


@dataclass(frozen=True)
class SaliencyNetwork:
    """A network and what it wants to see.

    Attributes:
        predict: (B, 3, h, w) normalised pictures on `device` -> (B, h', w') float in [0, 1], 1 = salient.
        size: (h, w) of its input.
        mean, std: of RGB in [0, 1], which the input is normalised with.
        divide_by: what makes a picture RGB in [0, 1]: its own maximum, or 255.
        device: where it computes.
        whole_batches: whether it takes several pictures at once.
    """

    predict: Callable[[torch.Tensor], torch.Tensor]
    size: tuple[int, int]
    device: torch.device
    mean: Rgb = MEAN
    std: Rgb = STD
    divide_by: Literal["maximum", 255] = "maximum"
    whole_batches: bool = True


def u2net(path: Path, *, variant: str, device: torch.device) -> SaliencyNetwork:
    """U²-Net with the weights of a file. Raises ValueError as `load_u2net`."""
    net = load_u2net(path, variant=variant).to(device)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker on both devices

    def predict(pictures: torch.Tensor) -> torch.Tensor:
        return net.logits(pictures)[0][:, 0].float().sigmoid()

    return SaliencyNetwork(predict, (INPUT_SIZE, INPUT_SIZE), device)


def saliency_maps(network: SaliencyNetwork, images: Sequence[np.ndarray], *, normalise: bool) -> list[np.ndarray]:
    """How salient each pixel is to a network.

    Args:
        network: what answers.
        images: (H, W, 3) uint8 RGB each, of any sizes.
        normalise: let each map reach from 0 to 1, as the authors do. It finds something in every picture: a map that
            is low everywhere is stretched too. A constant one becomes 0.

    Returns:
        (H, W) float32 in [0, 1] each.

    Qin et al., Pattern Recognition 2020, as released: RGB over the picture's own maximum, ImageNet's statistics.
    DEVIATION: bilinear with antialiasing to the input and back (released: scikit-image's; the same to a few levels).
    """
    pictures = torch.stack([_as_input(network, image) for image in images])
    batches = [pictures] if network.whole_batches else pictures.split(1)
    maps = torch.cat([network.predict(batch).float() for batch in batches])
    if normalise:
        maps = _stretched(maps)
    sizes = [image.shape[:2] for image in images]
    resized = (_resized(one[None], size)[0].clamp(0, 1) for one, size in zip(maps, sizes, strict=True))
    return [one.cpu().numpy() for one in resized]


def _as_input(network: SaliencyNetwork, image: np.ndarray) -> torch.Tensor:
    """(3, h, w): the image as the network wants it."""
    tensor = torch.from_numpy(image.copy()).to(network.device).permute(2, 0, 1)
    tensor = _resized(tensor.float(), network.size)
    # A black picture has no maximum to divide by.
    tensor = tensor / (tensor.max().clamp(min=1) if network.divide_by == "maximum" else 255)
    mean, std = (torch.tensor(v, device=network.device).view(3, 1, 1) for v in (network.mean, network.std))
    return (tensor - mean) / std


def _stretched(maps: torch.Tensor) -> torch.Tensor:
    """(B, h, w), each from 0 to 1."""
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low), torch.zeros_like(maps))


def _resized(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(C, h, w) float at another size."""
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]
