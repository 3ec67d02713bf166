"""Weight-free saliency detectors: what they find, what they stay silent on, and their building blocks."""

from itertools import pairwise

import numpy as np
import pytest

from wsss_core import registry
from wsss_core.ops.saliency.canvas import content_box
from wsss_core.ops.saliency.detection import detect, patent_note
from wsss_core.ops.saliency.detectors.mbd_plus import barrier_distance, border_contrast
from wsss_core.ops.saliency.detectors.mr import ranking_matrix
from wsss_core.ops.saliency.detectors.rbd import (
    adaptive_scales,
    background_probability,
    background_weighted_contrast,
    boundary_connectivity,
    optimise,
    robust_background,
)
from wsss_core.ops.saliency.superpixels import Superpixels, segment

DETECTORS = ["rbd", "mr", "mbd_plus"]


def disc(height=150, width=200, radius=35, noise=0.05):
    """A bright reddish disc amid grey noise, and its mask."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:height, :width]
    mask = np.hypot(row - height / 2, column - width / 2) < radius
    image = np.where(mask[..., None], [0.9, 0.7, 0.6], [0.3, 0.35, 0.3])
    image = image + noise * rng.standard_normal((height, width, 3))
    return (255 * np.clip(image, 0, 1)).astype(np.uint8), mask


@pytest.mark.parametrize("method", registry.detectors())
def test_a_disc_stands_out_from_the_corners(method):
    image, mask = disc()
    saliency = detect(image, method=method)
    assert saliency.dtype == np.float32
    assert saliency.shape == mask.shape
    assert saliency.min() >= 0
    assert saliency.max() <= 1
    assert saliency[65:85, 90:110].min() > 0.5
    for rows in (np.s_[:20], np.s_[-20:]):
        for columns in (np.s_[:20], np.s_[-20:]):
            assert saliency[rows, columns].max() < 0.1


@pytest.mark.parametrize("method", registry.detectors())
@pytest.mark.parametrize("level", [0, 77, 255])
def test_an_image_of_one_colour_has_no_salient_pixel(method, level):
    assert not detect(np.full((60, 80, 3), level, np.uint8), method=method).any()


@pytest.mark.parametrize("method", registry.detectors())
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (5, 7), (12, 12), (20, 3000)])
def test_any_shape_gets_a_map_of_its_own_shape(method, shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    saliency = detect(image, method=method)
    assert saliency.shape == shape
    assert saliency.min() >= 0
    assert saliency.max() <= 1


@pytest.mark.parametrize("method", ["rbd", "mr"])
def test_fewer_than_two_superpixels_say_nothing(method):
    image = np.random.default_rng(1).integers(0, 256, (6, 11, 3), np.uint8)
    assert not detect(image, method=method).any()


def test_a_large_image_gets_the_map_of_its_reduced_copy():
    image, mask = disc()
    large = detect(np.kron(image, np.ones((10, 10, 1), np.uint8)), method="rbd")  # 1500 x 2000
    assert large.shape == (1500, 2000)
    assert large[::10, ::10][mask].mean() > 0.8
    assert large[::10, ::10][~mask].mean() < 0.1


@pytest.mark.parametrize("method", registry.detectors())
def test_detection_is_deterministic_and_leaves_the_image_alone(method):
    image, _ = disc()
    before = image.copy()
    np.testing.assert_array_equal(detect(image, method=method), detect(image, method=method))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("method", DETECTORS)
def test_mirroring_and_brightness_hardly_change_the_map(method):
    image, _ = disc()
    saliency = detect(image, method=method)
    mirrored = detect(image[:, ::-1], method=method)[:, ::-1]
    brighter = detect(np.minimum(image, 242) + np.uint8(13), method=method)  # + 0.05
    assert np.abs(mirrored - saliency).mean() < 0.05
    assert np.abs(brighter - saliency).mean() < 0.05


@pytest.mark.parametrize("method", DETECTORS)
def test_a_frame_is_not_taken_for_the_background(method):
    image, _ = disc()
    framed = np.pad(image, ((15, 15), (0, 0), (0, 0)))
    saliency = detect(framed, method=method)
    np.testing.assert_allclose(saliency[15:-15], detect(image, method=method))
    assert not saliency[:15].any()
    assert not saliency[-15:].any()


def test_content_box_finds_an_uneven_frame():
    image = np.pad(disc()[0], ((10, 4), (7, 0), (0, 0)), constant_values=250)
    assert content_box(image) == (slice(10, 160), slice(7, 207))


def test_a_plain_background_is_no_frame():
    image, mask = disc(radius=60, noise=0)  # the 15 rows above the disc are of one colour
    image[~mask] = 255
    assert content_box(image) == (slice(0, 150), slice(0, 200))


def test_superpixels_partition_the_image_without_gaps():
    image, _ = disc()
    regions = segment(image, target=None)
    n = len(regions.area)
    assert n >= 2
    np.testing.assert_array_equal(np.unique(regions.labels), np.arange(n))
    assert regions.area.sum() == regions.labels.size
    np.testing.assert_array_equal(regions.adjacent, regions.adjacent.T)
    assert not np.diag(regions.adjacent).any()
    assert regions.adjacent.any(axis=1).all()
    assert (regions.two_ring | ~regions.adjacent).all()
    corner = regions.on_border(1)
    assert corner[regions.labels[0, 0]]
    assert not corner[regions.labels[75, 100]]


def test_the_background_clings_to_the_border_and_the_disc_does_not():
    image, _ = disc()
    regions = segment(image, target=None)
    distance = regions.colour_distance
    clip, geodesic_sigma, neighbour_sigma = adaptive_scales(regions, distance)
    assert 5 <= geodesic_sigma <= 10
    assert 0 < neighbour_sigma <= 20
    connectivity = boundary_connectivity(
        regions, regions.on_border(3), distance, clip=clip, geodesic_sigma=geodesic_sigma
    )
    assert connectivity[regions.labels[75, 100]] < 0.5
    assert connectivity[regions.labels[0, 0]] > 3


def three_in_a_row(colours):
    """Regions 0, 1, 2 of one pixel each, of these lightnesses."""
    adjacent = np.array([[False, True, False], [True, False, True], [False, True, False]])
    lab = np.array([[colour, 0.0, 0.0] for colour in colours])
    centroid = np.array([[0.0, 0.0], [0.0, 1 / 3], [0.0, 2 / 3]])
    return Superpixels(np.array([[0, 1, 2]]), np.ones(3, int), lab, centroid, adjacent, side=1.0)


def test_regions_of_one_colour_are_one_background_to_boundary_connectivity():
    # Free steps join all three: each reaches an area of 3 and a border length of 1.
    regions = three_in_a_row([50.0, 50.0, 50.0])
    connectivity = boundary_connectivity(
        regions, np.array([True, False, False]), regions.colour_distance, clip=0.0, geodesic_sigma=7.0
    )
    np.testing.assert_allclose(connectivity, 1 / np.sqrt(3))


def test_the_background_s_probability_by_hand():
    np.testing.assert_allclose(background_probability(np.array([0.0, 1.0, 2.0])), [0, 1 - np.exp(-0.5), 1 - np.exp(-2)])


def test_boundary_connectivity_by_hand():
    # Steps of 7 and 22 with a reach of 7: exp(-1/2) of the next region counts, nothing beyond three reaches.
    regions = three_in_a_row([50.0, 57.0, 79.0])
    connectivity = boundary_connectivity(
        regions, np.array([True, False, False]), regions.colour_distance, clip=0.0, geodesic_sigma=7.0
    )
    near = np.exp(-0.5)
    np.testing.assert_allclose(connectivity, [1 / np.sqrt(1 + near), near / np.sqrt(1 + near), 0], rtol=1e-6)


def test_contrast_to_the_background_by_hand():
    # To region 0 alone, 1/3 and 2/3 of the image away, at a reach of 1; Otsu parts the first from the others.
    regions = three_in_a_row([20.0, 50.0, 80.0])
    contrast = background_weighted_contrast(regions, regions.colour_distance, np.array([1.0, 0.0, 0.0]), sigma=1.0)
    np.testing.assert_allclose(contrast, [0, 0.5 * np.exp(-1 / 18 + 4 / 18), 1])


def test_more_weight_on_the_background_lowers_saliency():
    image, _ = disc()
    light, heavy = (robust_background(image, background_weight=w, least_peak=1) for w in (1, 5))
    assert (heavy <= light + 1e-6).all()
    assert heavy.mean() < light.mean()


def test_ranking_matrix_by_hand():
    # The outer two are neighbours at two rings: all three are linked. Colour distances are 30, 30, 60, hence
    # weights 1, 1, e^-10 ~ 0: D - W / 2 = [[1, -.5, 0], [-.5, 2, -.5], [0, -.5, 1]], determinant 1.5.
    regions = three_in_a_row([20.0, 50.0, 80.0])
    ranking = ranking_matrix(regions, np.zeros(3, bool), colour_sharpness=10, alpha=0.5)
    expected = np.array([[0, 0.5, 0.25], [0.5, 0, 0.5], [0.25, 0.5, 0]]) / 1.5
    np.testing.assert_allclose(ranking, expected, atol=1e-4)


def test_an_object_that_fills_one_side_still_contrasts_with_the_border():
    channels = np.zeros((3, 40, 40))
    channels[:, 10:30, :12] = 100.0  # on the left side
    contrast = border_contrast(channels, band=0.1)
    assert contrast[20, 5] > 10 * contrast[20, 30]


def test_optimised_saliency_by_hand():
    # Minimise s0^2 + (s1 - 1)^2 + (s0 - s1)^2: the derivatives vanish at s = (1/3, 2/3).
    link = np.array([[0.0, 1.0], [1.0, 0.0]])
    saliency = optimise(np.array([1.0, 0.0]), np.array([0.0, 1.0]), link)
    np.testing.assert_allclose(saliency, [1 / 3, 2 / 3])


def slow_barrier_distance(image, passes):
    """Pixel by pixel, as the algorithm is published."""
    height, width = image.shape
    distance = np.full(image.shape, np.inf)
    distance[0] = distance[-1] = distance[:, 0] = distance[:, -1] = 0
    highest, lowest = image.copy(), image.copy()
    for turn in range(passes):
        step = 1 if turn % 2 == 0 else -1
        for r in range(height)[::step]:
            for c in range(width)[::step]:
                for y in ((r - step, c), (r, c - step)):
                    if not (0 <= y[0] < height and 0 <= y[1] < width):
                        continue
                    barrier = max(highest[y], image[r, c]) - min(lowest[y], image[r, c])
                    if barrier < distance[r, c]:
                        distance[r, c] = barrier
                        highest[r, c] = max(highest[y], image[r, c])
                        lowest[r, c] = min(lowest[y], image[r, c])
    return distance


@pytest.mark.parametrize("shape", [(9, 14), (14, 9), (3, 3), (1, 5)])
@pytest.mark.parametrize("passes", [1, 2, 3])
def test_barrier_distance_equals_the_pixelwise_scan(shape, passes):
    channels = np.random.default_rng(2).integers(0, 256, (2, *shape)).astype(float)
    expected = [slow_barrier_distance(channel, passes) for channel in channels]
    np.testing.assert_array_equal(barrier_distance(channels, passes=passes), expected)


def test_barrier_distance_of_a_ring_by_hand():
    ring = np.zeros((1, 5, 5))
    ring[0, 1:-1, 1:-1] = 7
    ring[0, 2, 2] = 3  # reached only across the ring: the barrier is 7, not 3
    distance = barrier_distance(ring, passes=3)
    np.testing.assert_array_equal(distance[0, 1:-1, 1:-1], 7)
    assert not distance[0, 0].any()


def test_further_passes_never_raise_the_barrier_distance():
    channels = np.random.default_rng(3).random((1, 20, 25))
    passes = [barrier_distance(channels, passes=n) for n in range(1, 6)]
    assert all((later <= earlier).all() for earlier, later in pairwise(passes))
    assert (passes[1] < passes[0]).any()


def test_methods_built_on_a_patented_one_carry_its_note():
    noted = {name for name in registry.detectors() if patent_note(name)}
    assert noted == set(registry.patented()), "imported or read, a detector says the same"
    assert noted >= {"mr", "mbd_plus", "mean"} and "rbd" not in noted


@pytest.mark.parametrize(
    ("image", "method", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "drfi", "take one of .*mbd_plus, mean, mr, rbd"),
        (np.zeros((4, 4), np.uint8), "rbd", "repeat a grey channel"),
        (np.zeros((4, 4, 3), np.float32), "mr", "expected \\(H, W, 3\\) uint8"),
        (np.zeros((0, 4, 3), np.uint8), "mbd_plus", "expected \\(H, W, 3\\) uint8"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(image, method, message):
    with pytest.raises(ValueError, match=message):
        detect(image, method=method)
