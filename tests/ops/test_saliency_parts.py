"""The building blocks of the weight-free detectors, by hand: canvas, superpixels, scales, border bands."""

import inspect

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from wsss_core.ops.saliency.canvas import content_box, detect_on_canvas
from wsss_core.ops.saliency.detectors import mbd_plus as mbd
from wsss_core.ops.saliency.detectors import rbd
from wsss_core.ops.saliency.detectors.mr import manifold_ranking
from wsss_core.ops.saliency.superpixels import Superpixels, min_max, segment


def picture(height: int, width: int) -> np.ndarray:
    """A ramp of colours with a little noise."""
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([100 + 100 * x / width, 100 + 100 * y / height, np.full((height, width), 150.0)], axis=2)
    return (ramp + np.random.default_rng(0).integers(0, 8, ramp.shape)).astype(np.uint8)


@pytest.mark.parametrize(
    ("detector", "published"),
    [
        (rbd.robust_background,
         {"compactness": 20, "border": 8, "contrast_sigma": 0.4, "background_weight": 5, "smoothness": 0.1}),
        (manifold_ranking, {"num_superpixels": 200, "colour_sharpness": 10, "alpha": 0.99}),
        (mbd.minimum_barrier_plus, {"long_side": 300, "passes": 3, "band": 0.1, "smoothing": 50, "contrast": 10}),
    ],
)
def test_defaults_are_those_of_the_papers_or_their_code(detector, published):
    defaults = {name: p.default for name, p in inspect.signature(detector).parameters.items()}
    assert defaults | published == defaults


@pytest.mark.parametrize(("size", "seen"), [((40, 100), (20, 50)), ((100, 40), (50, 20)), ((30, 50), (30, 50))])
def test_the_detector_sees_a_copy_whose_long_side_is_bounded(size, seen):
    shapes = []

    def detector(image: np.ndarray) -> np.ndarray:
        shapes.append(image.shape)
        return np.zeros(image.shape[:2], np.float32)

    assert detect_on_canvas(picture(*size), detector, long_side=50).shape == size
    assert shapes == [(*seen, 3)]


@pytest.mark.parametrize(("level", "rows"), [(10, slice(6, 40)), (11, slice(0, 40))])
def test_a_frame_may_vary_by_ten_levels(level, rows):
    image = picture(40, 60)
    image[:6] = 0
    image[2:4, ::2] = level
    assert content_box(image) == (rows, slice(0, 60))


@pytest.mark.parametrize(("width", "found"), [(10, 10), (11, 0)])
def test_a_frame_covers_a_quarter_of_the_side_at_most(width, found):
    image = picture(40, 60)
    image[:width] = 0
    assert content_box(image)[0] == slice(found, 40)


@pytest.mark.parametrize(("columns", "found"), [(36, 6), (35, 0)])
def test_a_frame_ends_along_three_fifths_of_its_length(columns, found):
    image = np.zeros((40, 60, 3), np.uint8)
    image[6:, :columns] = 100
    assert content_box(image)[0] == slice(found, 40)


def test_a_faint_step_ends_no_frame():
    for step, found in ((24, 0), (25, 6)):
        image = np.zeros((40, 60, 3), np.uint8)
        image[6:] = step
        assert content_box(image)[0] == slice(found, 40)


@pytest.mark.parametrize("smear", [1, 2, 3])
def test_a_frame_s_end_may_be_smeared_over_two_lines(smear):
    image = np.zeros((40, 60, 3), np.uint8)
    image[6:] = 12                                                    # above the noise, below the step
    image[6 + smear :] = 100
    assert content_box(image)[0] == slice(6 + smear if smear < 3 else 0, 40)


@pytest.mark.parametrize(
    ("size", "target", "count", "area"),
    [((400, 600), None, 400, 600), ((120, 100), None, 200, 60), ((30, 30), None, 25, 36), ((120, 100), 50, 50, 240)],
    ids=["one for 600 pixels", "at least 200", "at least 36 pixels each", "as many as asked for"],
)
def test_the_number_of_superpixels(size, target, count, area):
    regions = segment(picture(*size), target=target)
    assert len(regions.area) == pytest.approx(count, rel=0.2)
    assert regions.side == pytest.approx((area / 600) ** 0.5)


def test_too_few_pixels_have_no_superpixels():
    assert segment(picture(6, 11), target=None) is None
    assert len(segment(picture(6, 12), target=None).area) == 2


@pytest.fixture(scope="module")
def regions() -> Superpixels:
    return segment(picture(60, 90), target=None)


def test_regions_are_adjacent_where_they_share_an_edge_of_pixels(regions):
    labels, expected = regions.labels, np.zeros_like(regions.adjacent)
    for y, x in np.ndindex(*labels.shape):
        for v, u in ((y + 1, x), (y, x + 1)):
            if v < labels.shape[0] and u < labels.shape[1] and labels[y, x] != labels[v, u]:
                expected[labels[y, x], labels[v, u]] = expected[labels[v, u], labels[y, x]] = True
    np.testing.assert_array_equal(regions.adjacent, expected)


