"""One photograph through a trained network: class activation maps, walks, segmentations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.artifacts import Scores
from wsss_core.models.affinitynet import AffinityNet
from wsss_core.models.cam_network import CamNetwork
from wsss_core.ops import cam, pairs, random_walk
from wsss_core.ops.crf import dense_crf
from wsss_core.ops.images import limited_size, pad_to_multiple, resized

COARSEST_STRIDE = 32


def views(image: np.ndarray, *, scales: Sequence[float], flip: bool, max_pixels: int) -> list[torch.Tensor]:
    """The image at each scale, (1, 3, h, w), or with its mirror (2, 3, h, w)."""
    sizes = [limited_size(image.shape[:2], scale=scale, max_pixels=max_pixels) for scale in scales]
    inputs = [resized(image, size) for size in sizes]
    return [torch.stack([x, x.flip(-1)]) if flip else x[None] for x in inputs]


def unflipped(maps: torch.Tensor) -> torch.Tensor:
    """Sum of a view's maps, the mirror's turned back: (1 or 2, C, h, w) -> (C, h, w)."""
    return maps[0] if len(maps) == 1 else maps[0] + maps[1].flip(-1)


def class_activation_maps(
    model: CamNetwork,
    image: np.ndarray,
    tags: Sequence[int],
    *,
    scales: Sequence[float],
    flip: bool,
    sqrt: bool,
    store_stride: int,
    max_pixels: int,
    device: torch.device,
) -> Scores:
    """CAMs of an image's own classes, summed over scales and mirrors, then divided by each class's maximum.

    Args:
        model: in eval mode on `device`.
        image: (H, W, 3) uint8 RGB.
        tags: class ids present, ascending; others get no map.
        scales, flip: the views; each is rectified before the sum, so that none cancels another.
        sqrt: element-wise square root of each rectified view (PSA, VGG16 only).
        store_stride: pixels a stored cell covers.
        max_pixels: larger views are shrunk to this. DEVIATION: bounds memory; VOC images never reach it.

    Ahn & Kwak, CVPR 2018, sec. 3.1, as released: normalisation follows the sum, so scales weigh as they respond.
    """
    size = (image.shape[0], image.shape[1])
    grid = cam.grid_size(size, stride=store_stride)
    present = torch.tensor([tag - 1 for tag in tags], dtype=torch.long, device=device)
    total = torch.zeros(len(tags), *grid, device=device)
    for view in views(image, scales=scales, flip=flip, max_pixels=max_pixels) if tags else []:
        maps = F.relu(model.cams(view.to(device)).float()[:, present])
        maps = F.interpolate(maps.sqrt() if sqrt else maps, size=grid, mode="bilinear", align_corners=False)
        total += unflipped(maps)
    return Scores(np.asarray(tags, dtype=np.uint8), cam.normalise(total.cpu().numpy()), size)


def random_walk_scores(
    model: AffinityNet,
    image: np.ndarray,
    cams: Scores,
    *,
    radius: int,
    beta: float,
    log2_steps: int,
    background_exponent: float,
    store_stride: int,
    max_pixels: int,
    device: torch.device,
) -> Scores:
    """The CAMs and their background score after a random walk along the network's affinities.

    Args:
        model: in eval mode on `device`.
        image: (H, W, 3) uint8 RGB.
        cams: its class activation maps.
        radius: cells closer than this are linked.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2**log2_steps steps.
        background_exponent: of the background's score, taken at full resolution, then averaged over each cell
            (its exponent makes the order matter).
        store_stride, max_pixels: as for `class_activation_maps`.

    Returns:
        background first, then the classes of `cams`.

    Ahn & Kwak, CVPR 2018, sec. 3.3: single scale, no mirror.
    """
    work = limited_size(image.shape[:2], scale=1.0, max_pixels=max_pixels)
    padded = pad_to_multiple(resized(image, work), COARSEST_STRIDE)
    features = model(padded[None].to(device))["affinity_features"].float()
    stride = padded.shape[-1] // features.shape[-1]
    rows, columns = cam.grid_size(work, stride=stride)
    features = features[0, :, :rows, :columns]
    links = ((offset, w.cpu().numpy()) for offset, w in pairs.affinities(features, radius=radius))
    transition = random_walk.transition_matrix(links, height=rows, width=columns, beta=beta)

    maps = cam.with_background(cam.upsample(cams.scores, cams.size), exponent=background_exponent)
    maps = np.stack([cam.resize(plane, work) for plane in maps]) if work != cams.size else maps
    walked = random_walk.propagate(cam.pool(maps, stride=stride), transition, log2_steps=log2_steps)
    grid = cam.grid_size(cams.size, stride=store_stride)
    stored = np.stack([cam.resize(plane, grid) for plane in cam.upsample(walked, work)])
    return Scores(np.concatenate([[0], cams.classes]).astype(np.uint8), stored, cams.size)


def segmentation_probabilities(
    model: torch.nn.Module,
    image: np.ndarray,
    *,
    scales: Sequence[float],
    flip: bool,
    max_pixels: int,
    device: torch.device,
) -> np.ndarray:
    """(C+1, H, W) float32 class probabilities: softmax of the "seg" logits, averaged over scales and mirrors."""
    size = image.shape[:2]
    inputs = views(image, scales=scales, flip=flip, max_pixels=max_pixels)
    total: torch.Tensor | float = 0.0
    for view in inputs:
        logits = model(view.to(device))["seg"].float()
        logits = F.interpolate(logits, size=view.shape[-2:], mode="bilinear", align_corners=False)
        probabilities = unflipped(logits.softmax(dim=1)) / len(view)
        total = total + F.interpolate(probabilities[None], size=size, mode="bilinear", align_corners=False)[0]
    return (total / len(inputs)).cpu().numpy()  # type: ignore[union-attr]


def segment(model: torch.nn.Module, image: np.ndarray, *, crf: dict | None, **options) -> np.ndarray:
    """(H, W) uint8 labels: the most probable class of `segmentation_probabilities`, after a dense CRF if given.

    `crf` holds keyword arguments of `dense_crf`; `options` those of `segmentation_probabilities`.
    """
    probabilities = segmentation_probabilities(model, image, **options)
    if crf is not None:
        probabilities = dense_crf(image, probabilities, **crf)
    return probabilities.argmax(axis=0).astype(np.uint8)
