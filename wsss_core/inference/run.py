"""A trained network over photographs: what every stage that looks at images with one shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from wsss_core import layout
from wsss_core.artifacts import Kind
from wsss_core.code_digest import Code
from wsss_core.data.index import Index
from wsss_core.models.build import on_device
from wsss_core.runtime import devices, environment, per_image, shortage
from wsss_core.runtime.ahead import Relay
from wsss_core.runtime.placement import network_pixels

Read = Callable[[Sequence[str]], Any]
"""read(ids) -> what their results are made of; threads read ahead, so that the network does not wait."""

Make = Callable[[Sequence[str], Any], Sequence[Any]]
"""make(ids, read) -> their results."""


@dataclass(frozen=True)
class Inference:
    """A network where it computes, and the photographs that it is shown.

    Attributes:
        network: in eval mode on the fabric's device.
        weights: its file.
        index: the photographs.
        fabric: launched.
    """

    network: Any
    weights: Path
    index: Index
    fabric: Fabric

    @classmethod
    def of(
        cls, weights: Path, load: Callable[[Path], tuple[Any, Any]], index: Index, *, shared: bool = True
    ) -> Inference:
        """Of a model file, by `load`, on the devices that the environment allows, or on one if it is not `shared`."""
        fabric = devices.launch(shared=shared)
        network, _ = load(weights)
        return cls(on_device(network, fabric.device), weights, index, fabric)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.fabric.device

    def images(self, ids: Sequence[str]) -> list[np.ndarray]:
        """(H, W, 3) uint8 RGB each."""
        return _photographs(self.index, ids)

    def tags(self, ids: Sequence[str]) -> list[tuple[int, ...]]:
        """The class ids of each image."""
        return [self.index[image_id].tags for image_id in ids]

    def write_each(
        self,
        ids: Sequence[str],
        make: Make,
        kind: Kind,
        *,
        stage: str,
        code: Code,
        out: Path,
        params: dict,
        inputs: Sequence[Path] = (),
        read: Read | None = None,
    ) -> None:
        """Write each id's result as `write_each` of this module does; `inputs` are those beside index and weights."""
        write_each(
            ids, make, kind, read=read, index=self.index, fabric=self.fabric, stage=stage, code=code, out=out,
            params=params, inputs=[layout.INDEX, *inputs, self.weights],
        )  # fmt: skip


def write_each(
    ids: Sequence[str],
    make: Make,
    kind: Kind,
    *,
    index: Index,
    fabric: Fabric,
    read: Read | None = None,
    equal_sizes: bool = True,
    **options,
) -> None:
    """Write each id's result, made without gradients, in the fabric's precision and in batches.

    While the network computes, threads read what comes next and write what it has made.

    Args:
        ids: the images.
        make: makes the results of some ids.
        kind: of file that a result becomes.
        index: knows the images.
        fabric: launched; where and how the network computes.
        read: reads what `make` takes; None: the photographs.
        equal_sizes: whether only images of one size go into a batch.
        options: `stage`, `code`, `out`, `params` and `inputs` of `per_image.run`.
    """

    def compute(batch: Sequence[str], inputs: Any) -> Sequence[Any]:
        with torch.inference_mode(), fabric.autocast():
            return make(batch, inputs)

    with shortage.eased_by(*options["params"]):
        per_image.run(
            ids, Relay(read or partial(_photographs, index), compute, kind.write, threads=environment.workers()),
            suffix=kind.suffix, sizes=index.size, batch_pixels=network_pixels(fabric.device), equal_sizes=equal_sizes,
            processes=fabric, **options,
        )  # fmt: skip


def _photographs(index: Index, ids: Sequence[str]) -> list[np.ndarray]:
    return [index.image(image_id) for image_id in ids]
