"""The permutohedral filter: golden numbers, invariants, and the dense Gaussian kernel as the slow obvious version."""

import pytest
import torch

from wsss_core.ops import lattice


def points(count: int, dims: int, *, spread: float = 3.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(dims, count, dtype=torch.float64, generator=generator)


def picture(height: int, width: int, *, noise: float, xy: float, rgb: float, seed: int = 0) -> torch.Tensor:
    """(5, H*W) features of a smooth generated picture with noise, as the bilateral kernel takes them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 50 + 150 * torch.rand(1, 3, 4, 4, dtype=torch.float64, generator=generator)
    colours = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")[0]
    colours += noise * torch.randn(colours.shape, dtype=torch.float64, generator=generator)
    return torch.cat([positions(height, width) / xy, colours.reshape(3, -1) / rgb])


def positions(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows]).reshape(2, -1).double()


def exact(features: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return torch.exp(-torch.cdist(features.T, features.T).square() / 2) @ values


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def num_vertices(built: lattice.Lattice) -> int:
    (blurs,) = built.blurs
    return blurs.neighbours.shape[1] - 1


def normalised(built: lattice.Lattice, values: torch.Tensor) -> torch.Tensor:
    return built.filter(values) / built.filter(torch.ones_like(values))


# --- golden numbers, from a filter that agrees with the C++ one of the field to 1.5e-6


def test_golden_numbers_in_one_dimension():
    built = lattice.build(torch.tensor([[0, 0.5, 1.7]], dtype=torch.float64))
    out = built.filter(torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64))
    assert num_vertices(built) == 3
    assert out[:, 0].tolist() == pytest.approx([2.8630635374, 3.7630635374, 3.5907869169], rel=1e-9)


def test_golden_numbers_in_two_dimensions_and_of_the_adjoint():
    built = lattice.build(torch.tensor([[0, 0.5, 1.7], [0, -0.4, 0.3]], dtype=torch.float64))
    values = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    assert num_vertices(built) == 7
    assert built.filter(values)[:, 0].tolist() == pytest.approx([2.8467571837, 3.1409167922, 2.7397973295], rel=1e-9)
    assert built.adjoint(values)[:, 0].tolist() == pytest.approx([2.8022272375, 2.9043445968, 2.9123554417], rel=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-6)])
def test_golden_numbers_of_a_picture(dtype, tolerance):
    x, y = positions(6, 6)
    colours = [(37 * c + 11 * y + 17 * x) % 256 / 15 for c in range(3)]
    soft = torch.stack([(x + 2 * y) % 5 + 1, (3 * x + y) % 4 + 1], dim=1)
    soft = (soft / soft.sum(dim=1, keepdim=True)).to(dtype)
    built = lattice.build(torch.stack([x / 50, y / 50, *colours]).to(dtype))
    out = built.filter(soft)
    assert num_vertices(built) == 94
    assert out[:3, 0].tolist() == pytest.approx([0.4431343708, 0.9043408886, 1.5365038320], rel=tolerance)
    assert float((out * soft).sum()) == pytest.approx(56.20709397, rel=tolerance)


# --- the geometry


@pytest.mark.parametrize("dims", [1, 2, 3, 5])
def test_every_point_lies_in_the_simplex_that_its_vertices_span(dims):
    """Barycentric weights are a partition of one, and the vertices that they weigh average to the point."""
    features = points(300, dims)
    packing, keys, weights = lattice._enclosing_simplices(features, [300])
    assert weights.min() >= -1e-12
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(300, dtype=torch.float64))
    # Averaging the keys as the strides read positions gives the key that the point itself would have.
    strides = torch.tensor(packing.strides, dtype=torch.float64)[:, None]
    at_point = (lattice._embed(features) * strides).sum(dim=0)
    offset = (weights * keys).sum(dim=0) - at_point
    torch.testing.assert_close(offset, offset[:1].expand(300), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_keys_are_those_of_the_simplex_written_out_in_coordinates(dims):
    features = points(400, dims, spread=5)
    packing, keys, _ = lattice._enclosing_simplices(features, [400])
    position, size = lattice._embed(features), dims + 1
    # Round to remainder 0, walk to the sum 0, add the canonical simplex.
    nearest = torch.round(position / size)
    rank = lattice._descending_ranks(position - size * nearest) + nearest.sum(dim=0).long()
    nearest += (rank < 0).double() - (rank > dims).double()
    rank += size * (rank < 0).long() - size * (rank > dims).long()
    vertices = torch.stack([size * nearest + m - size * (rank > dims - m) for m in range(size)])   # (D, D, P)
    assert (vertices.sum(dim=1) == 0).all()
    expected = (vertices * torch.tensor(packing.strides)[:, None]).sum(dim=1)
    difference = keys.sort(dim=0).values - expected.sort(dim=0).values
    assert (difference == difference[0, 0]).all()
    assert len(torch.unique(keys)) == len(torch.unique(vertices.transpose(0, 1).reshape(size, -1), dim=1).T)


def test_ranks_are_those_of_a_stable_descending_sort():
    values = torch.randint(0, 3, (6, 200)).double()
    expected = values.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    assert (lattice._descending_ranks(values) == expected).all()


def test_a_vertex_and_its_neighbour_know_each_other():
    (blurs,) = lattice.build(points(200, 5)).blurs
    for pairs in blurs.neighbours:
        identity = torch.eye(len(pairs), dtype=torch.float64)
        identity[-1, -1] = 0  # of the row behind the vertices, which stands for missing neighbours
        dense = lattice.Blurs(pairs[None])(identity)
        assert (dense == dense.T).all()
        assert not dense[-1].any()
        assert 1 < dense.sum(dim=1).max() <= 2


# --- the operator


def test_the_filter_is_linear_and_positive():
    built = lattice.build(points(200, 5, spread=1))
    a, b = torch.rand(2, 200, 3, dtype=torch.float64)
    torch.testing.assert_close(built.filter(2 * a - 3 * b), 2 * built.filter(a) - 3 * built.filter(b))
    assert built.filter(a).min() >= 0
    assert built.filter(torch.ones_like(a)).min() > 0


def test_the_adjoint_is_the_transpose():
    built = lattice.build(points(200, 5, spread=1))
    a, b = torch.randn(2, 200, 2, dtype=torch.float64)
    torch.testing.assert_close((built.filter(a) * b).sum(), (a * built.adjoint(b)).sum())


def test_gradients_are_those_of_the_operator():
    built = lattice.build(points(12, 2, spread=1))
    values = torch.rand(12, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(built.filter, values)
    assert torch.autograd.gradcheck(built.adjoint, values)


def test_images_of_a_batch_are_filtered_as_if_alone():
    features = [points(count, 5, spread=1, seed=count) for count in (150, 1, 90)]
    values = [torch.rand(f.shape[1], 4, dtype=torch.float64) for f in features]
    together = lattice.build(torch.cat(features, dim=1), [150, 1, 90]).filter(torch.cat(values))
    alone = torch.cat([lattice.build(f).filter(v) for f, v in zip(features, values, strict=True)])
    assert torch.equal(together, alone)


def test_the_sum_of_two_filters_is_one_filter():
    features = points(150, 5, spread=1)
    first, second = lattice.build(features), lattice.build(features[:2])
    factors, values = torch.rand(150, dtype=torch.float64), torch.rand(150, 3, dtype=torch.float64)
    both = lattice.total([first.scaled(factors), second])
    scaled = factors[:, None] * first.filter(factors[:, None] * values)
    torch.testing.assert_close(both.filter(values), scaled + second.filter(values))
    back = factors[:, None] * first.adjoint(factors[:, None] * values)
    torch.testing.assert_close(both.adjoint(values), back + second.adjoint(values))


def test_points_of_equal_features_share_one_sum():
    values = torch.rand(50, 2, dtype=torch.float64)
    out = lattice.build(torch.full((3, 50), 1.25, dtype=torch.float64)).filter(values)
    assert torch.allclose(out, out[:1].expand_as(out), rtol=1e-14)
    ratio = out[0] / values.sum(dim=0)
    assert ratio[0] == pytest.approx(float(ratio[1]), rel=1e-12)


def test_moving_all_features_matters_little_and_by_a_lattice_vector_not_at_all():
    features = picture(48, 48, noise=8, xy=30, rgb=15)
    features[:2] += 0.01  # a point at x = 0 lies on a face between simplices, either of which may take it
    values = torch.rand(48 * 48, 2, dtype=torch.float64)
    before = lattice.build(features)
    anywhere = lattice.build(features + torch.tensor([0.3, -0.2, 0.1, 0.4, 0.25], dtype=torch.float64)[:, None])
    assert relative(normalised(anywhere, values), normalised(before, values)) < 0.1
    size = 6
    vector = torch.tensor([size, -size, 0, 0, 0, 0], dtype=torch.float64)[:, None]
    identity = lattice._embed(torch.eye(5, dtype=torch.float64))
    moved = lattice.build(features + torch.linalg.lstsq(identity, vector).solution)
    assert relative(moved.filter(values), before.filter(values)) < 1e-9


@pytest.mark.parametrize(
    ("features", "low", "high"),
    [
        (picture(48, 48, noise=2, xy=50, rgb=15), 0.35, 0.6),
        (positions(60, 60) / 3, 0.8, 0.95),
    ],
    ids=["bilateral", "spatial"],
)
def test_it_is_the_gaussian_kernel_up_to_a_factor(features, low, high):
    values = torch.rand(features.shape[1], 1, dtype=torch.float64)
    built, ones = lattice.build(features), torch.ones_like(values)
    mass = built.filter(ones).sum() / exact(features, ones).sum()
    assert low < mass < high
    ours, truth = normalised(built, values), exact(features, values) / exact(features, ones)
    assert relative(ours, truth) < 0.13
    raw = torch.stack([built.filter(values)[:, 0], exact(features, values)[:, 0]])
    assert torch.corrcoef(raw)[0, 1] > 0.98


# --- input


def test_lengths_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"\[2, 3\] points are not 6 points"):
        lattice.build(points(6, 2), [2, 3])


def test_features_beyond_the_integers_are_refused():
    with pytest.raises(ValueError, match="standard deviation is far too small"):
        lattice.build(points(50, 5, spread=1e12))


def test_a_single_point_has_the_kernels_centre():
    built = lattice.build(torch.zeros(5, 1))
    out = built.filter(torch.tensor([[2.0]]))
    assert 0 < float(out) <= 2


def test_large_key_ranges_use_wide_integers():
    features = points(60, 5, spread=300)
    keys = lattice._enclosing_simplices(features, [60])[1]
    assert keys.dtype == torch.int64
    assert relative(lattice.build(features).filter(torch.ones(60, 1, dtype=torch.float64)),
                    torch.full((60, 1), 1.0, dtype=torch.float64)) < 0.9


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused(value):
    features = points(6, 2)
    features[1, 3] = value
    with pytest.raises(ValueError, match="not finite"):
        lattice.build(features)


def test_no_point_at_all_is_refused():
    with pytest.raises(ValueError, match="no point at all"):
        lattice.build(torch.zeros(5, 0))


def test_values_of_other_points_are_refused():
    with pytest.raises(ValueError, match="values are of 7 points, the lattice is of 6"):
        lattice.build(points(6, 2)).filter(torch.zeros(7, 1, dtype=torch.float64))
