"""Class activation maps spread along the affinities that AffinityNet sees in photographs of one size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from wsss_core.artifacts import Scores
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.ops import cam, grids, pairs, random_walk
from wsss_core.ops.images import limited_size, pad_to_multiple, resized, stacked


def random_walk_scores(
    model: AffinityNet,
    images: Sequence[np.ndarray],
    cams: Sequence[Scores],
    *,
    radius: int,
    beta: float,
    log2_steps: int,
    background_exponent: float,
    store_stride: int,
    max_pixels: int,
    device: torch.device,
) -> list[Scores]:
    """The CAMs and their background score after a random walk along the network's affinities.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        cams: their class activation maps.
        radius: cells closer than this are linked.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2**log2_steps steps.
        background_exponent: of the background's score, taken at full resolution, then averaged over each cell
            (its exponent makes the order matter). DEVIATION from PSA, which pads with zeros and so weakens the last
            row and column: cells beyond the image repeat its edge.
        store_stride, max_pixels: as for `inference.cam.class_activation_maps`.

    Returns:
        background first, then the classes of each image's CAMs.

    Ahn & Kwak, CVPR 2018, sec. 3.3: single scale, no mirror; images are padded to the network's stride, as released.
    """
    size = (images[0].shape[0], images[0].shape[1])
    work = limited_size(size, scale=1.0, max_pixels=max_pixels)
    padded = pad_to_multiple(resized(stacked(images, device), work), model.backbone.stride)
    features = model(padded)["affinity_features"].float()
    stride = model.stride
    rows, columns = grids.grid_size(work, stride=stride)
    links = pairs.affinities(features[..., :rows, :columns], radius=radius)
    transition = random_walk.transition_matrix(links, height=rows, width=columns, beta=beta)

    starts = [_walk_start(maps, work, exponent=background_exponent, stride=stride) for maps in cams]
    most = max(map(len, starts))
    padded_starts = np.stack([np.pad(maps, ((0, most - len(maps)), (0, 0), (0, 0))) for maps in starts])
    walked = random_walk.propagate(torch.from_numpy(padded_starts).to(device), transition, log2_steps=log2_steps)
    results = []
    for maps, start, own in zip(walked.cpu().numpy(), starts, cams, strict=True):
        full = grids.stretch(grids.read(maps[: len(start)], work, stride=stride), size)
        classes = np.concatenate([[0], own.classes]).astype(np.uint8)
        results.append(Scores(classes, grids.store(full, stride=store_stride), size))
    return results


def _walk_start(cams: Scores, work: tuple[int, int], *, exponent: float, stride: int) -> np.ndarray:
    """(K+1, h, w) background and CAMs on the walk's grid."""
    maps = cam.with_background(grids.read(cams.scores, cams.size), exponent=exponent)
    return grids.store(grids.stretch(maps, work), stride=stride)
