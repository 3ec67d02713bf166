"""One photograph through networks whose answers are known: stubs that read the picture's own colours."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsss_core.artifacts import Scores
from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.segmentation import segment, segmentation_probabilities
from wsss_core.methods.affinitynet.walk import random_walk_scores
from wsss_core.ops import cam, grids
from wsss_core.ops.images import MEAN, STD

CPU = torch.device("cpu")
OPTIONS = {"scales": [1.0], "flip": False, "max_pixels": 10**6, "device": CPU}
CAM = {**OPTIONS, "sqrt": False, "store_stride": 4}
WALK = {
    "radius": 5, "beta": 8.0, "log2_steps": 8, "background_exponent": 4.0, "store_stride": 8,
    "max_pixels": 10**6, "device": CPU,
}  # fmt: skip


def colours(images: torch.Tensor) -> torch.Tensor:
    """The images in [0, 1] again."""
    return images * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)


class Stub:
    """A network whose maps are `answer(colours)` pooled 4x4; remembers the sizes that it saw."""

    def __init__(self, answer, stride=4):
        self.answer, self.stride, self.sizes = answer, stride, []
        self.centre = (stride - 1) / 2
        self.backbone = SimpleNamespace(stride=stride)

    def cams(self, images):
        self.sizes.append(tuple(images.shape))
        return F.avg_pool2d(self.answer(colours(images)), self.stride, ceil_mode=True)

    def __call__(self, images):
        return {"seg": self.cams(images), "affinity_features": self.cams(images)}


def cams_of(model, image: np.ndarray, tags, **options) -> Scores:
    return class_activation_maps(model, [image], [tags], **options)[0]


def walk_of(model, image: np.ndarray, cams: Scores, **options) -> Scores:
    return random_walk_scores(model, [image], [cams], **options)[0]


def probabilities_of(model, image: np.ndarray, **options) -> np.ndarray:
    return segmentation_probabilities(model, [image], **options)[0]


def labels_of(model, image: np.ndarray, **options) -> np.ndarray:
    return segment(model, [image], **options)[0]


def red_and_green(height=64, width=96) -> np.ndarray:
    """The left third is red, the right third green, at half and at full intensity."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 3, 0], image[:, -width // 3 :, 1] = 128, 255
    return image


def test_cams_are_of_the_tagged_classes_each_with_a_peak_of_1():
    scores = cams_of(Stub(lambda c: c), red_and_green(), (1, 2), **CAM)
    assert scores.classes.tolist() == [1, 2]
    assert (scores.scores.shape, scores.size) == ((2, 16, 24), (64, 96))
    at_pixels = np.zeros((2, 64, 96))
    at_pixels[0, :, :32] = at_pixels[1, :, 64:] = 1
    between_cells = grids.read(grids.store(at_pixels, stride=4), (64, 96))
    np.testing.assert_allclose(scores.scores, grids.store(between_cells, stride=4), atol=1e-4)
    assert scores.scores.max() <= 1


def test_a_class_without_a_tag_gets_no_map():
    both = cams_of(Stub(lambda c: c), red_and_green(), (1, 2), **CAM)
    one = cams_of(Stub(lambda c: c), red_and_green(), (2,), **CAM)
    assert one.classes.tolist() == [2]
    np.testing.assert_array_equal(one.scores[0], both.scores[1])


def test_an_image_without_tags_gets_no_map_and_asks_no_network():
    stub = Stub(lambda c: c)
    scores = cams_of(stub, red_and_green(62, 95), (), **CAM)
    assert (scores.scores.shape, scores.size, stub.sizes) == ((0, 16, 24), (62, 95), [])


def test_views_are_rectified_before_they_are_summed():
    # the mirror says -1 where the image says +1: summed first they would cancel
    def signed(c):
        return torch.cat([torch.ones_like(c[:1]), -torch.ones_like(c[1:])])

    scores = cams_of(Stub(signed), red_and_green(), (1,), **CAM | {"flip": True})
    np.testing.assert_allclose(scores.scores, 1, atol=1e-4)


def test_scales_are_summed_before_the_division_by_the_maximum():
    # scale 1 answers 3 on the left half, scale 2 answers 1 on the right: 1 and 1/3, not 1 and 1
    def by_scale(c):
        left = torch.arange(c.shape[-1]) < c.shape[-1] // 2
        return (3.0 * left if c.shape[-1] == 96 else 1.0 * ~left).expand_as(c)

    scores = cams_of(Stub(by_scale), red_and_green(), (1,), **CAM | {"scales": [1.0, 2.0]})
    np.testing.assert_allclose(scores.scores[0, :, [0, -1]].T, np.tile([1, 1 / 3], (16, 1)), atol=1e-4)


