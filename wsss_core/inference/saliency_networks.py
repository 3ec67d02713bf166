"""Saliency networks by the name of `saliency.method`, and their maps of photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from wsss_core import artifacts
from wsss_core.data.index import Index
from wsss_core.inference import onnx_saliency, saliency
from wsss_core.inference.run import write_each
from wsss_core.inference.saliency import SaliencyNetwork, saliency_maps
from wsss_core.models import published_weights
from wsss_core.runtime import devices

AUTO = "auto"


def weights_file(method: str, weights: str) -> Path:
    """The file that `saliency.weights` means; a published one is fetched if it is not there."""
    return published_weights.fetch(method, published_weights.SALIENCY[method]) if weights == AUTO else Path(weights)


def open_network(method: str, file: Path, *, onnx: dict, device: torch.device) -> SaliencyNetwork:
    """The network of `saliency.method`; `onnx` holds further keyword arguments of `open_onnx`."""
    if method == "onnx":
        return onnx_saliency.open_onnx(file, device=device, **onnx)
    return saliency.u2net(file, variant=method, device=device)


def write_maps(
    ids: Sequence[str], *, index: Index, method: str, file: Path, normalise: bool, onnx: dict, **options
) -> None:
    """Write the map of each image as 8 bit grey.

    Args:
        ids: the images.
        index: knows them.
        method: u2net | u2netp | onnx.
        file: its weights.
        normalise: as for `saliency_maps`.
        onnx: as for `open_network`.
        options: `stage`, `code`, `out`, `params` and `inputs` of `per_image.run`.
    """
    fabric = devices.launch()
    network = open_network(method, file, onnx=onnx, device=fabric.device)

    def made(_: Sequence[str], images: list[np.ndarray]) -> list[np.ndarray]:
        return saliency_maps(network, images, normalise=normalise)

    write_each(ids, made, artifacts.GREY, index=index, fabric=fabric, equal_sizes=False, **options)


def reader(index: Index, *, method: str, weights: str, normalise: bool, onnx: dict) -> Callable[[str], np.ndarray]:
    """read(id) -> (H, W) float32 in [0, 1]: the map of an image, made anew by the network; arguments as above."""
    fabric = devices.launch(shared=False)
    network = open_network(method, weights_file(method, weights), onnx=onnx, device=fabric.device)

    @torch.inference_mode()
    def read(image_id: str) -> np.ndarray:
        with fabric.autocast():
            return saliency_maps(network, [index.image(image_id)], normalise=normalise)[0]

    return read
