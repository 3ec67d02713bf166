"""Paired random geometry and colour for training."""

from __future__ import annotations

import random
from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from wsss_core.ops.images import MEAN, STD, normalise
from wsss_core.voc import IGNORE_INDEX


class RandomRescale(v2.Transform):
    """Resize so that the long side is U{a..b} pixels, or by a factor U(a, b) when no long side is given.

    DEVIATION: bilinear with antialiasing where PSA and IRN use bicubic.
    """

    def __init__(self, *, long_side: tuple[float, float] | None, scale: tuple[float, float]) -> None:
        super().__init__()
        self.long_side, self.scale = long_side, scale

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw one size [height, width] for the image and its mask."""
        height, width = flat_inputs[0].shape[-2:]
        if self.long_side:
            factor = random.uniform(*self.long_side) / max(height, width)
        else:
            factor = random.uniform(*self.scale)
        return {"size": [max(1, round(height * factor)), max(1, round(width * factor))]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Resize a (C, H, W) image or mask to the drawn size."""
        if list(inpt.shape[-2:]) == params["size"]:
            return inpt
        return F.resize(inpt, params["size"], antialias=True)  # masks: nearest


class Normalise(v2.Transform):
    """uint8 image -> normalised float32 image; masks pass."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Normalise a (3, H, W) uint8 image by ImageNet's mean and deviation; a mask stays as it is."""
        return inpt if isinstance(inpt, tv_tensors.Mask) else tv_tensors.Image(normalise(inpt))


class RandomPaddedCrop(v2.Transform):
    """A size x size window: a random part where the image is larger, a random place in the window where smaller.

    The fill is the mean colour or black for images and IGNORE_INDEX for masks.
    """

    def __init__(self, size: int, *, pad: str) -> None:
        super().__init__()
        self.size = size
        black = [-m / s for m, s in zip(MEAN, STD, strict=True)]
        self.fill = black if pad == "black" else [0.0, 0.0, 0.0]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the window's offset, pixels, along each axis; negative where the image is smaller."""
        return {"offsets": [random.randint(*sorted((0, extent - self.size))) for extent in flat_inputs[0].shape[-2:]]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Cut a (C, H, W) image or mask to (C, size, size) at the drawn offsets; its dtype stays."""
        fill = [float(IGNORE_INDEX)] * inpt.shape[0] if isinstance(inpt, tv_tensors.Mask) else self.fill
        canvas = torch.tensor(fill).view(-1, 1, 1).expand(-1, self.size, self.size)
        canvas = canvas.to(inpt.dtype).contiguous()
        (to_y, from_y), (to_x, from_x) = (_overlap(offset) for offset in params["offsets"])
        part = inpt[:, from_y:from_y + self.size, from_x:from_x + self.size]
        height, width = part.shape[-2:]
        canvas[:, to_y:to_y + height, to_x:to_x + width] = part
        return tv_tensors.wrap(canvas, like=inpt)


def _overlap(offset: int) -> tuple[int, int]:
    """(start in the window, start in the image) of a crop at `offset`, which is negative when padding."""
    return max(0, -offset), max(0, offset)


def augmentation(
    *,
    long_side: tuple[float, float] | None,
    scale: tuple[float, float],
    crop: int,
    flip: bool,
    color_jitter: tuple[float, float, float, float],
    pad: str,
) -> v2.Transform:
    """Rescale, mirror, jitter, normalise, crop: of an image and its masks alike.

    Args:
        long_side: [smallest, largest] long side, pixels; null uses `scale`.
        scale: [smallest, largest] factor.
        crop: side of the square result, pixels.
        flip: mirror every other image.
        color_jitter: strengths of brightness, contrast, saturation, hue; all 0 = none.
        pad: what a small image is padded with: `mean` colour (after normalisation) or `black` (before).
    """
    steps: list[v2.Transform] = [RandomRescale(long_side=long_side, scale=scale)]
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if any(color_jitter):
        steps.append(v2.ColorJitter(*color_jitter))
    return v2.Compose([*steps, Normalise(), RandomPaddedCrop(crop, pad=pad)])
