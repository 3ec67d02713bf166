"""Gaussian filtering of points with features, in linear time: the permutohedral lattice by sorting and weighted sums.

A_ij = exp(-|f_i - f_j|^2 / 2) is applied as A = a W B_d ... B_1 B_0 W': W' splats the points' values onto the vertices
of the lattice simplex that encloses each point, B_j blurs along direction j, W slices the values back. Vertices are
integers found by one sort, so there is no hash table, no collision and nothing to compile; the same code runs on CPU
and GPU. Adams, Baek & Davis, Eurographics 2010.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from wsss_core.ops.weighted_sums import WeightedSums

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Blurs:
    """B_0 ... B_d over M vertices: each vertex plus half of its two neighbours along a direction.

    Attributes:
        neighbours: (d+1, M+1, 2) int32. M stands for a neighbour that is no vertex: a row of zeros behind the others.
    """

    neighbours: torch.Tensor

    def __call__(self, values: torch.Tensor, *, reverse: bool = False) -> torch.Tensor:
        """Of (M+1, C) values, the last row 0."""
        for pairs in reversed(self.neighbours.unbind()) if reverse else self.neighbours.unbind():
            values = values.add(F.embedding_bag(pairs, values, mode="sum"), alpha=0.5)
        return values


@dataclass(frozen=True)
class Lattice:
    """The filter of P points over the vertices of one lattice, or of several (`total`); made by `build`.

    Attributes:
        splatting: W', from points to vertices; each lattice's are followed by a row of zeros.
        blurs: of each lattice.
        slicing: a W, from vertices to points; d+1 weights a point and lattice.
    """

    splatting: WeightedSums
    blurs: tuple[Blurs, ...]
    slicing: WeightedSums

    def filter(self, values: torch.Tensor) -> torch.Tensor:
        """A v for each channel of (P, C) values of the features' dtype; differentiable in the values.

        The gradient is that of the operator as computed: A' v, the blurs in reverse order. A is symmetric up to that
        order only.
        """
        return _Filter.apply(values, self, False)

    def adjoint(self, values: torch.Tensor) -> torch.Tensor:
        """A' v, (P, C); differentiable."""
        return _Filter.apply(values, self, True)

    def scaled(self, factors: torch.Tensor) -> Lattice:
        """diag(n) A diag(n) for (P,) factors n >= 0."""
        splat = replace(self.splatting, weights=self.splatting.weights * factors.index_select(0, self.splatting.rows))
        terms = len(self.slicing.rows) // len(factors)
        slicing = replace(self.slicing, weights=self.slicing.weights * factors.repeat_interleave(terms))
        return replace(self, splatting=splat, slicing=slicing)

    def _product(self, values: torch.Tensor, *, reverse: bool) -> torch.Tensor:
        if len(values) != len(self.slicing.starts):
            raise ValueError(f"values are of {len(values)} points, the lattice is of {len(self.slicing.starts)}")
        at_vertices = (self.splatting @ values).split([blur.neighbours.shape[1] for blur in self.blurs])
        blurred = [blur(part, reverse=reverse) for blur, part in zip(self.blurs, at_vertices, strict=True)]
        return self.slicing @ (blurred[0] if len(blurred) == 1 else torch.cat(blurred))


class _Filter(torch.autograd.Function):
    """Keeps nothing for the backward pass: the operator is linear."""

    @staticmethod
    def forward(ctx, values: torch.Tensor, lattice: Lattice, reverse: bool) -> torch.Tensor:
        ctx.lattice, ctx.reverse = lattice, reverse
        return lattice._product(values.contiguous(), reverse=reverse)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.lattice._product(gradient.contiguous(), reverse=not ctx.reverse), None, None


def total(parts: Sequence[Lattice]) -> Lattice:
    """The sum of filters of the same points as one filter, which reads and writes the values once."""
    before = [0, *accumulate(len(part.splatting.starts) for part in parts)][:-1]
    num_points = len(parts[0].slicing.starts)
    rows = [part.slicing.rows.view(num_points, -1) + first for part, first in zip(parts, before, strict=True)]
    weights = [part.slicing.weights.view(num_points, -1) for part in parts]
    return Lattice(
        splatting=WeightedSums.chained([part.splatting for part in parts]),
        blurs=tuple(blur for part in parts for blur in part.blurs),
        slicing=WeightedSums.even(torch.cat(rows, dim=1), torch.cat(weights, dim=1)),
    )