def test_the_mirror_is_turned_back():
    # the stub fires at the left border of what it sees, image or mirror
    def left(c):
        return (torch.arange(c.shape[-1]) < 8).float().expand_as(c)

    maps = cams_of(Stub(left), red_and_green(), (1,), **CAM | {"flip": True}).scores[0]
    np.testing.assert_allclose(maps, maps[:, ::-1], atol=1e-6)
    assert maps[0, 0] > 0.9
    assert maps[0, 12] == 0


def test_the_square_root_acts_on_each_view():
    def ramp(c):
        return (torch.arange(c.shape[-1]) // 32).float().expand_as(c)  # 0, 1, 2

    maps = cams_of(Stub(ramp), red_and_green(), (1,), **CAM | {"sqrt": True}).scores[0]
    np.testing.assert_allclose(maps[0, [0, 12, -1]], [0, 0.5**0.5, 1], atol=1e-4)


def test_views_have_the_asked_scales_and_stay_below_the_limit_of_pixels():
    stub = Stub(lambda c: c)
    options = CAM | {"scales": [1.0, 0.5, 2.0], "flip": True, "max_pixels": 64 * 96}
    cams_of(stub, red_and_green(), (1,), **options)
    assert stub.sizes == [(2, 3, 64, 96), (2, 3, 32, 48), (2, 3, 64, 96)]


@pytest.mark.parametrize("size", [(1, 1), (20, 300), (33, 1)])
def test_odd_photographs_go_through_all_three(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    stub = Stub(lambda c: c)
    cams = cams_of(stub, image, (1, 3), **CAM | {"scales": [1.0, 0.5], "flip": True})
    walk = walk_of(stub, image, cams, **WALK)
    assert cams.scores.shape == (2, *grids.grid_size(size, stride=4))
    assert walk.scores.shape == (3, *grids.grid_size(size, stride=8))
    assert labels_of(stub, image, crf=None, **OPTIONS).shape == size
    assert np.isfinite(walk.scores).all()


def test_a_peak_walks_over_its_region_and_not_into_the_other():
    image = red_and_green()
    seed = np.zeros((1, 16, 24), np.float32)
    seed[0, 6:10, 3:5] = 1
    walk = walk_of(
        Stub(lambda c: 40 * c, stride=8), image, Scores(np.array([7], np.uint8), seed, (64, 96)), **WALK
    )
    assert walk.classes.tolist() == [0, 7]
    red, rest = walk.scores[1, :, :3], walk.scores[1, :, 6:]
    assert red.min() > 0.7 * red.max() > 0
    assert rest.max() < 1e-3


def test_without_links_the_walk_returns_the_pooled_maps_with_the_power_taken_before_pooling():
    rng = np.random.default_rng(0)
    cams = Scores(np.array([2, 9], np.uint8), rng.random((2, 16, 24)).astype(np.float32), (62, 95))
    image = rng.integers(0, 256, (62, 95, 3), dtype=np.uint8)

    def all_different(c):
        return 1e4 * torch.arange(c[0, 0].numel()).view(1, 1, *c.shape[-2:]).expand_as(c).float()

    walk = walk_of(Stub(all_different, stride=8), image, cams, **WALK | {"store_stride": 1})
    full = cam.with_background(grids.read(cams.scores, cams.size), exponent=4.0)
    np.testing.assert_allclose(walk.scores, grids.read(grids.store(full, stride=8), (62, 95)), atol=1e-5)


def test_a_photograph_above_the_limit_walks_on_a_smaller_grid_and_is_stored_on_its_own():
    stub = Stub(lambda c: c, stride=8)
    cams = cams_of(stub, red_and_green(128, 192), (1,), **CAM)
    walk = walk_of(stub, red_and_green(128, 192), cams, **WALK | {"max_pixels": 64 * 96})
    assert stub.sizes[-1] == (1, 3, 64, 96)
    assert (walk.scores.shape, walk.size) == ((2, 16, 24), (128, 192))


def logits_of_colours(c):
    return 8 * torch.cat([0.5 - c.amax(dim=1, keepdim=True), c[:, :2]], dim=1)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [[1.0], [0.5, 1.0, 1.5]])
def test_segmentation_averages_probabilities_over_views(scales, flip):
    options = OPTIONS | {"scales": scales, "flip": flip}
    probabilities = probabilities_of(Stub(logits_of_colours), red_and_green(), **options)
    assert probabilities.shape == (3, 64, 96)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    labels = labels_of(Stub(logits_of_colours), red_and_green(), crf=None, **options)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels[:, [10, 48, 85]], np.tile([1, 0, 2], (64, 1)))


def test_segmentation_averages_after_the_softmax():
    def by_scale(c):  # logits ln 9 : 1 and 1 : ln 1 -> class 0 gets .9 and .5
        value = np.log(9.0) if c.shape[-1] == 96 else 0.0
        return torch.tensor([value, 0.0]).view(1, 2, 1, 1).expand(len(c), 2, *c.shape[-2:])

    options = OPTIONS | {"scales": [1.0, 2.0]}
    probabilities = probabilities_of(Stub(by_scale), red_and_green(), **options)
    np.testing.assert_allclose(probabilities[0], 0.7, atol=1e-5)


