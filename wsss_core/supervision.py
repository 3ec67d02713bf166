"""What a result was taught by, in the field's letters.

It passes from stage to stage in the manifests: a result is supervised by all that its inputs are, and by what its own
stage adds (`prepare` where nothing but the masks tells the tags, `saliency` by a network or a folder, SSNet with a set
of masks, full supervision, labels that were corrected by hand).

A kind is one of `MEANING`. Where masks of some photographs were known, their number is part of it: `I+F on 12 of 60
images`.
"""

from __future__ import annotations

import re
from typing import TypeGuard

TAGS = "I"
SALIENCY = "I+S"
SOME = "I+F"
SALIENCY_AND_SOME = "I+S+F"
PIXELS = "F"

MEANING = {
    TAGS: "image tags",
    SALIENCY: "image tags, and saliency learnt from masks of other pictures",
    SOME: "image tags, and masks corrected by hand of some images",
    SALIENCY_AND_SOME: "image tags, saliency learnt from masks of other pictures, and masks corrected by hand of some",
    PIXELS: "true masks",
}
"""Weakest first."""

_NUMBERED = re.compile(r"(I|I\+S)\+F on ([1-9]\d*) of ([1-9]\d*) images")
KIND = rf"(?:I|I\+S|F|{_NUMBERED.pattern})"
"""Of all kinds, as a regular expression."""


def partly(kind: str, *, masks: int, images: int) -> str:
    """The kind of what comes from `kind`, and from true masks of so many of the images."""
    if not 0 <= masks <= images:
        raise ValueError(f"{masks} of {images} images cannot have masks")
    if masks == 0 or kind == PIXELS:
        return kind
    numbered = _NUMBERED.fullmatch(kind)
    base = numbered[1] if numbered else kind
    return PIXELS if masks == images else f"{base}+F on {masks} of {images} images"


def is_known(kind: object) -> TypeGuard[str]:
    """Whether something is a kind."""
    return isinstance(kind, str) and re.fullmatch(KIND, kind) is not None


def without_number(kind: str) -> str:
    """The key of `MEANING`."""
    return kind.partition(" on ")[0]


def strength(kind: str) -> tuple[int, float]:
    """For sorting, the weakest first: by letters, then by the share of the images that have masks."""
    return list(MEANING).index(without_number(kind)), _share(kind)


def _share(kind: str) -> float:
    numbered = _NUMBERED.fullmatch(kind)
    return int(numbered[2]) / int(numbered[3]) if numbered else 0.0


def strongest(*kinds: str) -> str:
    """The supervision of what comes from all of these: the letters of all, and the largest share of masks."""
    if PIXELS in kinds:
        return PIXELS
    base = SALIENCY if any(kind.startswith(SALIENCY) for kind in kinds) else TAGS
    most = max(kinds, key=_share, default=TAGS)
    return base if not _share(most) else f"{base}+F on {most.partition(' on ')[2]}"


SALIENCY_NETWORKS = ("u2net", "u2netp", "onnx")
"""Values of `saliency.method` that are networks."""


def of_saliency(method: str) -> str:
    """What maps of a `saliency.method` add; those of a folder count as a network's, for nobody knows otherwise."""
    return SALIENCY if method in (*SALIENCY_NETWORKS, "folder") else TAGS
