"""Labels by PAMR and class thresholds: cases done by hand, and what absent classes and other images may not do."""

import pytest
import torch

from wsss_core.ops import pamr_labels as module
from wsss_core.voc import IGNORE_INDEX

REFINED = {"background_exponent": 4.0, "stride": 4, "dilations": (1, 2, 4, 8, 12, 24), "iterations": 10,
           "background_ratio": 0.7, "foreground_ratio": 0.6, "floor": 0.2}  # fmt: skip
BY_HAND = REFINED | {"background_exponent": 1.0, "stride": 1, "iterations": 0}
"""No refinement, and (1 - cam) beside one cam: the masks are what the cams say."""


def pamr_labels(*, images, cams, tags, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """PAMR's labels of a batch of images of one size: (B, H, W) labels, and the confidences where there is one."""
    present = [own.nonzero()[:, 0] for own in tags]
    found = module.pamr_labels(
        list(images.permute(0, 2, 3, 1)), [maps[own] for maps, own in zip(cams, present, strict=True)],
        [own + 1 for own in present], **options,
    )  # fmt: skip
    labels, confidence = map(torch.stack, found)
    return labels, confidence * (labels != IGNORE_INDEX)


def row(*cams: list[float]) -> dict[str, torch.Tensor]:
    """One image of one row; the cams of classes 1, 2, ... that it has."""
    maps = torch.tensor(cams)[None, :, None]
    images = torch.zeros(1, 3, 1, maps.shape[-1], dtype=torch.uint8)
    return {"images": images, "cams": maps, "tags": torch.ones(1, len(cams))}


def example(batch=2, classes=5, height=37, width=42, seed=0) -> dict[str, torch.Tensor]:
    """Photographs of noise with smooth cams of the classes 2 and 4."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, classes, 5, 5, generator=generator)
    cams = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    tags = torch.zeros(batch, classes)
    tags[:, [1, 3]] = 1
    return {
        "images": torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator),
        "cams": 0.999 * cams * tags[:, :, None, None],
        "tags": tags,
    }


def test_a_pixel_takes_the_class_above_its_threshold():
    # The largest masks are 1 and 0.9, so that the thresholds are 0.7 and 0.54.
    labels, confidence = pamr_labels(**row([0.0, 0.29, 0.31, 0.53, 0.55, 0.9]), **BY_HAND)
    assert labels.tolist() == [[[0, 0, 255, 255, 1, 1]]]
    torch.testing.assert_close(confidence, torch.tensor([[[1, 0.71, 0, 0, 0.55, 0.9]]]))


def test_a_pixel_above_two_thresholds_is_ignored():
    # Masks (0.5, 0.5), (0, 1), (0.7, 0.3): thresholds of 0.5 * 0.7 and 0.4 * 1.
    ratios = {"background_ratio": 0.5, "foreground_ratio": 0.4}
    labels, confidence = pamr_labels(**row([0.5, 1.0, 0.3]), **BY_HAND | ratios)
    assert labels.tolist() == [[[255, 1, 0]]]
    torch.testing.assert_close(confidence, torch.tensor([[[0, 1, 0.7]]]))


def test_two_classes_on_one_pixel_cancel_out():
    # The cams of pixel 1, divided by 0.05 + 0.95 + 0.75, are 0.54 and 0.43; the thresholds are 0.33 and 0.26.
    labels, _ = pamr_labels(**row([0.0, 0.95, 0.5], [0.0, 0.75, 0.0]), **BY_HAND)
    assert labels.tolist() == [[[0, 255, 1]]]


def test_a_class_that_is_weak_everywhere_labels_nothing():
    # 0.6 of its largest mask is 0.114, but the floor is 0.2.
    weak = row([0.19, 0.1, 0.0])
    assert pamr_labels(**weak, **BY_HAND | {"background_ratio": 0.95})[0].tolist() == [[[255, 255, 0]]]
    lowered = BY_HAND | {"background_ratio": 0.95, "floor": 0.0}
    assert pamr_labels(**weak, **lowered)[0].tolist() == [[[1, 255, 0]]]


class _WithoutFloat64(torch.Tensor):
    """Says that it lies on MPS, which has no float64; `to` takes it elsewhere."""

    device = torch.device("mps")

    def to(self, *place, **options) -> torch.Tensor:
        return self.as_subclass(torch.Tensor).to(*place, **options)

    def double(self) -> torch.Tensor:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")


def test_a_device_without_float64_gets_the_same_masks():
    drawn = example(batch=1)
    image, masks = drawn["images"][0], torch.rand(2, *drawn["images"].shape[2:])
    options = {name: REFINED[name] for name in ("stride", "dilations", "iterations")}
    expected = module._refined(image, masks, **options)
    torch.testing.assert_close(module._refined(image.as_subclass(_WithoutFloat64), masks, **options), expected,
                               rtol=0, atol=0)  # fmt: skip


def test_thresholds_are_those_of_each_image():
    strong, weak = row([0.9, 0.5, 0.0]), row([0.5, 0.5, 0.0])
    both = {name: torch.cat([value, weak[name]]) for name, value in strong.items()}
    assert pamr_labels(**both, **BY_HAND)[0].tolist() == [[[1, 255, 0]], [[1, 1, 0]]]


def test_a_low_exponent_strengthens_the_background():
    # At a cam of 0.5: (1 - 0.5)^4 / ((1 - 0.5)^4 + 0.5) = 0.11 of the sum.
    masks = row([0.5, 0.9, 0.0])
    assert pamr_labels(**masks, **BY_HAND)[0].tolist() == [[[255, 1, 0]]]
    labels, confidence = pamr_labels(**masks, **BY_HAND | {"background_exponent": 4.0})
    assert labels.tolist() == [[[1, 1, 0]]]
    assert float(confidence[0, 0, 0]) == pytest.approx(1 - 0.0625 / 0.5625)


def test_masks_pass_through_cells_between_whose_centres_they_are_linear():
    # Cells of four pixels: 0.15 and 0.55, the cam at their centres; thresholds 0.7 * 0.85 and 0.6 * 0.55.
    labels, confidence = pamr_labels(**row([0.1 * x for x in range(8)]), **BY_HAND | {"stride": 4})
    assert labels.tolist() == [[[0, 0, 0, 0, 255, 1, 1, 1]]]
    torch.testing.assert_close(confidence, torch.tensor([[[0.85, 0.85, 0.8, 0.7, 0, 0.5, 0.55, 0.55]]]))


def test_labels_are_tags_background_or_ignored():
    batch = example()
    labels, confidence = pamr_labels(**batch, **REFINED)
    assert (labels.dtype, confidence.dtype) == (torch.int64, torch.float32)
    assert labels.shape == confidence.shape == (2, 37, 42)
    assert set(labels.unique().tolist()) == {0, 2, 4, IGNORE_INDEX}
    assert ((confidence > 0) == (labels != IGNORE_INDEX)).all()


def test_an_image_without_tags_is_background():
    batch = example()
    batch["tags"] = torch.zeros_like(batch["tags"])
    labels, confidence = pamr_labels(**batch, **REFINED)
    assert not labels.any()
    torch.testing.assert_close(confidence, torch.ones_like(confidence), atol=1e-5, rtol=0)
    assert confidence.max() <= 1                                       # sums of float32 weights exceed it


def test_an_empty_cam_labels_only_background():
    batch = example()
    batch["cams"] = torch.zeros_like(batch["cams"])
    assert set(pamr_labels(**batch, **REFINED)[0].unique().tolist()) == {0}


def test_cams_without_a_tag_have_no_influence():
    batch = example()
    untagged = batch["tags"][:, :, None, None] == 0
    noisy = batch | {"cams": torch.where(untagged, 0.9, batch["cams"])}
    for found, expected in zip(pamr_labels(**noisy, **REFINED), pamr_labels(**batch, **REFINED), strict=True):
        assert torch.equal(found, expected)


def test_images_of_a_batch_do_not_meet():
    batch = example()
    labels, confidence = pamr_labels(**batch, **REFINED)
    for index in range(2):
        one = pamr_labels(**{name: value[index : index + 1] for name, value in batch.items()}, **REFINED)
        assert torch.equal(one[0][0], labels[index])
        assert torch.equal(one[1][0], confidence[index])


def test_labels_end_where_the_colours_do():
    """A disc of light on dark ground, and a cam whose square is both too small and too large for it."""
    y, x = torch.meshgrid(*[torch.arange(96.0)] * 2, indexing="ij")
    disc = (y - 48) ** 2 + (x - 48) ** 2 < 32**2
    noise = 10 * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    photograph = (torch.where(disc, 200.0, 60.0) + noise).clamp(0, 255).byte()
    cam = torch.exp(-((y - 44) ** 2 + (x - 52) ** 2) / (2 * 22**2))
    batch = {"images": photograph, "cams": 0.99 * cam[None, None], "tags": torch.ones(1, 1)}

    def overlap(options: dict) -> float:
        found = pamr_labels(**batch, **options)[0][0] == 1
        return float((found & disc).sum() / (found | disc).sum())

    assert overlap(REFINED) > 0.9 > overlap(REFINED | {"iterations": 0})


def test_the_colour_of_a_flat_photograph_changes_nothing():
    # 33 pixels to 9 cells: weights of the resizing that float32 does not add up to one.
    batch = example(height=33, width=33)
    black = batch | {"images": torch.zeros_like(batch["images"])}
    grey = batch | {"images": torch.full_like(batch["images"], 201)}
    for found, expected in zip(pamr_labels(**grey, **REFINED), pamr_labels(**black, **REFINED), strict=True):
        assert torch.equal(found, expected)


def test_half_precision_cams_give_float32_confidence_without_a_gradient():
    batch = example()
    cams = batch["cams"].bfloat16()
    expected = pamr_labels(**batch | {"cams": cams.float()}, **REFINED)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        labels, confidence = pamr_labels(**batch | {"cams": cams.requires_grad_()}, **REFINED)
    assert not confidence.requires_grad
    assert torch.equal(labels, expected[0])
    assert torch.equal(confidence, expected[1])


def test_cams_of_another_size_are_refused():
    image, cam = torch.zeros(4, 5, 3, dtype=torch.uint8), torch.zeros(1, 4, 4)
    with pytest.raises(ValueError, match=r"cams are \(4, 4\), their image \(4, 5\); resize the cams"):
        module.pamr_labels([image], [cam], [torch.tensor([1])], **REFINED)


@pytest.mark.parametrize("size", [(40, 32), (37, 30)])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_grid_moves_nothing(size, axis):
    ramp = 0.55 + 0.4 * torch.arange(size[axis]) / size[axis]
    cam = (ramp[:, None] if axis == 0 else ramp[None]).expand(size)
    image = torch.zeros(*size, 3, dtype=torch.uint8)
    _, (confidence,) = module.pamr_labels([image], [cam[None]], [torch.tensor([3])], **BY_HAND | {"stride": 4})
    inside = slice(8, -8)
    half_a_pixel = 0.5 * 0.4 / size[axis]
    assert (confidence - cam)[inside, inside].abs().max() < half_a_pixel