def build(features: torch.Tensor, lengths: Sequence[int] | None = None) -> Lattice:
    """The filter of points by their features.

    Args:
        features: (d, P) float32 or float64, each divided by its standard deviation; no gradient reaches them.
        lengths: points of each image, in order; points of different images do not see each other. None = one image.

    Raises:
        ValueError: there is no point, a feature is not finite, the lengths do not add up to P, or the features span
            more than 2^62 lattice cells (a standard deviation is far too small).
    """
    lengths = [features.shape[1]] if lengths is None else list(lengths)
    if sum(lengths) != features.shape[1] or not lengths or not features.numel():
        raise ValueError(f"images of {lengths} points are not {features.shape[1]} points, or there is no point at all")
    with torch.no_grad():
        packing, keys, weights = _enclosing_simplices(features, lengths)
        return _assemble(packing, keys, weights)


def positions(sizes: Sequence[Size], device: torch.device) -> torch.Tensor:
    """(2, P) float32: x and y of each pixel of the images, row by row; the features of place."""
    grids = [
        torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        for height, width in sizes
    ]
    return torch.cat([torch.stack([x, y]).reshape(2, -1) for y, x in grids], dim=1).float()


@dataclass(frozen=True)
class _Packing:
    """How d integer coordinates and an image's number become one integer: key = sum_j coordinate_j stride_j.

    Attributes:
        strides: of the d+1 coordinates; the last, which the others determine, has stride 0.
        dtype: int32 where it holds all keys, else int64.
    """

    strides: tuple[int, ...]
    dtype: torch.dtype

    @property
    def step(self) -> int:
        """What a step along (1, ..., 1) adds to a key."""
        return sum(self.strides)

    def along(self, direction: int) -> int:
        """What a step to the neighbour in a direction, (-1, ..., d, ..., -1), adds to a key."""
        return len(self.strides) * self.strides[direction] - self.step


def _embed(features: torch.Tensor) -> torch.Tensor:
    """(d+1, P) positions in the plane of coordinates that sum to 0, where splat, blur and slice have unit variance.

    Row by row and not as a product of matrices, whose rounding depends on P: an image of a batch gets the bits that it
    gets alone.
    """
    d = len(features)
    position = torch.empty(d + 1, features.shape[1], dtype=features.dtype, device=features.device)
    position[0] = 0
    for j in range(d, 0, -1):
        scaled = features[j - 1] * (math.sqrt(2 / 3) * (d + 1) / math.sqrt(j * (j + 1)))
        torch.sub(position[0], scaled, alpha=j, out=position[j])
        position[0] += scaled
    return position


def _enclosing_simplices(
    features: torch.Tensor, lengths: Sequence[int]
) -> tuple[_Packing, torch.Tensor, torch.Tensor]:
    """Keys (d+1, P) of the vertices around each point, and the point's barycentric weights (d+1, P).

    The vertices 0..d of a simplex differ by one coordinate each: vertex m is vertex m-1 plus (1, ..., 1) minus d+1 at
    the coordinate whose remainder is the m-th smallest. The keys follow without any coordinate being written down.
    """
    position = _embed(features)
    size = len(position)                                                                   # d+1
    multiple = torch.round(position / size)                  # position = size * multiple + remainder
    remainder = position.sub_(multiple, alpha=size)
    excess = multiple.sum(0)                                 # what the nearest multiples miss the plane by
    packing, base = _pack(multiple[:-1], excess, lengths)
    ordered, strides = _in_descending_order(remainder.div_(size), packing)
    keys = torch.empty_like(strides)
    weights = torch.empty_like(ordered)
    keys[0], weights[0] = base, 1 + ordered[-1] - ordered[0]
    for m in range(1, size):
        torch.sub(keys[m - 1] + packing.step, strides[size - m], alpha=size, out=keys[m])
        torch.sub(ordered[size - 1 - m], ordered[size - m], out=weights[m])
    return packing, keys, weights


def _in_descending_order(remainder: torch.Tensor, packing: _Packing) -> tuple[torch.Tensor, torch.Tensor]:
    """Each point's remainders from the largest down, and the strides of their coordinates, both (d+1, P)."""
    rank = _descending_ranks(remainder)
    strides = torch.empty_like(rank, dtype=packing.dtype)
    for row, stride in zip(strides, packing.strides, strict=True):
        row.fill_(stride)
    ordered = torch.empty_like(remainder).scatter_(0, rank, remainder)
    return ordered, torch.empty_like(rank, dtype=packing.dtype).scatter_(0, rank, strides)


