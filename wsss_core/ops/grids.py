"""Where a map lies: grids of cells, and the one pair of functions that stores a map on them and reads it back.

A grid of stride s over an image of H x W pixels has ceil(H / s) x ceil(W / s) cells. Cell (i, j) stands for the
s x s pixels from (i s, j s); where they lie beyond the image, its edge repeats. Its centre is at pixel
(i + 1/2) s - 1/2, for every size of the image: nothing squeezes a map onto a grid that it does not divide.
Stored grids have strides that are powers of two, so that a grid and its image's size tell the stride; networks have
any, and say theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
from PIL import Image

Size = Sequence[int]
"""(height, width): a tuple, or a torch.Size."""


def grid_size(size: Size, *, stride: int) -> tuple[int, int]:
    """The (h, w) grid whose cells of stride x stride pixels cover an image of `size` = (H, W)."""
    return -(-size[0] // stride), -(-size[1] // stride)


def stride_of(grid: Size, size: Size) -> int:
    """The stride of a stored grid over an image of `size`; of one cell along both axes, the smallest that fits.

    Raises:
        ValueError: no power of two gives this grid.
    """
    for stride in (2**k for k in count()):
        cells = grid_size(size, stride=stride)
        if cells == tuple(grid):
            return stride
        if cells[0] < grid[0] or cells[1] < grid[1] or cells == (1, 1):
            break
    (rows, columns), (height, width) = grid, size
    raise ValueError(
        f"a {rows}x{columns} grid does not cover a {height}x{width} image in square cells whose side is a power of two"
    )


def store(maps: np.ndarray, *, stride: int) -> np.ndarray:
    """The mean of each cell: (K, H, W) -> (K, ceil(H / stride), ceil(W / stride)) float32.

    >>> store(np.array([[[0.0, 2.0, 8.0], [0.0, 2.0, 8.0]]]), stride=2)  # the last cell repeats the edge
    array([[[1., 8.]]], dtype=float32)
    """
    num_maps, height, width = maps.shape
    rows, columns = grid_size((height, width), stride=stride)
    beyond = ((0, 0), (0, rows * stride - height), (0, columns * stride - width))
    whole = np.pad(maps.astype(np.float32), beyond, mode="edge")
    return whole.reshape(num_maps, rows, stride, columns, stride).mean(axis=(2, 4))


def read(maps: np.ndarray, size: Size, *, stride: int | None = None) -> np.ndarray:
    """Maps on a grid at every pixel: (K, h, w) -> (K, H, W) float32, bilinear between the cells' centres.

    Pixels outside the outermost centres have the outermost cell's value. `stride` is that of the grid, None of a stored
    one, which tells it.

    Raises:
        ValueError: their grid is none of an image of `size`.

    >>> read(np.array([[[1.0, 5.0]]]), (2, 4))  # two cells of 2 x 2 pixels, their centres at columns 0.5 and 2.5
    array([[[1., 2., 4., 5.],
            [1., 2., 4., 5.]]], dtype=float32)
    """
    (height, width), (rows, columns) = size, maps.shape[1:]
    stride = stride or stride_of((rows, columns), size)
    if stride == 1:
        return maps.astype(np.float32)
    full = [resize(plane, (rows * stride, columns * stride))[:height, :width] for plane in maps]
    return np.stack(full) if full else np.zeros((0, height, width), dtype=np.float32)


def resize(plane: np.ndarray, size: Size) -> np.ndarray:
    """A whole picture (h, w) as one of `size`, float32: bilinear up, area-weighted (antialiased) down.

    It stretches: right from a picture to the same one at another size, wrong from pixels to cells (`store`).
    """
    picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.float32)


def stretch(maps: np.ndarray, size: Size) -> np.ndarray:
    """(K, H, W) maps of a picture for the same picture at another `size`."""
    return maps if maps.shape[1:] == tuple(size) else np.stack([resize(plane, size) for plane in maps])
