"""A network's maps at pixels and on grids, against maps whose cells say themselves where they lie."""

import numpy as np
import pytest
import torch

from wsss_core.ops import grids, network_cells

SIZES = [(281, 500), (333, 500), (500, 335), (97, 61), (40, 33)]


def places(size, *, stride: int, centre: float) -> torch.Tensor:
    """(1, 2, h, w): the row and the column that each cell of a network lies around."""
    grid = grids.grid_size(size, stride=stride)
    return torch.from_numpy(np.indices(grid)[None] * stride + centre).float()


def pixels(size) -> torch.Tensor:
    """(1, 2, H, W)."""
    return torch.from_numpy(np.indices(size)[None]).float()


def inside(maps: torch.Tensor, *, margin: int) -> torch.Tensor:
    return maps[..., margin:-margin, margin:-margin]


@pytest.mark.parametrize("stride", [8, 14, 16])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_trained_maps_lie_in_the_middle_of_their_cells_whatever_the_size(size, stride):
    read = network_cells.at_pixels(places(size, stride=stride, centre=(stride - 1) / 2), size, stride=stride)
    torch.testing.assert_close(inside(read, margin=stride), inside(pixels(size), margin=stride), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("stride", "centre"), [(16, 0.0), (16, 7.5), (16, 15.0), (14, 6.5)])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_class_maps_lie_where_the_network_looks(size, stride, centre):
    maps = places(size, stride=stride, centre=centre)
    read = network_cells.class_maps_at_pixels(maps, size, stride=stride, centre=centre)
    torch.testing.assert_close(inside(read, margin=16), inside(pixels(size), margin=16), atol=1e-3, rtol=0)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", SIZES[:4], ids=str)
def test_views_of_every_scale_and_mirror_agree_on_the_grid_of_their_image(size, scale, mirrored):
    view = (round(size[0] * scale), round(size[1] * scale))
    seen = places(view, stride=8, centre=0.0)
    ratio = torch.tensor([size[0] / view[0], size[1] / view[1]]).view(1, 2, 1, 1)
    of_image = (seen + 0.5) * ratio - 0.5
    if mirrored:
        of_image[:, 1] = size[1] - 1 - of_image[:, 1]
    stored = network_cells.class_maps_on_grid(
        of_image, view=view, size=size, stride=8, centre=0.0, store_stride=4, mirrored=mirrored
    )
    expected = torch.from_numpy(grids.store(pixels(size)[0].numpy(), stride=4))
    margin = round(8 / scale) // 4 + 1
    torch.testing.assert_close(inside(stored[0], margin=margin), inside(expected, margin=margin), atol=1e-2, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_views_agree_on_the_cells_that_the_network_has_for_the_image(scale):
    size = (97, 113)
    view = tuple(int(side * scale) for side in size)
    ratio = torch.tensor([size[0] / view[0], size[1] / view[1]]).view(1, 2, 1, 1)
    of_image = (places(view, stride=8, centre=0.0) + 0.5) * ratio - 0.5
    own = places(size, stride=8, centre=0.0)
    found = network_cells.class_maps_on_cells(of_image, view=view, size=size, stride=8, centre=0.0)
    torch.testing.assert_close(inside(found, margin=3), inside(own, margin=3), atol=1e-3, rtol=0)


def test_storing_a_view_is_storing_its_maps_at_pixels():
    maps = torch.rand(2, 3, 13, 8, generator=torch.Generator().manual_seed(0))
    full = network_cells.class_maps_at_pixels(maps, (97, 61), stride=8, centre=3.5)
    stored = network_cells.class_maps_on_grid(maps, view=(97, 61), size=(97, 61), stride=8, centre=3.5, store_stride=4)
    torch.testing.assert_close(stored, torch.from_numpy(np.stack([grids.store(m.numpy(), stride=4) for m in full])))


def test_maps_at_full_size_pass_without_a_copy_and_gradients_reach_every_cell():
    full = torch.rand(1, 2, 9, 14)
    assert network_cells.at_pixels(full, (9, 14), stride=1) is full
    cells = torch.rand(1, 2, 3, 4, requires_grad=True)
    network_cells.at_pixels(cells, (10, 13), stride=4).sum().backward()
    assert (cells.grad > 0).all()


def test_a_grid_of_another_input_is_refused():
    with pytest.raises(ValueError, match="a 3x4 grid does not cover a 10x20 image"):
        network_cells.at_pixels(torch.zeros(1, 1, 3, 4), (10, 20), stride=4)
