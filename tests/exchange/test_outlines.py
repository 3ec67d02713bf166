"""A polygon gives back its region, holes and all, whichever way a reader fills it."""

import numpy as np
import pytest
from scipy import ndimage
from sets import random_map

from wsss_core.data.formats.coco_masks import polygon_pixels
from wsss_core.exchange.filling import filled
from wsss_core.exchange.outlines import centre_outline, edge_outline
from wsss_core.exchange.regions import regions_of

RING = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]], dtype=bool)


def by_edges(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As COCO's readers fill."""
    mask = np.zeros(size, dtype=bool)
    mask.flat[polygon_pixels(points.ravel().tolist(), height=size[0], width=size[1])] = True
    return mask


FILLS = {"edges": (edge_outline, by_edges), "centres": (centre_outline, filled)}


def test_a_rectangle_has_four_corners():
    assert edge_outline(np.ones((3, 5))).tolist() == [[0, 0], [5, 0], [5, 3], [0, 3]]
    assert centre_outline(np.ones((3, 5))).tolist() == [[0, 0], [4, 0], [4, 2], [0, 2]]


def test_a_single_pixel_is_a_square_or_a_point():
    assert len(edge_outline(np.ones((1, 1)))) == 4
    assert centre_outline(np.ones((1, 1))).tolist() == [[0, 0]]


@pytest.mark.parametrize("kind", FILLS)
def test_a_hole_is_walked_to_and_around_in_one_polygon(kind):
    outline, fill = FILLS[kind]
    np.testing.assert_array_equal(fill(outline(RING), RING.shape), RING)


@pytest.mark.parametrize("kind", FILLS)
def test_holes_behind_each_other_and_islands_in_holes_stay(kind):
    outline, fill = FILLS[kind]
    mask = np.ones((7, 15), dtype=bool)
    mask[1:6, 1:4] = mask[3, 5:8] = mask[2:5, 9:13] = mask[0, 0] = mask[6, 14] = False
    np.testing.assert_array_equal(fill(outline(mask), mask.shape), mask)


@pytest.mark.parametrize("kind", FILLS)
def test_a_hole_that_touches_the_outside_by_a_corner_stays(kind):
    outline, fill = FILLS[kind]
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], dtype=bool)
    np.testing.assert_array_equal(fill(outline(mask), mask.shape), mask)


@pytest.mark.parametrize("kind", FILLS)
def test_every_region_of_random_maps_comes_back_pixel_by_pixel(kind, rng):
    outline, fill = FILLS[kind]
    for _ in range(15):
        labels = random_map(rng, *rng.integers(1, 24, 2))
        for region in regions_of(labels, whole=False, diagonal=False):
            np.testing.assert_array_equal(fill(outline(region.mask), region.mask.shape), region.mask)


def test_regions_hang_together_by_sides_or_by_corners_and_cover_their_labels(rng):
    labels = random_map(rng, 30, 40)
    for diagonal, structure in ((False, 1), (True, 2)):
        found = list(regions_of(labels, whole=False, diagonal=diagonal))
        touching = ndimage.generate_binary_structure(2, structure)
        assert len(found) == sum(ndimage.label(labels == label, touching)[1] for label in (1, 2, 3))
        again = np.where(labels == 255, 255, 0)
        for region in found:
            region.of(again)[region.mask] = region.label
        np.testing.assert_array_equal(again, labels)


def test_a_region_says_where_it_is_and_how_sure_its_pixels_are():
    labels, sure = np.zeros((4, 6), dtype=np.uint8), np.zeros((4, 6))
    labels[1:3, 2:5], sure[1:3, 2:4] = 2, 0.75
    (region,) = regions_of(labels, whole=True, diagonal=False, probability=sure)
    assert (region.label, region.box, region.pixels, region.confidence) == (2, [2, 1, 3, 2], 6, 0.5)
    np.testing.assert_array_equal(region.at((4, 6)), labels == 2)
