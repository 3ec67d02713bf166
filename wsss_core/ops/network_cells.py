"""Where a network's cells lie: its maps at the pixels of its input, and on other grids.

A network of stride s, any whole number, covers its input with cells as a stored grid does (`ops.grids`): ceil(H / s) x
ceil(W / s) of them, s x s pixels each. Those that stick out at the bottom and the right lie on padding and are cut off,
never squeezed in, whatever the size of the input; so a crop, a photograph and its views in other sizes agree.

Maps that a network is trained to place (logits, saliency, affinities) are trained and read with their centres in the
middle of their cells: an offset of its layers is learnt away. A classifier's class maps were never told where anything
is: their cell i shows what lies around pixel i s + centre, the middle of what its layers see (`models.backbones`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from wsss_core.ops.grids import Size, grid_size


def network_stride(network: Any) -> int:
    """Pixels to a cell of the maps that a network makes; it may be in a wrapper, which hands attributes on."""
    return network.stride


def at_pixels(maps: torch.Tensor, size: Size, *, stride: int) -> torch.Tensor:
    """(B, K, h, w) maps of an input of `size` = (H, W) at its pixels: (B, K, H, W), bilinear; no copy at stride 1.

    Raises:
        ValueError: their grid is not the one of `stride` over an input of `size`.

    DEVIATION from all releases, which stretch the grid over the input: that moves content by up to half a cell, by
    another way for each size.

    >>> at_pixels(torch.tensor([[[[1.0, 5.0]]]]), (1, 4), stride=2)
    tensor([[[[1., 2., 4., 5.]]]])
    """
    _require_grid(maps, size, stride=stride)
    if stride == 1:
        return maps
    whole = (maps.shape[-2] * stride, maps.shape[-1] * stride)
    return F.interpolate(maps, size=whole, mode="bilinear", align_corners=False)[..., : size[0], : size[1]]


def class_maps_at_pixels(maps: torch.Tensor, size: Size, *, stride: int, centre: float) -> torch.Tensor:
    """As `at_pixels`, of maps whose cell i lies around pixel i stride + centre."""
    _require_grid(maps, size, stride=stride)
    places = [torch.arange(side, device=maps.device) for side in size]
    return _sampled(maps, places, stride=stride, centre=centre)


def class_maps_on_grid(
    maps: torch.Tensor, *, view: Size, size: Size, stride: int, centre: float, store_stride: int,
    mirrored: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Class maps of a view, stored on the grid of the image that the view shows.

    Args:
        maps: (B, K, h, w); cell i lies around pixel i stride + centre of the view.
        view: (H', W') of the network's input: the image at another size.
        size: (H, W) of the image.
        stride, centre: see the module.
        store_stride: of the grid.
        mirrored: the view shows the image's mirror, whose grid begins at the other side.

    Returns:
        (B, K, ceil(H / store_stride), ceil(W / store_stride)): what `grids.store` makes of the maps at the image's
        pixels, without making those.
    """
    _require_grid(maps, view, stride=stride)
    height, width = (
        # the last cell's pixels beyond the image repeat its edge
        torch.arange(stored * store_stride, device=maps.device).clamp(max=side - 1)
        for stored, side in zip(grid_size(size, stride=store_stride), size, strict=True)
    )
    pixels = (height, size[1] - 1 - width if mirrored else width)
    rows, columns = (
        _weights((place + 0.5) * (seen / side) - 0.5, cells, stride=stride, centre=centre)
        .view(-1, store_stride, cells)
        .mean(dim=1)
        for place, seen, side, cells in zip(pixels, view, size, maps.shape[-2:], strict=True)
    )
    return _weighted(maps, rows, columns)


def class_maps_on_cells(
    maps: torch.Tensor, *, view: Size, size: Size, stride: int, centre: float
) -> torch.Tensor:
    """Class maps of a view (B, K, h, w) at the cells that the same network has for `size`."""
    _require_grid(maps, view, stride=stride)
    places = [
        (torch.arange(count, device=maps.device) * stride + centre + 0.5) * (seen / side) - 0.5
        for count, seen, side in zip(grid_size(size, stride=stride), view, size, strict=True)
    ]
    return _sampled(maps, places, stride=stride, centre=centre)


def _require_grid(maps: torch.Tensor, size: Size, *, stride: int) -> None:
    (rows, columns), (height, width) = maps.shape[-2:], size
    if (rows, columns) != grid_size(size, stride=stride):
        raise ValueError(f"a {rows}x{columns} grid does not cover a {height}x{width} image in cells of stride {stride}")


def _sampled(maps: torch.Tensor, places: list[torch.Tensor], *, stride: int, centre: float) -> torch.Tensor:
    rows, columns = (
        _weights(place, cells, stride=stride, centre=centre)
        for place, cells in zip(places, maps.shape[-2:], strict=True)
    )
    return _weighted(maps, rows, columns)


def _weights(places: torch.Tensor, cells: int, *, stride: int, centre: float) -> torch.Tensor:
    """(n, cells) float32: the share of each cell in the value at each place, a pixel's coordinate; rows sum to 1."""
    at = ((places - centre) / stride).clamp(0, cells - 1)
    distance = (at[:, None] - torch.arange(cells, device=places.device)).abs()
    return (1 - distance).clamp(min=0).float()


def _weighted(maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    with torch.autocast(maps.device.type, enabled=False):  # places in bfloat16 would be places of whole pixels
        return rows @ maps.float() @ columns.T
