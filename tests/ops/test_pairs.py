"""Pairs of neighbouring cells: the specification's counts, and parity with PSA's and IRN's index table."""

import numpy as np
import pytest
import torch

from wsss_core.ops import pairs


def num_pairs(height: int, width: int, radius: int) -> int:
    cells = np.zeros((height, width))
    return sum(pairs.shifted(cells, offset)[0].size for offset in pairs.offsets(radius))


def index_table(height: int, width: int, radius: int) -> set[tuple[int, int]]:
    """PSA's and IRN's pairs of flat cell numbers: sources leave out r-1 columns left and right, r-1 rows below."""
    return {
        (y * width + x, (y + dy) * width + x + dx)
        for dy, dx in pairs.offsets(radius)
        for y in range(height - radius + 1)
        for x in range(radius - 1, width - radius + 1)
    }


def complete_graph(height: int, width: int, radius: int) -> set[tuple[int, int]]:
    cells = np.arange(height * width).reshape(height, width)
    views = (pairs.shifted(cells, offset) for offset in pairs.offsets(radius))
    return {(a, b) for source, other in views for a, b in zip(source.flat, other.flat, strict=True)}


@pytest.mark.parametrize(("radius", "count"), [(2, 4), (5, 34), (10, 152)])
def test_offsets_are_the_half_disc(radius, count):
    found = pairs.offsets(radius)
    assert len(found) == len(set(found)) == count
    assert all(dy * dy + dx * dx < radius * radius for dy, dx in found)
    assert (0, 0) not in found
    assert not {(-dy, -dx) for dy, dx in found} & set(found)


def test_offsets_come_in_the_order_of_the_released_code():
    found = pairs.offsets(5)
    assert found[:4] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert [sum(dy == row for dy, _ in found) for row in range(5)] == [4, 9, 9, 7, 5]
    assert found[4:] == sorted(found[4:])


def test_offsets_and_their_negations_are_all_neighbours_within_the_radius():
    disc = {(dy, dx) for dy in range(-9, 10) for dx in range(-9, 10) if 0 < dy * dy + dx * dx < 25}
    assert {s * np.array(o) @ [1, 100] for o in pairs.offsets(5) for s in (1, -1)} == {y + 100 * x for y, x in disc}


def test_index_tables_have_the_published_numbers_of_pairs():
    assert len(index_table(56, 56, 5)) == 84_864
    assert len(index_table(47, 63, 5)) == 80_410
    assert len(pairs.offsets(10)) * (128 - 10 + 1) * (128 - 2 * 10 + 2) == 1_989_680


def test_the_complete_graph_has_the_published_number_of_pairs():
    assert num_pairs(47, 63, 5) == len(complete_graph(47, 63, 5)) == 93_314


def test_the_complete_graph_holds_the_index_table_and_links_the_ten_cells_that_it_isolates():
    table, complete = index_table(47, 63, 5), complete_graph(47, 63, 5)
    assert table < complete
    isolated = set(range(47 * 63)) - {cell for pair in table for cell in pair}
    assert sorted(divmod(cell, 63) for cell in isolated) == [
        (0, 0), (0, 1), (0, 2), (0, 3), (45, 0), (45, 62), (46, 0), (46, 1), (46, 61), (46, 62),
    ]  # fmt: skip
    degree = np.bincount(np.array(sorted(complete)).ravel(), minlength=47 * 63)
    assert (degree.min(), degree.max()) == (21, 68)


@pytest.mark.parametrize("offset", [(0, 2), (1, 1), (2, -1), (3, 0)])
def test_shifted_views_pair_each_cell_with_its_neighbour(offset):
    ys, xs = np.mgrid[:5, :6]
    for grid, step in ((ys, offset[0]), (xs, offset[1])):
        source, neighbour = pairs.shifted(grid, offset)
        np.testing.assert_array_equal(neighbour - source, step)
        assert source.shape == (5 - offset[0], 6 - abs(offset[1]))
        assert np.shares_memory(source, grid)
        assert np.shares_memory(neighbour, grid)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 4)])
def test_a_grid_smaller_than_the_radius_keeps_the_pairs_that_it_has(size):
    cells = [(y, x) for y in range(size[0]) for x in range(size[1])]
    near = sum(0 < (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 < 25 for a in cells for b in cells)
    assert num_pairs(*size, 5) == near // 2


def dense(features: torch.Tensor, radius: int = 5) -> torch.Tensor:
    """(N, N) affinities with a unit diagonal, from the views."""
    height, width = features.shape[-2:]
    cells = torch.arange(height * width).view(height, width)
    matrix = torch.eye(height * width)
    for offset, affinity in pairs.affinities(features, radius=radius):
        a, b = (view.flatten() for view in pairs.shifted(cells, offset))
        matrix[a, b] = matrix[b, a] = affinity.flatten()
    return matrix


def test_affinity_is_exp_of_the_mean_absolute_difference():
    features = torch.tensor([[[0.0, 1.0]], [[0.0, 3.0]]])  # two channels, two cells: mean |difference| = 2
    ((offset, affinity),) = [item for item in pairs.affinities(features, radius=2) if item[1].numel()]
    assert offset == (0, 1)
    torch.testing.assert_close(affinity, torch.tensor([[np.exp(-2)]], dtype=torch.float32))


def test_affinities_match_a_loop_over_all_pairs():
    features = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0))
    expected = torch.eye(42)
    for i in range(42):
        for j in range(42):
            (y, x), (v, u) = divmod(i, 7), divmod(j, 7)
            if 0 < (y - v) ** 2 + (x - u) ** 2 < 25:
                expected[i, j] = torch.exp(-(features[:, y, x] - features[:, v, u]).abs().mean())
    torch.testing.assert_close(dense(features), expected)
    assert dense(features).max() <= 1


def test_affinities_follow_a_flip_and_a_transposition_of_the_image():
    features = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0))
    cells = torch.arange(42).view(6, 7)
    for transform in (lambda t: t.flip(-1), lambda t: t.flip(-2), lambda t: t.transpose(-1, -2)):
        order = transform(cells).flatten()
        torch.testing.assert_close(dense(transform(features)), dense(features)[order][:, order])


def test_the_hand_written_gradient_is_that_of_the_distances():
    features = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: pairs._MeanDistances.apply(f, 3), (features,), fast_mode=True)


def test_a_distance_pulls_its_two_cells_together():
    features = torch.tensor([[[0.0, 1.0]], [[5.0, 3.0]]]).requires_grad_()
    ((_, affinity),) = [item for item in pairs.affinities(features, radius=2) if item[1].numel()]
    (-affinity.log().sum()).backward()  # the distance: |0 - 1| / 2 + |5 - 3| / 2
    torch.testing.assert_close(features.grad, torch.tensor([[[-0.5, 0.5]], [[0.5, -0.5]]]))


def test_affinities_of_half_precision_features_are_float32():
    features = torch.randn(2, 3, 6, 7, generator=torch.Generator().manual_seed(0)).bfloat16()
    for offset, affinity in pairs.affinities(features, radius=5):
        assert affinity.dtype == torch.float32
        a, b = (view.float() for view in pairs.shifted(features, offset))
        torch.testing.assert_close(affinity, torch.exp(-(a - b).abs().mean(1)))
