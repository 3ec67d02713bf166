"""Nothing that a stage stores moves: ramps and edges through each artifact of maps, at sizes that no stride divides."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wsss_core import artifacts
from wsss_core.artifacts import Scores
from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.segmentation import saliency_maps
from wsss_core.methods.affinitynet.walk import random_walk_scores
from wsss_core.ops import fusion, grids

SIZES = [(281, 500), (333, 500), (500, 335), (97, 61), (1, 300)]
of_every_size = pytest.mark.parametrize("size", SIZES, ids=str)
CPU = torch.device("cpu")


class Surveyor:
    """A network whose maps tell where in its input its cells lie: the share of the height above, of the width before.

    Args:
        centre: the pixel that its first cell looks at.
    """

    def __init__(self, *, stride: int, centre: float) -> None:
        self.stride, self.centre = stride, centre
        self.backbone = SimpleNamespace(stride=stride)

    def cams(self, images: torch.Tensor) -> torch.Tensor:
        size = tuple(images.shape[-2:])
        cells = torch.from_numpy(np.indices(grids.grid_size(size, stride=self.stride))).float()
        share = (cells * self.stride + self.centre + 0.5) / torch.tensor(size).view(2, 1, 1)
        return share.expand(len(images), *share.shape)

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.cams(images)
        no_two_alike = 1e4 * torch.arange(maps[0, 0].numel()).view(1, 1, *maps.shape[-2:])
        return {"saliency": maps[:, :1], "affinity_features": no_two_alike}


def photograph(size) -> np.ndarray:
    return np.zeros((*size, 3), np.uint8)


def stored(scores: Scores, folder) -> np.ndarray:
    """(K, H, W) maps as a later stage reads them."""
    artifacts.write_scores(folder, "a", scores)
    back = artifacts.read_scores(folder, "a")
    return grids.read(back.scores, back.size)


def ramps(size) -> np.ndarray:
    """(2, H, W) share of the height above each pixel's middle, of the width before it."""
    return ((np.indices(size) + 0.5) / np.reshape(size, (2, 1, 1))).astype(np.float32)


def assert_stays(found: np.ndarray, size, *, axis: int, margin: int, limit: float = 0.5) -> None:
    """A ramp along `axis` is within `limit` pixels of its place, `margin` pixels from the border on."""
    if size[axis] <= 2 * margin:
        return
    place = found * size[axis] - 0.5
    error = np.abs(place - np.indices(size)[axis]).swapaxes(0, axis)[margin:-margin]
    assert error.max() < limit


@of_every_size
@pytest.mark.parametrize("store_stride", [2, 4, 8])
@pytest.mark.parametrize("centre", [0.0, 3.5, 7.0])
def test_class_maps_of_all_scales_lie_where_the_network_looked(size, store_stride, centre, tmp_path):
    options = {"flip": False, "sqrt": False, "max_pixels": 10**9, "device": CPU}
    for scales in ([1.0], [1.0, 0.5, 1.5, 2.0]):
        cams = class_activation_maps(
            Surveyor(stride=8, centre=centre), [photograph(size)], [[1, 2]], scales=scales, store_stride=store_stride,
            **options,
        )[0]  # fmt: skip
        for axis, found in enumerate(stored(cams, tmp_path)):
            if size[axis] > 80:  # the maximum, by which maps are divided, lies half a cell before the end
                slope = np.diff(np.take(found, size[1 - axis] // 2, axis=1 - axis)[40:-40]).mean()
                middle = found[tuple(side // 2 for side in size)] / (slope * size[axis])
                expected = (size[axis] // 2 + 0.5) / size[axis]
                assert abs(middle - expected) * size[axis] < 1


@of_every_size
def test_mirrors_agree_with_what_they_mirror(size, tmp_path):
    options = {"scales": [1.0, 0.5], "sqrt": False, "store_stride": 4, "max_pixels": 10**9, "device": CPU}
    one, both = (
        class_activation_maps(
            Surveyor(stride=8, centre=0.0), [photograph(size)], [[1, 2]], flip=flip, **options
        )[0]
        for flip in (False, True)
    )
    rows, of_both = stored(one, tmp_path)[0], stored(both, tmp_path)
    np.testing.assert_allclose(of_both[0], rows, atol=2e-3)  # rows do not know of mirrors
    if size[1] > 80:  # columns: the share before and the share behind add up to the same everywhere
        assert np.ptp(of_both[1][:, 40:-40]) * size[1] < 2


@of_every_size
@pytest.mark.parametrize("store_stride", [1, 2, 4, 8])
def test_a_walk_without_links_leaves_a_ramp_where_it_was(size, store_stride, tmp_path):
    cams = Scores(np.array([1, 2], np.uint8), grids.store(ramps(size), stride=4), size)
    walk = random_walk_scores(
        Surveyor(stride=8, centre=3.5), [photograph(size)], [cams], radius=5, beta=8.0, log2_steps=2,
        background_exponent=1.0, store_stride=store_stride, max_pixels=10**9, device=CPU,
    )[0]  # fmt: skip
    for axis, found in enumerate(stored(walk, tmp_path)[1:]):
        assert_stays(found, size, axis=axis, margin=2 * 8, limit=0.5 + size[axis] * 2**-11)  # float16's step below 1


@of_every_size
@pytest.mark.parametrize("store_stride", [1, 2, 4, 8])
def test_an_edge_stays_within_a_pixel_from_the_walk_through_fusion_to_the_label(size, store_stride, tmp_path):
    for edge in range(40, size[1] - 40, 31):
        mask = np.zeros((2, *size), np.float32)
        mask[0, :, :edge] = mask[1, :, edge:] = 1
        walk = Scores(np.array([0, 3], np.uint8), grids.store(mask, stride=store_stride), size)
        fused = fusion.soft_fusion(
            walk, mask[1], norm="max", store_stride=store_stride,
            background_exponent=1.0, saliency_exponent=1.0, saliency_weight=0.5,
        )  # fmt: skip
        label = stored(fused, tmp_path).argmax(axis=0)
        assert np.abs(label.argmax(axis=1) - edge).max() <= 1


@of_every_size
@pytest.mark.parametrize("scales", [[1.0], [0.5, 1.0, 1.5]], ids=str)
def test_predicted_maps_lie_in_the_middle_of_their_cells(size, scales):
    network = Surveyor(stride=8, centre=3.5)
    maps = saliency_maps(
        network, [photograph(size)], scales=scales, flip=False, max_pixels=10**9, device=CPU
    )[0]
    assert_stays(maps, size, axis=0, margin=32)


def test_label_and_grey_maps_keep_every_pixel(tmp_path):
    rng = np.random.default_rng(0)
    labels, grey = rng.integers(0, 21, (97, 61)).astype(np.uint8), rng.integers(0, 256, (97, 61)) / 255
    artifacts.write_labels(tmp_path, "labels", labels)
    artifacts.write_grey(tmp_path, "grey", grey)
    np.testing.assert_array_equal(artifacts.read_labels(tmp_path, "labels"), labels)
    np.testing.assert_allclose(artifacts.read_grey(tmp_path, "grey"), grey, atol=1e-6)