def test_two_rings_are_the_neighbours_and_theirs(regions):
    for region in (0, len(regions.area) // 2):
        first = np.flatnonzero(regions.adjacent[region])
        rings = set(first) | {other for one in first for other in np.flatnonzero(regions.adjacent[one])}
        assert set(np.flatnonzero(regions.two_ring[region])) == rings - {region}


def test_centroids_areas_and_the_border_are_those_of_the_pixels(regions):
    for region in (0, 7, len(regions.area) - 1):
        y, x = np.nonzero(regions.labels == region)
        assert regions.area[region] == len(y)
        np.testing.assert_allclose(regions.centroid[region], [y.mean() / 60, x.mean() / 90])
        touches = (np.minimum(y, 59 - y) < 5) | (np.minimum(x, 89 - x) < 5)
        assert regions.on_border(5)[region] == touches.any()


def test_stretching_leaves_what_spans_no_more_than_flat_at_0():
    assert min_max(np.array([1.0, 3.0]), flat=1).tolist() == [0, 1]
    assert min_max(np.array([1.0, 2.0]), flat=1).tolist() == [0, 0]


def chain(*lightness: float) -> Superpixels:
    """Regions of one pixel each in a row, of these lightnesses; neighbours touch."""
    n = len(lightness)
    places = np.arange(n)
    lab = np.stack([lightness, np.zeros(n), np.zeros(n)], axis=1)
    centroid = np.stack([np.zeros(n), places / n], axis=1)
    adjacent = np.abs(places[:, None] - places) == 1
    return Superpixels(places[None], np.ones(n, int), lab, centroid, adjacent, side=1.0)


def test_scales_by_hand():
    # nearest neighbours 30, 25, 25; in two rings 5, 25, 5; the largest step is 30
    regions = chain(20, 50, 25)
    clip, geodesic_sigma, neighbour_sigma = rbd.adaptive_scales(regions, regions.colour_distance)
    assert clip == pytest.approx(35 / 3)
    assert geodesic_sigma == 5                                        # max(5, min(10, 80, 3))
    assert neighbour_sigma == pytest.approx(6)                        # min(80, 6, 20)


@pytest.mark.parametrize(
    ("steps", "geodesic", "neighbour"),
    [
        (np.arange(0.5, 75.5, 0.5), 7.5, 15.0),                       # one per cent of 150 steps: the largest alone
        (np.arange(0.5, 100.5, 0.5), 9.975, 19.95),                   # of 200: the mean of the two largest
        (np.full(9, 200.0), 10.0, 20.0),                              # both bounded
        (np.full(9, 1.0), 5.0, 0.2),
        (np.full(9, 0.0), 5.0, 1e-3),
    ],
)
def test_reaches_follow_the_largest_hundredth_of_the_steps_within_their_bounds(steps, geodesic, neighbour):
    signs = np.where(np.arange(len(steps)) % 2, -1, 1)
    regions = chain(*np.concatenate([[0], np.cumsum(signs * steps)]))
    _, found, reach = rbd.adaptive_scales(regions, regions.colour_distance)
    assert (found, reach) == (pytest.approx(geodesic), pytest.approx(neighbour))


def test_weak_contrast_to_the_background_is_none():
    regions = chain(20, 22, 80)
    background = np.array([1.0, 0.0, 0.0])
    contrast = rbd.background_weighted_contrast(regions, regions.colour_distance, background, sigma=1.0)
    assert contrast.tolist() == [0, 0, 1]                             # Otsu
    far = rbd.background_weighted_contrast(regions, regions.colour_distance, background, sigma=0.2)
    assert far[1] > 0 == far[2]                                       # 2/3 of the image is beyond three reaches


def faint_square() -> np.ndarray:
    """A square hardly brighter than the noise around it."""
    image = 100 + np.random.default_rng(0).integers(0, 20, (60, 80, 1)) * np.ones(3, int)
    image[20:40, 30:50] += 6
    return image.astype(np.uint8)


def test_maps_that_peak_above_the_least_peak_are_stretched():
    faint = rbd.robust_background(faint_square(), least_peak=1.0)
    assert 0 < faint.max() < 0.95
    stretched = rbd.robust_background(faint_square(), least_peak=float(faint.max()) - 1e-3)
    np.testing.assert_allclose(stretched, min_max(faint, flat=0), atol=1e-6)
    assert np.array_equal(rbd.robust_background(faint_square(), least_peak=float(faint.max()) + 1e-3), faint)


@pytest.mark.parametrize(("size", "rows", "columns"), [((20, 34), 2, 3), ((4, 40), 1, 4)])
def test_contrast_to_the_border_is_the_mahalanobis_distance_to_each_band(size, rows, columns):
    channels = np.random.default_rng(0).normal(0, 40, (3, *size))
    channels[:, :rows] += 100
    bands = channels[:, :rows], channels[:, -rows:], channels[:, :, :columns], channels[:, :, -columns:]
    unlike = np.zeros((4, *size))
    for of_band, band in zip(unlike, bands, strict=True):
        colours = band.reshape(3, -1)
        inverse = np.linalg.inv(np.cov(colours, bias=True) + 50 * np.eye(3))
        for place in np.ndindex(*size):
            of_band[place] = mahalanobis(channels[:, *place], colours.mean(axis=1), inverse)
        of_band /= of_band.max()
    expected = unlike.sum(axis=0) - unlike.max(axis=0)
    np.testing.assert_allclose(mbd.border_contrast(channels, band=0.1), expected)


def test_a_border_of_the_picture_s_one_colour_has_no_contrast():
    assert not mbd.border_contrast(np.full((3, 9, 9), 70.0), band=0.1).any()
