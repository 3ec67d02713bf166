"""The random walk: parity with the dense matrix power, and the invariants of the specification."""

import numpy as np
import pytest
import torch

from wsss_core.ops import pairs, random_walk
from wsss_core.ops.random_walk import Transition, chebyshev_coefficients, transition_matrix

HEIGHT, WIDTH = 7, 9


def random_features(height=HEIGHT, width=WIDTH, seed=0, spread=0.6) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=spread, size=(4, height, width)).astype(np.float32)


def propagate(scores: np.ndarray, transition: Transition, *, log2_steps: int) -> np.ndarray:
    return random_walk.propagate(torch.from_numpy(scores), transition, log2_steps=log2_steps).numpy()


def dense(transition: Transition) -> np.ndarray:
    """(N, N)"""
    return (transition.sums @ torch.eye(transition.height * transition.width)).numpy()


def transition(features: np.ndarray, *, beta: float = 8.0, radius: int = 5):
    height, width = features.shape[1:]
    links = pairs.affinities(torch.from_numpy(features), radius=radius)
    return transition_matrix(links, height=height, width=width, beta=beta)


def uniform(height: int, width: int, value: float = 1.0, radius: int = 5):
    """The transition matrix of a grid whose pairs all have one affinity."""
    cells = torch.full((height, width), value)
    links = [(offset, pairs.shifted(cells, offset)[0]) for offset in pairs.offsets(radius)]
    return transition_matrix(links, height=height, width=width, beta=8.0)


def dense_transition(features: np.ndarray, *, beta: float, radius: int) -> np.ndarray:
    """T = D^-1 W^beta by the definition, in float64, over all pairs of cells."""
    _, height, width = features.shape
    ys, xs = (c.ravel() for c in np.mgrid[:height, :width])
    flat = features.reshape(len(features), -1).astype(float)
    distance = np.abs(flat[:, :, None] - flat[:, None, :]).mean(axis=0)
    near = (ys[:, None] - ys) ** 2 + (xs[:, None] - xs) ** 2 < radius**2
    weights = np.where(near, np.exp(-distance) ** beta, 0)
    return weights / weights.sum(axis=1, keepdims=True)


def random_scores(num_channels=3, height=HEIGHT, width=WIDTH, seed=1) -> np.ndarray:
    return np.random.default_rng(seed).random((num_channels, height, width)).astype(np.float32)


