"""Where a data set lies and what its files are called: the `dataset` section of params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A data set of which nothing was read yet.

    Attributes:
        format: "scenes" and "voc" (VOCdevkit layout), "folder" (images and a CSV), "coco" (instances JSON).
        root: the data set's folder; the paths below are relative to it.
        classes: names in the order of their ids from 1; None = the format's own.
        train, val: names of the lists (coco: paths of the JSON files); val may be "".
        labels: a CSV of tags; None = where the format keeps them.
        images: the folder of the images; None = where the format keeps them.
        masks: a folder of label images (of any format), or an instances JSON; None = where the format keeps them:
            SegmentationClass, masks, or for coco the JSON files `train` and `val`.
        untagged: "keep" images without tags, which show nothing but background, or "drop" them.
    """

    format: str
    root: Path
    classes: Sequence[str] | None
    train: str
    val: str
    labels: str | None
    images: str | None
    masks: str | None
    untagged: str = "keep"
