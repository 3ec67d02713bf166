"""Maps on grids: what is stored comes back where it was."""

import numpy as np
import pytest

from wsss_core.ops import grids

SIZES = [(281, 500), (333, 500), (500, 335), (97, 61), (1, 300), (40, 33), (33, 40)]
STRIDES = [1, 2, 4, 8]


def random_maps(num_maps=2, height=9, width=14, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).random((num_maps, height, width)).astype(np.float32)


def through_store(maps: np.ndarray, *, stride: int) -> np.ndarray:
    return grids.read(grids.store(maps, stride=stride), maps.shape[1:])


def ramps(size) -> np.ndarray:
    """(2, H, W): each pixel's row, each pixel's column."""
    return np.indices(size).astype(np.float32)


def inner(size, *, margin: int) -> tuple[slice, slice]:
    """The pixels more than `margin` from every border that is long enough to have one."""
    return tuple(slice(margin, side - margin) if side > 2 * margin else slice(None) for side in size)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_ramp_comes_back_within_half_a_pixel_inside_and_within_a_cell_at_the_border(size, stride):
    for axis, ramp in enumerate(ramps(size)):
        error = np.abs(through_store(ramp[None], stride=stride)[0] - ramp)
        assert error.max() <= stride - 1
        if size[axis] >= 4 * stride:
            assert error[inner(size, margin=2 * stride)].max() < 0.5


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("size", [s for s in SIZES if s[1] > 64], ids=str)
def test_a_straight_edge_stays_within_a_pixel_through_three_stores(size, stride):
    for edge in range(3 * stride, size[1] - 3 * stride, 7):
        mask = np.zeros((1, *size), np.float32)
        mask[..., edge:] = 1
        back = through_store(through_store(through_store(mask, stride=stride), stride=stride), stride=min(2, stride))
        found = (back[0] > 0.5).argmax(axis=1)
        assert np.abs(found - edge).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (5, 2), (15, 9), (31, 300)], ids=str)
@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_small_sides_keep_shape_range_and_constants(size, stride):
    maps = random_maps(3, *size)
    back = through_store(maps, stride=stride)
    assert back.shape == maps.shape
    assert maps.min() - 1e-6 <= back.min() and back.max() <= maps.max() + 1e-6
    np.testing.assert_allclose(through_store(np.full((1, *size), 0.3), stride=stride), 0.3, rtol=1e-6)


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
@pytest.mark.parametrize("size", [(17, 17), (33, 49), (49, 49), (97, 61), (193, 193), (241, 241), (1, 300)], ids=str)
def test_a_grid_and_its_image_tell_the_stride(size, stride):
    assert grids.stride_of(grids.grid_size(size, stride=stride), size) == stride


def test_a_squeezed_map_would_drift():
    # what the functions are for: pillow's resize onto the grid loses the last, partial cell's share
    ramp = ramps((333, 500))[0]
    squeezed = grids.resize(ramp, grids.grid_size((333, 500), stride=4))
    assert abs(grids.read(squeezed[None], (333, 500))[0, 323, 250] - 323) > 2
    assert through_store(ramp[None], stride=4)[0, 323, 250] == pytest.approx(323, abs=0.01)


@pytest.mark.parametrize(
    ("size", "stride", "grid"),
    [((375, 500), 8, (47, 63)), ((375, 500), 4, (94, 125)), ((1, 1), 8, (1, 1)), ((16, 17), 8, (2, 3))],
)
def test_a_grid_covers_its_image(size, stride, grid):
    assert grids.grid_size(size, stride=stride) == grid


def test_upsampling_puts_each_cell_over_its_own_pixels():
    # one row of cells, factor 4: bilinear between centres at 1.5, 5.5, constant outside
    up = grids.read(np.array([[[0.0, 1.0]]]), (4, 8))
    expected = [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]
    np.testing.assert_allclose(up, np.tile(expected, (1, 4, 1)))
    assert up.dtype == np.float32


def test_upsampling_cuts_off_what_sticks_out_instead_of_squeezing_it():
    maps = random_maps(height=3, width=4)
    np.testing.assert_array_equal(grids.read(maps, (10, 13)), grids.read(maps, (12, 16))[:, :10, :13])


def test_upsampling_keeps_constants_and_bounds():
    np.testing.assert_allclose(grids.read(np.full((1, 3, 4), 0.3), (10, 13)), 0.3, rtol=1e-6)
    maps = random_maps(height=3, width=4)
    up = grids.read(maps, (10, 13))
    assert up.min() >= maps.min()
    assert up.max() <= maps.max()


def test_maps_at_full_size_pass_unchanged_and_no_map_gives_no_map():
    maps = random_maps()
    np.testing.assert_array_equal(grids.read(maps, (9, 14)), maps)
    assert grids.read(np.zeros((0, 3, 4)), (10, 13)).shape == (0, 10, 13)


@pytest.mark.parametrize("size", [(10, 20), (7, 13), (2, 2)])
def test_a_grid_of_another_image_is_refused(size):
    with pytest.raises(ValueError, match=rf"a 3x4 grid does not cover a {size[0]}x{size[1]} image in square cells"):
        grids.read(np.zeros((1, 3, 4)), size)


def test_resizing_averages_where_it_shrinks():
    np.testing.assert_allclose(grids.resize(np.tile([0.0, 0, 0, 1], (8, 2)), (2, 2)), 0.25, atol=0.08)
    np.testing.assert_allclose(grids.resize(np.full((3, 5), 0.3), (7, 4)), np.full((7, 4), 0.3), rtol=1e-6)


def test_storing_takes_the_mean_of_each_cell_and_repeats_the_edge_beyond_the_image():
    maps = random_maps(height=9, width=14)
    rows, columns = np.minimum(np.arange(12), 8), np.minimum(np.arange(16), 13)
    whole = maps[:, rows[:, None], columns]
    expected = [[[plane[y:y + 4, x:x + 4].mean() for x in range(0, 16, 4)] for y in range(0, 12, 4)] for plane in whole]
    np.testing.assert_allclose(grids.store(maps, stride=4), expected, rtol=1e-5)
