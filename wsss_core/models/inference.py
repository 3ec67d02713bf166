"""Photographs through a trained network: class activation maps, walks, segmentations.

Every function takes images of one size and answers for all of them at once; on a GPU that is what fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from wsss_core.artifacts import Scores
from wsss_core.models.affinitynet import AffinityNet
from wsss_core.models.cam_network import CamNetwork
from wsss_core.ops import cam, grids, network_cells, pairs, random_walk
from wsss_core.ops.crf import dense_crf
from wsss_core.ops.images import limited_size, pad_to_multiple, resized
from wsss_core.ops.refinement import ids_of


def views(
    images: Sequence[np.ndarray], *, scales: Sequence[float], flip: bool, max_pixels: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """The images at each scale, (B, 3, h, w), or with their mirrors behind them (2B, 3, h, w)."""
    for scale in scales:
        size = limited_size(images[0].shape[:2], scale=scale, max_pixels=max_pixels)
        inputs = torch.stack([resized(image, size) for image in images]).to(device)
        yield torch.cat([inputs, inputs.flip(-1)]) if flip else inputs


def unflipped(maps: torch.Tensor, *, flip: bool) -> torch.Tensor:
    """Sum of a view's maps and its mirrors', turned back: (B or 2B, C, h, w) -> (B, C, h, w)."""
    if not flip:
        return maps
    straight, mirrored = maps.chunk(2)
    return straight + mirrored.flip(-1)


def class_activation_maps(
    model: CamNetwork,
    images: Sequence[np.ndarray],
    tags: Sequence[Sequence[int]],
    *,
    scales: Sequence[float],
    flip: bool,
    sqrt: bool,
    store_stride: int,
    max_pixels: int,
    device: torch.device,
) -> list[Scores]:
    """CAMs of each image's own classes, summed over scales and mirrors, then divided by each class's maximum.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        tags: class ids present in each, ascending; others get no map.
        scales, flip: the views; each is rectified before the sum, so that none cancels another.
        sqrt: element-wise square root of each rectified view (PSA, VGG16 only).
        store_stride: pixels a stored cell covers.
        max_pixels: larger views are shrunk to this. DEVIATION: bounds memory; VOC images never reach it.

    Ahn & Kwak, CVPR 2018, sec. 3.1, as released: normalisation follows the sum, so scales weigh as they respond.
    """
    size = (images[0].shape[0], images[0].shape[1])
    grid = grids.grid_size(size, stride=store_stride)
    wanted = sorted({tag for of_image in tags for tag in of_image})
    channels = torch.tensor([tag - 1 for tag in wanted], dtype=torch.long, device=device)
    total = torch.zeros(len(images), len(wanted), *grid, device=device)
    inputs = views(images, scales=scales, flip=flip, max_pixels=max_pixels, device=device)
    for view in inputs if wanted else ():
        maps = F.relu(model.cams(view).float()[:, channels])
        for mirrored, part in enumerate((maps.sqrt() if sqrt else maps).split(len(images))):
            total += network_cells.class_maps_on_grid(
                part, view=(view.shape[-2], view.shape[-1]), size=size, centre=model.centre,
                store_stride=store_stride, mirrored=bool(mirrored),
            )  # fmt: skip
    place = {tag: channel for channel, tag in enumerate(wanted)}
    return [
        Scores(np.asarray(own, dtype=np.uint8), cam.normalise(maps[[place[tag] for tag in own]]), size)
        for own, maps in zip(tags, total.cpu().numpy(), strict=True)
    ]


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
        store_stride, max_pixels: as for `class_activation_maps`.

    Returns:
        background first, then the classes of each image's CAMs.

    Ahn & Kwak, CVPR 2018, sec. 3.3: single scale, no mirror; images are padded to the network's stride, as released.
    """
    size = (images[0].shape[0], images[0].shape[1])
    work = limited_size(size, scale=1.0, max_pixels=max_pixels)
    multiple = model.backbone.output_stride
    padded = torch.stack([pad_to_multiple(resized(image, work), multiple) for image in images]).to(device)
    features = model(padded)["affinity_features"].float()
    stride = padded.shape[-1] // features.shape[-1]
    rows, columns = grids.grid_size(work, stride=stride)
    links = pairs.affinities(features[..., :rows, :columns], radius=radius)
    transition = random_walk.transition_matrix(links, height=rows, width=columns, beta=beta)

    starts = [_walk_start(maps, work, exponent=background_exponent, stride=stride) for maps in cams]
    most = max(map(len, starts))
    padded_starts = np.stack([np.pad(maps, ((0, most - len(maps)), (0, 0), (0, 0))) for maps in starts])
    walked = random_walk.propagate(torch.from_numpy(padded_starts).to(device), transition, log2_steps=log2_steps)
    results = []
    for maps, start, own in zip(walked.cpu().numpy(), starts, cams, strict=True):
        full = grids.stretch(grids.read(maps[: len(start)], work), size)
        classes = np.concatenate([[0], own.classes]).astype(np.uint8)
        results.append(Scores(classes, grids.store(full, stride=store_stride), size))
    return results


