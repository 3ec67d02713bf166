"""What a saliency network sees of a photograph, and where its answer lands."""

import numpy as np
import pytest
import torch

from wsss_core.inference.saliency import SaliencyNetwork, saliency_maps

CPU = torch.device("cpu")


def network(predict, **options) -> SaliencyNetwork:
    plain = {"size": (320, 320), "mean": (0, 0, 0), "std": (1, 1, 1), "divide_by": 255}
    return SaliencyNetwork(predict, device=CPU, **(plain | options))


def red(pictures: torch.Tensor) -> torch.Tensor:
    """The network that answers with what it is shown."""
    return pictures[:, 0]


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.round(values)[..., None], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("size", [(281, 500), (333, 500), (500, 335), (97, 61), (128, 160), (320, 320), (1, 300)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_ramp_comes_back_where_it_was(size, axis):
    ramp = np.linspace(0, 250, size[axis])
    image = grey(ramp[:, None] * np.ones(size[1]) if axis == 0 else ramp * np.ones((size[0], 1)))
    (found,) = saliency_maps(network(red), [image], normalise=False)
    assert found.shape == size and found.dtype == np.float32
    moved = np.abs(found * 255 - image[..., 0]) / (250 / max(size[axis] - 1, 1))  # pixels
    margin = tuple(slice(2, -2) if side > 4 else slice(None) for side in size)
    assert moved[margin].max() <= 0.5 + 0.5 / (250 / max(size[axis] - 1, 1))  # and the rounding of the picture


@pytest.mark.parametrize("size", [(281, 500), (97, 61)])
def test_a_straight_edge_comes_back_within_a_pixel(size):
    edge = size[1] // 3
    image = grey(np.where(np.arange(size[1]) >= edge, 255, 0) * np.ones((size[0], 1)))
    (found,) = saliency_maps(network(red), [image], normalise=False)
    assert np.all(np.abs((found > 0.5).argmax(axis=1) - edge) <= 1)


def test_a_map_is_stretched_to_its_own_extremes_or_left_as_it_is():
    image = grey(np.linspace(50, 100, 64) * np.ones((48, 1)))
    (stretched,) = saliency_maps(network(red), [image], normalise=True)
    np.testing.assert_allclose([stretched.min(), stretched.max()], [0, 1], atol=0.01)  # the way back averages a little
    (plain,) = saliency_maps(network(red), [image], normalise=False)
    np.testing.assert_allclose([plain.min(), plain.max()], [50 / 255, 100 / 255], atol=1e-3)


def test_images_of_one_batch_are_stretched_apart_and_keep_their_sizes():
    dim, bright = grey(np.linspace(0, 10, 60) * np.ones((40, 1))), grey(np.linspace(0, 200, 90) * np.ones((30, 1)))
    together = saliency_maps(network(red), [dim, bright], normalise=True)
    apart = [saliency_maps(network(red), [image], normalise=True)[0] for image in (dim, bright)]
    for one, alone in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, alone)
    assert [one.shape for one in together] == [(40, 60), (30, 90)]


def test_a_network_that_takes_one_picture_gets_one_at_a_time():
    seen = []

    def predict(pictures):
        seen.append(len(pictures))
        return red(pictures)

    image = grey(np.linspace(0, 200, 64) * np.ones((48, 1)))
    saliency_maps(network(predict, whole_batches=False), [image] * 3, normalise=True)
    saliency_maps(network(predict), [image] * 3, normalise=True)
    assert seen == [1, 1, 1, 3]


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("divide_by", ["maximum", 255])
def test_a_picture_of_one_colour_has_nothing_salient_and_no_nan(level, divide_by):
    image = np.full((37, 50, 3), level, np.uint8)
    (found,) = saliency_maps(network(red, divide_by=divide_by), [image], normalise=True)
    assert not found.any()


def test_rgb_is_divided_by_the_pictures_own_maximum_then_normalised():
    shown = {}

    def predict(pictures):
        shown["pictures"] = pictures
        return red(pictures)

    image = np.full((320, 320, 3), (200, 100, 50), np.uint8)
    own = network(predict, divide_by="maximum", mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    saliency_maps(own, [image], normalise=False)
    torch.testing.assert_close(shown["pictures"][0, :, 7, 9], torch.tensor([1.0, 1.0, 0.125]))