def _descending_ranks(values: torch.Tensor) -> torch.Tensor:
    """(n, P) int64: how many of a point's n values are larger; of equals the first is the larger.

    n(n-1)/2 comparisons of whole rows: ten times faster than sorting P columns of six.
    """
    rank = torch.zeros(values.shape, dtype=torch.int8, device=values.device)
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            larger = values[j] > values[i]
            rank[i] += larger
            rank[j] += larger.logical_not_()
    return rank.long()


def _pack(multiple: torch.Tensor, excess: torch.Tensor, lengths: Sequence[int]) -> tuple[_Packing, torch.Tensor]:
    """The packing that fits all points, and the key of each point's vertex 0.

    Three cells of margin below and above keep every neighbour's key inside its own digit. (1, ..., 1) must step by a
    number prime to d+1: then a key tells which of the simplex's vertices it is, and no two of them meet.
    """
    size = len(multiple) + 1
    lowest = multiple.amin(dim=1, keepdim=True) - 3
    extents = (multiple.amax(dim=1) - lowest[:, 0] + 4).tolist()
    if not all(map(math.isfinite, extents)):
        raise ValueError("the features hold values that are not finite")
    spans = [int(extent) for extent in extents]
    while math.gcd(sum(_strides(spans)[:-1]), size) != 1:
        spans[0] += 1
    *strides, per_image = _strides(spans)
    # Vertices lie up to d+1 steps beyond a multiple, whence the 2.
    largest = 2 * size * per_image * len(lengths)
    if largest >= 2**62:
        raise ValueError(f"the features span {per_image:.1e} lattice cells; a standard deviation is far too small")
    packing = _Packing((*strides, 0), torch.int32 if largest < 2**31 else torch.int64)
    base = torch.zeros(multiple.shape[1], dtype=packing.dtype, device=multiple.device)
    for row, stride in zip(multiple - lowest, strides, strict=True):
        base.add_(row.to(packing.dtype), alpha=stride)
    for image, own in enumerate(base.split(list(lengths))[1:], start=1):
        own.add_(image * per_image)
    return packing, base.mul_(size).sub_(excess.to(packing.dtype), alpha=packing.step)


def _strides(spans: Sequence[int]) -> list[int]:
    """1, then the products of the spans: a mixed radix and what lies beyond its last digit."""
    strides = [1]
    for span in spans:
        strides.append(strides[-1] * span)
    return strides


def _assemble(packing: _Packing, keys: torch.Tensor, weights: torch.Tensor) -> Lattice:
    """The sums, from one sort of all keys: equal keys are one vertex."""
    size, num_points = keys.shape
    ordered, order = torch.sort(keys.flatten(), stable=True)  # so that sums have one order, in any batch
    first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    starts = first.nonzero()[:, 0]
    vertices = ordered.index_select(0, starts)
    # index_select and scatter_: on the CPU they take an eighth of the time of indexing with brackets.
    numbers = torch.empty_like(order, dtype=torch.int32)
    numbers.scatter_(0, order, first.cumsum(0, dtype=torch.int32) - 1)
    splat_weights = weights.flatten().index_select(0, order)
    starts = torch.cat([starts, starts.new_full((1,), keys.numel())]).int()  # the last sum is empty: the row of zeros
    return Lattice(
        splatting=WeightedSums(order.int().remainder_(num_points), splat_weights, starts),
        blurs=(_blurs(vertices, [packing.along(direction) for direction in range(size)]),),
        # The blurs add 2^-d to what they pass on; this takes it back.
        slicing=WeightedSums.even(
            torch.stack(numbers.view(size, -1).unbind(), dim=1),
            torch.stack(weights.unbind(), dim=1).div_(1 + 2.0 ** (1 - size)),
        ),
    )


def _blurs(vertices: torch.Tensor, steps: Sequence[int]) -> Blurs:
    """From the sorted keys of the vertices and what a step along each direction adds to a key."""
    count = len(vertices)
    neighbours = torch.full((len(steps), count + 1, 2), count, dtype=torch.int32, device=vertices.device)
    numbers = torch.arange(count, dtype=torch.int32, device=vertices.device)
    for pairs, step in zip(neighbours, steps, strict=True):
        wanted = vertices + step
        place = torch.searchsorted(vertices, wanted, out_int32=True).clamp_(max=count - 1)
        target = place.where(vertices.index_select(0, place) == wanted, count)
        pairs[:count, 0] = target
        pairs[:, 1].scatter_(0, target.long(), numbers)  # neighbours are mutual
        pairs[count, 1] = count  # where those without one have written
    return Blurs(neighbours)
