"""A trained network over photographs: what every stage that looks at images with one shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from wsss_core import shortage
from wsss_core.data.index import Index
from wsss_core.training import per_image
from wsss_core.training.placement import network_pixels


def run(
    ids: Sequence[str],
    results: Callable[[Sequence[str]], Sequence[Any]],
    write: Callable[[Path, str, Any], None],
    *,
    index: Index,
    fabric: Fabric,
    equal_sizes: bool = True,
    **options,
) -> None:
    """Write each id's result, made without gradients, in the fabric's precision and in batches.

    Args:
        ids: the images.
        results: makes the results of some ids.
        write: write(folder, id, result).
        index: knows the images' sizes.
        fabric: launched; where and how the network computes.
        equal_sizes: whether only images of one size go into a batch.
        options: `stage`, `code`, `out`, `suffix`, `params` and `inputs` of `per_image.run`.
    """

    @torch.inference_mode()
    def work(batch: Sequence[str], folder: Path) -> None:
        with fabric.autocast():
            made = results(batch)
        for image_id, result in zip(batch, made, strict=True):
            write(folder, image_id, result)

    with shortage.eased_by(*options["params"]):
        per_image.run(
            ids, work, sizes=index.size, batch_pixels=network_pixels(fabric.device), equal_sizes=equal_sizes,
            processes=fabric, **options,
        )  # fmt: skip
