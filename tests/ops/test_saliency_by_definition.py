"""The detectors against their equations written out: RBD and manifold ranking on hand-made regions, MB+ on pixels."""

import importlib
from itertools import product

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

from wsss_core.ops.saliency.detection import detect
from wsss_core.ops.saliency.detectors import mbd_plus as mbd
from wsss_core.ops.saliency.superpixels import Superpixels

SIDE, BLOCKS = 10, 5
IMAGE = np.random.default_rng(1).integers(0, 256, (SIDE * BLOCKS, SIDE * BLOCKS, 3), np.uint8)


def blocks() -> Superpixels:
    """A grid of squares, two in the middle unlike the others; one square of each side is a pixel short of it."""
    rows, columns = np.divmod(np.arange(BLOCKS**2), BLOCKS)
    labels = np.kron(np.arange(BLOCKS**2).reshape(BLOCKS, BLOCKS), np.ones((SIDE, SIDE), int))
    for turned in (labels, labels.T):
        turned[0, SIDE : 2 * SIDE] = turned[0, 2 * SIDE]
        turned[-1, SIDE : 2 * SIDE] = turned[-1, 2 * SIDE]
    near = abs(rows[:, None] - rows) + abs(columns[:, None] - columns) == 1
    lab = np.random.default_rng(0).normal([50, 0, 0], [4, 2, 2], (BLOCKS**2, 3))
    lab[[7, 12]] += [15, 10, 5]
    centroid = np.stack([rows, columns], axis=1) / BLOCKS + 0.1
    return Superpixels(labels, np.bincount(labels.ravel()), lab, centroid, near, side=0.5)


@pytest.fixture
def regions(monkeypatch) -> Superpixels:
    """What both detectors take for the superpixels of any image."""
    made = blocks()
    for name in ("rbd", "mr"):
        module = importlib.import_module(f"wsss_core.ops.saliency.detectors.{name}")
        monkeypatch.setattr(module, "segment", lambda *_, **__: made)
    return made


def colour_distances(regions: Superpixels) -> np.ndarray:
    n = len(regions.area)
    return np.array([[np.linalg.norm(regions.lab[p] - regions.lab[q]) for q in range(n)] for p in range(n)])


def two_rings(regions: Superpixels) -> np.ndarray:
    n, near = len(regions.area), regions.adjacent
    return np.array([[p != q and (near[p, q] or (near[p] & near[q]).any()) for q in range(n)] for p in range(n)])


def stretched(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def near_enough(distance: np.ndarray, sigma: float) -> np.ndarray:
    return np.exp(-(distance**2) / (2 * sigma**2)) * (distance <= 3 * sigma)


def geodesic_distances(steps: np.ndarray) -> np.ndarray:
    """Floyd and Warshall."""
    shortest = steps.copy()
    np.fill_diagonal(shortest, 0)
    for via in range(len(steps)):
        shortest = np.minimum(shortest, shortest[:, via, None] + shortest[None, via])
    return shortest


def rbd_by_definition(regions: Superpixels) -> np.ndarray:
    """Zhu et al., CVPR 2014, eq. 3-9, on a border of four pixels."""
    n, distance, rings = len(regions.area), colour_distances(regions), two_rings(regions)
    border = np.array([(regions.labels == r)[4:-4, 4:-4].sum() < regions.area[r] for r in range(n)])
    nearest = np.mean([distance[p][regions.adjacent[p]].min() for p in range(n)])
    clip = np.mean([distance[p][rings[p]].min() for p in range(n)])
    largest = max(distance[p, q] for p, q in product(range(n), repeat=2) if regions.adjacent[p, q])
    linked = regions.adjacent | (border[:, None] & border)
    steps = np.where(linked, np.maximum(0, distance - clip), np.inf)
    reached = near_enough(geodesic_distances(steps), min(10, max(5, min(3 * nearest, largest / 10))))
    connectivity = reached[:, border].sum(axis=1) / np.sqrt(reached.sum(axis=1))
    background = 1 - np.exp(-(connectivity**2) / 2)
    apart = np.linalg.norm(regions.centroid[:, None] - regions.centroid, axis=2)
    contrast = stretched((distance * near_enough(apart, 0.4) * background).sum(axis=1))
    contrast[contrast < threshold_otsu(contrast)] = 0
    certain = np.where(connectivity > 3, 1000, background)
    smooth = near_enough(distance, min(3 * nearest, largest / 5, 20)) * (rings | (border[:, None] & border))
    weights = smooth + 0.1 * regions.adjacent
    system = np.diag(weights.sum(axis=1) + 5 * certain + contrast) - weights
    return stretched(np.linalg.solve(system, contrast))


def manifold_ranking_by_definition(regions: Superpixels) -> np.ndarray:
    """Yang et al., CVPR 2013, sec. 3-4."""
    n, distance = len(regions.area), colour_distances(regions)
    labels = regions.labels
    sides = [np.isin(range(n), line) for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])]
    border = np.any(sides, axis=0)
    linked = (two_rings(regions) | (border[:, None] & border)) & ~np.eye(n, dtype=bool)
    low, high = distance[linked].min(), distance[linked].max()
    weights = np.where(linked, np.exp(-10 * (distance - low) / (high - low)), 0)
    ranks = np.linalg.inv(np.diag(weights.sum(axis=1)) - 0.99 * weights) * ~np.eye(n, dtype=bool)
    first = np.prod([1 - stretched(ranks[:, side].sum(axis=1)) for side in sides], axis=0)
    return stretched(ranks[:, first >= first.mean()].sum(axis=1))


@pytest.mark.parametrize(
    ("method", "definition"), [("rbd", rbd_by_definition), ("mr", manifold_ranking_by_definition)]
)
def test_a_detector_follows_its_equations(regions, method, definition):
    expected = definition(regions)
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_allclose(detect(IMAGE, method=method), expected[regions.labels], atol=2e-4)


def reconstructed(seed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The seed grown under the mask until nothing moves."""
    while True:
        grown = np.minimum(maximum_filter(seed, 3), mask)
        if np.array_equal(grown, seed):
            return seed
        seed = grown


def test_mb_plus_is_the_barrier_distance_and_the_border_s_contrast_smoothed_centred_and_parted():
    image = np.random.default_rng(0).integers(90, 130, (21, 30, 3), np.uint8)
    image[6:15, 8:20] += 60
    levels = np.moveaxis(rgb2lab(image), 2, 0) * [[[2.55]], [[1]], [[1]]]
    barrier = mbd.barrier_distance(levels, passes=3).sum(axis=0)
    saliency = stretched(stretched(barrier) + stretched(mbd.border_contrast(levels, band=0.1)))
    width = round(50 * saliency.mean() ** 0.5)
    assert width > 3
    opened = reconstructed(minimum_filter(saliency, width), saliency)
    closed = -reconstructed(-maximum_filter(opened, width), -opened)
    y, x = np.mgrid[:21, :30]
    off_centre = np.hypot(y - 10, x - 14.5)
    expected = 1 / (1 + np.exp(-10 * (stretched(closed * (1 - off_centre / off_centre.max())) - 0.5)))
    np.testing.assert_allclose(detect(image, method="mbd_plus"), expected, atol=1e-4)


def test_mb_plus_smooths_over_three_pixels_at_the_least():
    saliency = np.zeros((9, 9))
    saliency[4, 4] = 1e-4                                                       # 50 sqrt(mean) rounds to 0
    assert mbd._enhance(saliency, smoothing=50, contrast=10).std() == 0         # opened away