def _walk_start(cams: Scores, work: tuple[int, int], *, exponent: float, stride: int) -> np.ndarray:
    """(K+1, h, w) background and CAMs on the walk's grid."""
    maps = cam.with_background(grids.read(cams.scores, cams.size), exponent=exponent)
    return grids.store(grids.stretch(maps, work), stride=stride)


def segmentation_probabilities(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, C+1, H, W) float32 class probabilities: softmax of the "seg" logits, by `averaged` with its options."""
    return averaged(model, images, _class_probabilities, **options)


def saliency_maps(model: torch.nn.Module, images: Sequence[np.ndarray], **options) -> np.ndarray:
    """(B, H, W) float32 in [0, 1]: the "saliency" output, by `averaged` with its options."""
    return averaged(model, images, _saliency, **options)[:, 0].clip(0, 1)


def _class_probabilities(outputs: dict[str, torch.Tensor], size: torch.Size) -> torch.Tensor:
    return network_cells.at_pixels(outputs["seg"].float(), size).softmax(dim=1)


def _saliency(outputs: dict[str, torch.Tensor], size: torch.Size) -> torch.Tensor:
    return network_cells.at_pixels(outputs["saliency"].float(), size)


def averaged(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    read: Callable[[dict[str, torch.Tensor], torch.Size], torch.Tensor],
    *,
    scales: Sequence[float],
    flip: bool,
    max_pixels: int,
    device: torch.device,
) -> np.ndarray:
    """(B, K, H, W) float32: maps of a network, averaged over scales and mirrors.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        read: read(outputs, size) -> (B, K, *size) maps of a view of that size.
        scales, flip, max_pixels: the views.
    """
    size = images[0].shape[:2]
    total: torch.Tensor | float = 0.0
    for view in views(images, scales=scales, flip=flip, max_pixels=max_pixels, device=device):
        maps = unflipped(read(model(view), view.shape[-2:]), flip=flip) / (1 + flip)
        total = total + F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return (total / len(scales)).cpu().numpy()  # type: ignore[union-attr]


def segment(
    model: torch.nn.Module,
    images: Sequence[np.ndarray],
    *,
    crf: dict | None,
    device: torch.device,
    tags: Sequence[Sequence[int]] | None = None,
    **options,
) -> list[np.ndarray]:
    """(H, W) uint8 labels each: the most probable class of `segmentation_probabilities`, after a dense CRF if given.

    Args:
        model: in eval mode on `device`.
        images: (H, W, 3) uint8 RGB each, of one size.
        crf: keyword arguments of `dense_crf`; None = none.
        tags: class ids that each image may have beside the background; None allows all.
        options: further keyword arguments of `segmentation_probabilities`.
    """
    probabilities = segmentation_probabilities(model, images, device=device, **options)
    everything = np.arange(probabilities.shape[1], dtype=np.uint8)
    allowed = [everything] * len(images) if tags is None else [ids_of(np.asarray(own)) for own in tags]
    maps = [p[ids] for p, ids in zip(probabilities, allowed, strict=True)]
    if crf is not None:
        maps = dense_crf(images, maps, device=device, **crf)
    return [ids[p.argmax(axis=0)] for p, ids in zip(maps, allowed, strict=True)]