def test_two_cells_by_hand():
    # A = [[1, .5^2], [.5^2, 1]]: the exponent spares the self-loops
    matrix = transition_matrix([((0, 1), torch.tensor([[0.5]]))], height=1, width=2, beta=2.0)
    np.testing.assert_allclose(dense(matrix), [[0.8, 0.2], [0.2, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("radius", [2, 5, 10])
@pytest.mark.parametrize("beta", [1.0, 8.0])
def test_transition_matrix_is_the_definition(radius, beta):
    features = random_features()
    expected = dense_transition(features, beta=beta, radius=radius)
    np.testing.assert_allclose(dense(transition(features, beta=beta, radius=radius)), expected, rtol=2e-4, atol=1e-8)


def test_rows_are_probabilities():
    matrix = transition(random_features(47, 63), beta=8.0)
    assert matrix.sums.weights.dtype == torch.float32
    assert matrix.sums.weights.min() >= 0
    np.testing.assert_allclose(matrix.sums @ torch.ones(47 * 63, 1), 1, atol=1e-6)


def test_the_complete_graph_of_a_voc_image_has_the_published_size():
    assert int((uniform(47, 63).sums.weights > 0).sum()) == 189_589  # 2 * 93,314 pairs + 2,961 self-loops


def test_an_affinity_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"affinities of offset \(0, 1\) are \(2, 3\), the grid's pairs are \(2, 2\)"):
        transition_matrix([((0, 1), torch.ones(2, 3))], height=2, width=3, beta=1.0)


@pytest.mark.parametrize("log2_steps", [0, 1, 4, 8])
def test_propagation_is_the_dense_matrix_power(log2_steps):
    features, scores = random_features(), random_scores()
    power = np.linalg.matrix_power(dense_transition(features, beta=8.0, radius=5), 2**log2_steps)
    expected = (power @ scores.reshape(3, -1).T).T.reshape(scores.shape)
    np.testing.assert_allclose(propagate(scores, transition(features), log2_steps=log2_steps), expected, atol=1e-5)


def test_chebyshev_equals_256_sparse_products():
    scores, matrix = random_scores(4, 23, 31), transition(random_features(23, 31))
    walked, exact = scores.reshape(4, -1).T.astype(np.float64), dense(matrix).astype(np.float64)
    for _ in range(256):
        walked = exact @ walked
    np.testing.assert_allclose(propagate(scores, matrix, log2_steps=8), walked.T.reshape(scores.shape), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 16, 256, 1024])
def test_chebyshev_sum_is_the_power(steps):
    # T_k(cos a) = cos(k a)
    coefficients, angles = chebyshev_coefficients(steps).astype(float), np.linspace(0, np.pi, 50)
    total = sum(c * np.cos(k * angles) for k, c in enumerate(coefficients))
    np.testing.assert_allclose(total, np.cos(angles) ** steps, atol=5e-7)


def test_256_steps_take_about_80_terms():
    assert 70 <= len(chebyshev_coefficients(256)) <= 90
    assert len(chebyshev_coefficients(1)) == 2


def test_cells_without_links_keep_their_scores():
    scores = random_scores()
    np.testing.assert_allclose(propagate(scores, uniform(HEIGHT, WIDTH, 0.0), log2_steps=8), scores, rtol=1e-6)


def test_a_long_walk_without_boundaries_ends_at_the_mean_weighted_by_degree():
    scores = random_scores(2, 4, 5)
    ys, xs = (c.ravel() for c in np.mgrid[:4, :5])
    degree = ((ys[:, None] - ys) ** 2 + (xs[:, None] - xs) ** 2 < 25).sum(axis=1)
    means = scores.reshape(2, -1) @ degree / degree.sum()
    walked = propagate(scores, uniform(4, 5), log2_steps=8)
    np.testing.assert_allclose(walked, np.broadcast_to(means[:, None, None], scores.shape), atol=1e-5)


def test_a_constant_stays_constant_alone_and_under_a_map():
    scores, matrix = random_scores(), transition(random_features())
    constant = np.full((1, HEIGHT, WIDTH), 0.37, np.float32)
    np.testing.assert_allclose(propagate(constant, matrix, log2_steps=8), constant, rtol=1e-6)
    raised = propagate(scores + 0.37, matrix, log2_steps=8)
    np.testing.assert_allclose(raised, propagate(scores, matrix, log2_steps=8) + 0.37, atol=1e-5)


def test_no_score_leaves_the_range_of_its_channel():
    scores = random_scores()
    walked = propagate(scores, transition(random_features(spread=3)), log2_steps=8)
    assert np.all(walked.min(axis=(1, 2)) >= scores.min(axis=(1, 2)))
    assert np.all(walked.max(axis=(1, 2)) <= scores.max(axis=(1, 2)))


def test_the_sum_weighted_by_degree_is_conserved():
    features, scores = random_features(), random_scores()
    degree = 1 / dense(transition(features)).diagonal()  # T_ii = 1 / D_ii
    before, after = scores.reshape(3, -1), propagate(scores, transition(features), log2_steps=8).reshape(3, -1)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after @ degree, before @ degree, rtol=1e-5)


