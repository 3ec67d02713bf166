"""Coarse photographs, and `wsss predict` over them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from workspace import Workspace

from wsss_core.cli.main import main


def picture(seed: int, *, height: int = 40, width: int = 56) -> Image.Image:
    """Coarse noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def predict(workspace: Workspace, *options: str, photographs: str = "photos", out: str = "out"):
    """`wsss predict model photos --out out`, without the mirror unless asked for."""
    return workspace.invoke(main, "predict", "model", photographs, "--out", out, "--no-flip", *options)
