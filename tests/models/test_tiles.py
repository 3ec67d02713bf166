"""Large images window by window: every pixel once, no seams, no more memory than a window's."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from wsss_core.inference.pictures import STORE_STRIDE, labels_and_scores, labels_of
from wsss_core.inference.tiles import strips, weights, windows

CPU = torch.device("cpu")
ONCE = {"scales": [1.0], "flip": False, "max_pixels": 10**6, "device": CPU, "crf": None, "tags": None}


class Blurring:
    """A network of stride 4 that sees a few pixels around: two classes and the background, by colour."""

    stride = 4

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, images):
        self.sizes.append(tuple(images.shape[-2:]))
        seen = torch.nn.functional.avg_pool2d(images, 5, stride=1, padding=2, count_include_pad=False)
        return {"seg": torch.nn.functional.avg_pool2d(5 * seen, self.stride, ceil_mode=True)}


@pytest.fixture
def image() -> np.ndarray:
    """Smooth colours, (203, 330, 3)."""
    coarse = np.random.default_rng(0).uniform(0, 255, (1, 3, 9, 14))
    full = torch.nn.functional.interpolate(torch.from_numpy(coarse), (203, 330), mode="bicubic")
    return full[0].clamp(0, 255).permute(1, 2, 0).to(torch.uint8).numpy()


@pytest.mark.parametrize(("length", "tile", "unit"), [(100, 128, 8), (128, 128, 8), (129, 128, 8), (1000, 96, 28)])
def test_windows_cover_a_side_on_the_network_s_grid(length, tile, unit):
    found = windows(length, tile=tile, unit=unit)
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(start % unit == 0 and stop - start <= tile for start, stop in found)
    assert all(start < before for (_, before), (start, _) in pairwise(found))


def test_a_window_s_end_has_no_say_and_shares_sum_to_one():
    found, tile = windows(300, tile=128, unit=4), 128
    total = np.zeros(300)
    for (start, stop), share in zip(found, weights(found, tile=tile), strict=True):
        total[start:stop] += share
        for is_inside, end in ((start > 0, share[: tile // 16]), (stop < 300, share[-(tile // 16) :])):
            assert not is_inside or not end.any()
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_strips_make_the_whole_image():
    ramp = np.arange(150 * 90 * 3, dtype=np.int64).reshape(150, 90, 3)

    def identity(window):
        return torch.from_numpy(window.astype(np.float64)).permute(2, 0, 1)

    found = list(strips(ramp, identity, tile=64, unit=4))
    assert [top for top, _ in found] == np.cumsum([0, *(maps.shape[1] for _, maps in found)])[:-1].tolist()
    np.testing.assert_allclose(torch.cat([maps for _, maps in found], dim=1).permute(1, 2, 0), ramp, rtol=1e-6)


def test_a_network_that_looks_no_further_than_a_quarter_of_the_overlap_gives_what_it_gives_of_the_whole(image):
    whole, whole_scores = labels_and_scores(Blurring(), image, tile=None, **ONCE)
    network = Blurring()
    tiled, scores = labels_and_scores(network, image, tile=128, **ONCE)
    assert len(network.sizes) == 8 and max(map(max, network.sizes)) <= 128
    np.testing.assert_allclose(scores.scores, whole_scores.scores, atol=1e-5)
    np.testing.assert_array_equal(tiled, whole)
    np.testing.assert_array_equal(labels_of(Blurring(), image, tile=128, **ONCE), whole)
    assert len(np.unique(whole)) == 3


def test_an_image_within_one_window_is_segmented_whole(image):
    network = Blurring()
    labels_of(network, image, tile=330, **ONCE)
    assert network.sizes == [(203, 330)]


def test_tags_hold_in_every_window(image):
    labels, scores = labels_and_scores(Blurring(), image, tile=128, **ONCE | {"tags": (2,)})
    assert set(np.unique(labels)) == {0, 2}
    assert scores.classes.tolist() == [0, 2]


@pytest.mark.parametrize("tile", [None, 128])
def test_stored_probabilities_sum_to_one_on_cells_of_four_pixels(image, tile):
    _, scores = labels_and_scores(Blurring(), image, tile=tile, **ONCE)
    assert scores.scores.shape == (3, -(-203 // STORE_STRIDE), -(-330 // STORE_STRIDE))
    assert scores.size == (203, 330)
    np.testing.assert_allclose(scores.scores.sum(axis=0), 1, atol=1e-5)
