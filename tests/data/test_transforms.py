"""Paired augmentation: image and mask move together, padding is told apart."""

import random

import pytest
import torch
from torchvision import tv_tensors

from wsss_core.data.transforms import RandomPaddedCrop, RandomRescale, augmentation
from wsss_core.ops.images import MEAN, STD, normalise
from wsss_core.voc import IGNORE_INDEX

PLAIN = {"long_side": None, "scale": (1.0, 1.0), "crop": 32, "flip": False, "color_jitter": (0, 0, 0, 0), "pad": "mean"}


@pytest.fixture(autouse=True)
def _seed():
    random.seed(0)
    torch.manual_seed(0)


def image_of(mask: torch.Tensor) -> tv_tensors.Image:
    """A picture whose colour tells the label of each pixel."""
    return tv_tensors.Image(mask.as_subclass(torch.Tensor).expand(3, -1, -1).clone())


def blocks(height=40, width=56) -> tv_tensors.Mask:
    """Four quarters labelled 10, 60, 110, 160."""
    mask = torch.full((1, height, width), 10, dtype=torch.uint8)
    mask[:, :, width // 2 :] += 50
    mask[:, height // 2 :] += 100
    return tv_tensors.Mask(mask)


def labels_of(image: torch.Tensor) -> torch.Tensor:
    """The picture's colour as label again, from its first channel."""
    return (image[0] * STD[0] + MEAN[0]) * 255


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("changes", [{}, {"scale": (0.5, 1.7)}, {"long_side": (20, 70)}])
def test_image_and_mask_go_through_the_same_geometry(seed, changes):
    random.seed(seed)
    torch.manual_seed(seed)
    image, mask = augmentation(**PLAIN | {"flip": True} | changes)(image_of(blocks()), blocks())
    assert image.shape == (3, 32, 32)
    assert mask.shape == (1, 32, 32)
    inside = mask[0] != IGNORE_INDEX
    assert inside.any()
    agree = (labels_of(image) - mask[0].float()).abs() < 25  # resizing blends along the borders of the quarters
    assert agree[inside].float().mean() > 0.85
    torch.testing.assert_close(image[:, ~inside], torch.zeros(3, int((~inside).sum())))


def test_masks_are_resized_without_new_values():
    _, mask = augmentation(**PLAIN | {"scale": (1.37, 1.37)})(image_of(blocks()), blocks())
    assert set(mask.unique().tolist()) <= {10, 60, 110, 160}
    assert mask.dtype == torch.uint8


def test_without_any_change_the_image_is_only_normalised():
    image = tv_tensors.Image(torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8))
    result = augmentation(**PLAIN)(image)
    torch.testing.assert_close(result.as_subclass(torch.Tensor), normalise(image).as_subclass(torch.Tensor))


@pytest.mark.parametrize(
    ("pad", "value"), [("mean", (0.0, 0.0, 0.0)), ("black", tuple(-m / s for m, s in zip(MEAN, STD, strict=True)))]
)
def test_a_small_image_is_padded_with_the_mean_colour_or_black(pad, value):
    white = tv_tensors.Image(torch.full((3, 8, 12), 255, dtype=torch.uint8))
    image, mask = augmentation(**PLAIN | {"pad": pad})(white, tv_tensors.Mask(torch.zeros(1, 8, 12, dtype=torch.uint8)))
    assert (mask == 0).sum() == 8 * 12
    assert (mask == IGNORE_INDEX).sum() == 32 * 32 - 8 * 12
    assert torch.equal(image[0] > 1, mask[0] == 0)  # white lies above both paddings
    padding = image.as_subclass(torch.Tensor)[:, (mask[0] == IGNORE_INDEX).as_subclass(torch.Tensor)]
    torch.testing.assert_close(padding, torch.tensor(value).view(3, 1).expand_as(padding))


def test_crops_reach_every_place_and_no_other():
    crop = RandomPaddedCrop(4, pad="mean")
    ramp = tv_tensors.Image(torch.arange(6.0).expand(3, 4, 6).clone())
    starts = {int(crop(ramp)[0, 0, 0]) for _ in range(100)}
    assert starts == {0, 1, 2}


def test_what_is_cropped_stays_an_image_or_a_mask_of_its_dtype():
    image, mask = RandomPaddedCrop(4, pad="mean")(tv_tensors.Image(torch.ones(3, 40, 56)), blocks())
    assert (type(image), image.dtype) == (tv_tensors.Image, torch.float32)
    assert (type(mask), mask.dtype) == (tv_tensors.Mask, torch.uint8)


def test_a_small_image_lands_at_every_place_of_the_window():
    crop = RandomPaddedCrop(4, pad="mean")
    column = tv_tensors.Image(torch.ones(3, 4, 2))
    places = {int(crop(column)[0, 0].argmax()) for _ in range(100)}
    assert places == {0, 1, 2}


@pytest.mark.parametrize("size", [(30, 60), (60, 30)])
def test_the_long_side_gets_a_random_length_and_the_aspect_stays(size):
    rescale = RandomRescale(long_side=(80, 100), scale=(1, 1))
    sizes = {tuple(rescale(tv_tensors.Image(torch.zeros(3, *size))).shape[1:]) for _ in range(60)}
    assert {max(s) for s in sizes} <= set(range(80, 101))
    assert len(sizes) > 10
    assert all(abs(max(s) - 2 * min(s)) <= 1 for s in sizes)


def test_a_single_pixel_becomes_a_crop():
    augment = augmentation(**PLAIN | {"scale": (0.5, 0.5), "flip": True, "color_jitter": (0.3, 0.3, 0.3, 0.1)})
    pixel = torch.ones(1, 1, 1, dtype=torch.uint8)
    image, mask = augment(image_of(pixel), tv_tensors.Mask(pixel))
    assert image.shape == (3, 32, 32)
    assert (mask == 1).sum() == 1


def test_colour_jitter_leaves_masks_alone():
    augment = augmentation(**PLAIN | {"crop": 56, "color_jitter": (0.5, 0.5, 0.5, 0.2)})
    image, mask = augment(image_of(blocks()), blocks())
    assert set(mask.unique().tolist()) == {10, 60, 110, 160, IGNORE_INDEX}
    inside = mask[0] != IGNORE_INDEX
    assert (labels_of(image)[inside] - mask[0][inside]).abs().max() > 3
