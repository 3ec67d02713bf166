"""Labels that a CRF makes of photographs and their class activation maps, on the GPU in batches or in a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts, layout
from wsss_core.code_digest import Code
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.runtime import per_image
from wsss_core.runtime.placement import place

Make = Callable[..., Sequence[np.ndarray]]
"""make(images (H, W, 3) uint8, CAMs, device=..., **options) -> (H, W) labels of each."""


def write_each(make: Make, cams: Maps, index: Index, *, stage: str, code: Code, out: Path, options: dict) -> None:
    """Write the labels of each training image.

    Args:
        make: makes those of some images; must pickle.
        cams: the maps.
        index: knows the photographs.
        stage, code, out: as for `per_image.run`.
        options: keyword arguments of `make`; `engine: lattice` computes on a GPU where there is one.
    """
    where = place(gpu=options["engine"] == "lattice")
    work = partial(_label, make=partial(make, device=where.device, **options), cams=cams, index=index)
    per_image.run(
        index.ids("train"), work, stage=stage, code=code, out=out, suffix=artifacts.LABELS.suffix, params=options,
        inputs=[layout.INDEX, cams.folder], sizes=index.size, workers=where.workers, batch_pixels=where.batch_pixels,
        processes=where.processes,
    )  # fmt: skip


def _label(ids: Sequence[str], folder: Path, *, make: Make, cams: Maps, index: Index) -> None:
    made = make([index.image(i) for i in ids], [cams.scores(i) for i in ids])
    for image_id, labels in zip(ids, made, strict=True):
        artifacts.write_labels(folder, image_id, labels)