def test_a_dense_crf_cleans_the_segmentation():
    image = red_and_green()
    spoilt = image.copy()
    spoilt[30, 10] = 0
    crf = {
        "engine": "lattice", "iterations": 5, "gaussian_sxy": 3, "gaussian_weight": 20,
        "bilateral_sxy": 30, "bilateral_srgb": 50, "bilateral_weight": 0,
    }  # fmt: skip
    raw, clean = (labels_of(Stub(logits_of_colours, stride=1), spoilt, crf=c, **OPTIONS) for c in (None, crf))
    assert raw[30, 10] == 0
    assert clean[30, 10] == 1


CRF = {
    "engine": "lattice", "iterations": 3, "gaussian_sxy": 3, "gaussian_weight": 3,
    "bilateral_sxy": 30, "bilateral_srgb": 13, "bilateral_weight": 4,
}  # fmt: skip
with_and_without_crf = pytest.mark.parametrize("crf", [None, CRF], ids=["argmax", "crf"])


def colours_as_classes(c):
    """Background, red, green and blue."""
    return 8 * torch.cat([0.5 - c.amax(dim=1, keepdim=True), c], dim=1)


@with_and_without_crf
def test_tags_that_name_every_class_restrict_nothing(crf):
    images = [red_and_green(), green_and_blue()]
    free = segment(Stub(colours_as_classes), images, crf=crf, **OPTIONS)
    tagged = segment(Stub(colours_as_classes), images, crf=crf, tags=[(1, 2, 3)] * 2, **OPTIONS)
    assert {1, 2, 3} <= set(np.unique(free))
    np.testing.assert_array_equal(tagged, free)


@with_and_without_crf
@pytest.mark.parametrize("own", [(), (1,), (2,), (3,), (1, 3)], ids=str)
def test_with_tags_no_other_class_is_ever_given(crf, own):
    image = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    for picture in (image, red_and_green()):
        labels = labels_of(Stub(colours_as_classes), picture, crf=crf, tags=[own], **OPTIONS)
        assert labels.dtype == np.uint8
        assert set(np.unique(labels).tolist()) <= {0, *own}


def test_a_pixel_whose_class_is_no_tag_gets_the_best_of_the_others():
    def votes(c):  # everywhere green before red before background before blue
        return torch.tensor([0.0, 1.0, 2.0, -1.0]).view(1, 4, 1, 1).expand(len(c), 4, *c.shape[-2:])

    best = {(1, 2, 3): 2, (1, 3): 1, (3,): 0, (): 0}
    for own, label in best.items():
        labels = labels_of(Stub(votes), red_and_green(), crf=None, tags=[own], **OPTIONS)
        assert np.unique(labels).tolist() == [label]


@with_and_without_crf
def test_each_image_of_a_batch_has_tags_of_its_own(crf):
    images, tags = [red_and_green()] * 4, [(1, 2), (), (2,), (1,)]
    together = segment(Stub(colours_as_classes), images, crf=crf, tags=tags, **OPTIONS)
    for own, labels in zip(tags, together, strict=True):
        np.testing.assert_array_equal(
            labels, labels_of(Stub(colours_as_classes), red_and_green(), crf=crf, tags=[own], **OPTIONS)
        )
        assert set(np.unique(labels).tolist()) == {0, *own}


def green_and_blue() -> np.ndarray:
    return np.roll(red_and_green(), 1, axis=2)


def test_images_of_a_batch_get_what_each_gets_alone():
    images, tags = [red_and_green(), green_and_blue(), red_and_green()[:, ::-1]], [(1, 2), (3,), ()]
    options = CAM | {"scales": [1.0, 0.5], "flip": True}
    together = class_activation_maps(Stub(lambda c: c), images, tags, **options)
    alone = [cams_of(Stub(lambda c: c), image, own, **options) for image, own in zip(images, tags, strict=True)]
    for a, b in zip(together, alone, strict=True):
        assert a.classes.tolist() == b.classes.tolist()
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-6)

    walked = random_walk_scores(Stub(lambda c: c, stride=8), images, together, **WALK)
    for one, cams, image in zip(walked, together, images, strict=True):
        expected = walk_of(Stub(lambda c: c, stride=8), image, cams, **WALK)
        assert one.classes.tolist() == expected.classes.tolist()
        np.testing.assert_allclose(one.scores, expected.scores, atol=1e-5)

    probabilities = segmentation_probabilities(Stub(logits_of_colours), images, **OPTIONS | {"flip": True})
    for maps, image in zip(probabilities, images, strict=True):
        expected = probabilities_of(Stub(logits_of_colours), image, **OPTIONS | {"flip": True})
        np.testing.assert_allclose(maps, expected, atol=1e-6)
