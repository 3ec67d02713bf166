"""Photographs that come with scikit-image, else drawn ones, and evidence for them as a network would give it."""

from __future__ import annotations

from functools import cache

import numpy as np

from wsss_core.scenes import generator as scenes

HEIGHT, WIDTH = 375, 500
"""The size of a photograph, where nothing else is said: VOC's usual one."""
NAMES = ("coffee", "astronaut", "rocket")


def photograph(name: str = "coffee", height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(height, width, 3) uint8 RGB: the upper left corner, mirrored on where the photograph ends."""
    picture = _picture(name)
    missing = [(0, max(0, size - side)) for size, side in zip((height, width), picture.shape, strict=False)]
    return np.ascontiguousarray(np.pad(picture, (*missing, (0, 0)), mode="symmetric")[:height, :width])


@cache
def _picture(name: str) -> np.ndarray:
    try:
        import skimage.data  # not everywhere installed
    except ImportError:
        return scenes.scene("train", NAMES.index(name), height=400, width=600, seed=0).image
    return getattr(skimage.data, name)()


def evidence(
    num_labels: int, height: int = HEIGHT, width: int = WIDTH, *, seed: int = 0, exponent: float = 4
) -> np.ndarray:
    """(L, H, W) float32 probabilities, smooth as maps of a network are; a higher exponent makes them more certain."""
    import torch  # here: what only needs a photograph, or its size, starts without it

    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, num_labels, 12, 16)))
    maps = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0].numpy() ** exponent
    return (maps / maps.sum(axis=0)).astype(np.float32)