def test_channels_walk_on_their_own_and_add_up():
    scores, matrix = random_scores(), transition(random_features())
    walked = propagate(scores, matrix, log2_steps=6)
    np.testing.assert_allclose(propagate(scores[1:2], matrix, log2_steps=6), walked[1:2], atol=1e-6)
    total = propagate(scores.sum(axis=0, keepdims=True), matrix, log2_steps=6)
    np.testing.assert_allclose(total[0], walked.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("transform", [lambda a: a[..., ::-1], lambda a: a[:, ::-1], lambda a: a.swapaxes(1, 2)])
def test_the_walk_follows_a_flip_and_a_transposition_of_the_image(transform):
    features, scores = random_features(), random_scores()
    turned = np.ascontiguousarray(transform(features)), np.ascontiguousarray(transform(scores))
    expected = transform(propagate(scores, transition(features), log2_steps=8))
    np.testing.assert_allclose(propagate(turned[1], transition(turned[0]), log2_steps=8), expected, atol=1e-5)


def test_scores_never_cross_a_boundary_that_cuts_all_pairs():
    side = np.broadcast_to(np.arange(WIDTH) >= 4, (HEIGHT, WIDTH)).copy()
    views = [(o, pairs.shifted(torch.from_numpy(side), o)) for o in pairs.offsets(5)]
    links = [(o, (here == there).float()) for o, (here, there) in views]
    matrix = transition_matrix(links, height=HEIGHT, width=WIDTH, beta=8.0)
    delta = np.zeros((1, HEIGHT, WIDTH))
    delta[0, 3, 1] = 1
    walked = propagate(delta, matrix, log2_steps=8)
    assert not walked[0][side == 1].any()
    assert walked[0][side == 0].min() > 0.01


def test_a_wall_one_cell_thick_does_not_stop_pairs_that_reach_across():
    features = np.zeros((1, HEIGHT, WIDTH), dtype=np.float32)
    features[:, :, 4] = 100
    delta = np.zeros((1, HEIGHT, WIDTH))
    delta[0, 3, 1] = 1
    walked = propagate(delta, transition(features), log2_steps=8)
    assert walked[0, :, 5:].min() > 0.01
    assert walked[0, :, 4].max() < 1e-6


def test_a_peak_spreads_over_its_region_and_not_into_the_other():
    features = np.zeros((4, 12, 16), dtype=np.float32)
    features[:, :, 8:] = 4  # W = e^-4 across, 1 inside
    delta = np.zeros((1, 12, 16))
    delta[0, 5, 3] = 1
    walked = propagate(delta, transition(features), log2_steps=8)[0]
    inside, outside = walked[:, :8], walked[:, 8:]
    assert inside.min() > 0.5 * inside.max() > 0
    assert outside.max() < 1e-3 * inside.min()


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 3)])
def test_the_smallest_grids_walk_too(size):
    scores = random_scores(2, *size)
    walked = propagate(scores, uniform(*size), log2_steps=8)
    assert walked.shape == scores.shape
    assert np.isfinite(walked).all()


def test_scores_of_another_grid_are_refused():
    with pytest.raises(ValueError, match="scores are of 1x3x4 cells, the transition matrix of 1x2x3"):
        propagate(np.zeros((1, 3, 4)), uniform(2, 3), log2_steps=1)


def test_grids_of_a_batch_walk_as_if_alone():
    features = np.stack([random_features(seed=seed) for seed in (1, 2)])
    scores = np.stack([random_scores(seed=seed) for seed in (3, 4)])
    together = propagate(scores, transition_matrix(
        pairs.affinities(torch.from_numpy(features), radius=5), height=HEIGHT, width=WIDTH, beta=8.0), log2_steps=8)
    alone = [propagate(s, transition(f), log2_steps=8) for s, f in zip(scores, features, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), atol=5e-6)


def test_affinities_too_small_to_tell_from_none_are_none():
    features = np.zeros((1, 3, 3), dtype=np.float32)
    features[:, :, 1:] = 20
    weights = transition(features).sums.weights
    assert not ((weights > 0) & (weights < 1e-30)).any()
