"""Weakly supervised semantic segmentation: image tags in, pseudo-labels and a trained segmenter out.

What a program calls is `load`; `python -m stages.<name>` and the command `wsss` are the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsss_core.inference.segmenter import Segmenter


def load(path: str | Path, *, device: str = "cpu") -> Segmenter:
    """A trained network, ready for photographs: any method's model.pt, or the folder that holds one.

    Args:
        path: the file, the folder, or of a method in rounds the folder of these: the last counts.
        device: where it computes, as torch calls it: `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        ArtifactError: there is none, or it is no model of this project.
        ValueError: the network does not segment, or there is no such device.

    See `wsss_core.inference.segmenter.Segmenter`.

    >>> import wsss_core
    >>> segmenter = wsss_core.load("models/deeplab")
    >>> segmenter.classes
    ('background', 'cat', 'dog')
    >>> segmenter.segment("photograph.jpg").shape  # a label for each pixel
    (40, 60)
    """
    from wsss_core.inference.segmenter import Segmenter  # and torch, which takes seconds
    from wsss_core.models.trained import load_segmenter

    network, description = load_segmenter(Path(path))
    return Segmenter(network, description.classes, device=device)
