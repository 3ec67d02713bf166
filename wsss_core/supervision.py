"""What a result was taught by, in the field's letters.

It passes from stage to stage in the manifests: a result is supervised by all that its inputs are, and by what its own
stage adds (`prepare` where nothing but the masks tells the tags, `saliency` by a network or a folder, SSNet with a set
of masks, full supervision).
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["I", "I+S", "F"]

TAGS = "I"
SALIENCY = "I+S"
PIXELS = "F"

MEANING = {
    TAGS: "image tags",
    SALIENCY: "image tags, and saliency learnt from masks of other pictures",
    PIXELS: "true masks",
}
"""Weakest first."""


def strongest(*kinds: str) -> str:
    """The supervision of what comes from all of these."""
    return max(kinds, key=list(MEANING).index, default=TAGS)


SALIENCY_NETWORKS = ("u2net", "u2netp", "onnx")
"""Values of `saliency.method` that are networks."""


def of_saliency(method: str) -> str:
    """What maps of a `saliency.method` add; those of a folder count as a network's, for nobody knows otherwise."""
    return SALIENCY if method in (*SALIENCY_NETWORKS, "folder") else TAGS
