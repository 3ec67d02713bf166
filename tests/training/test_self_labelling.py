"""Labels that a network makes for its own batch: scales, normalisation, padding, and what `make` is given."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.ops.cam import EPSILON
from wsss_core.ops.grids import grid_size
from wsss_core.ops.images import normalise
from wsss_core.ops.mean_field import Kernels
from wsss_core.ops.network_cells import at_pixels, class_maps_on_cells
from wsss_core.ops.reliable_labels import Reliability, reliable_labels
from wsss_core.training.self_labelling import SelfLabels, multi_scale_cams, self_labels
from wsss_core.voc import IGNORE_INDEX

NUM_CLASSES = 3
RULE = Reliability(
    background_exponent_low=4, background_exponent_high=32, keep=0.4, cam_threshold=0.1, background_threshold=0.8,
    crf_threshold=0.8, agree=False, iterations=5, kernels=Kernels(3, 3, 80, 13, 10),
)  # fmt: skip


class Network(nn.Module):
    """Class maps of a stride that are known for each size of its input: `known(size)`, else their height."""

    def __init__(
        self, known=lambda size: torch.full((1, NUM_CLASSES, 1, 1), float(size[0])), stride: int = 8
    ) -> None:
        super().__init__()
        self.known, self.calls, self.stride, self.centre = known, [], stride, (stride - 1) / 2

    def forward(self, images: torch.Tensor, *, segment: bool) -> dict[str, torch.Tensor]:
        assert not segment
        self.calls.append((images, self.training, torch.is_grad_enabled()))
        grid = [-(-side // self.stride) for side in images.shape[-2:]]
        return {"cam": self.known(tuple(images.shape[-2:])).expand(len(images), NUM_CLASSES, *grid)}


class Maker:
    """Keeps what it was given; labels every pixel with the last tag, or 0, with confidence 0.7."""

    def __call__(self, images, cams, tags):
        self.images, self.cams, self.tags = images, cams, tags
        last = [int(own[-1]) if len(own) else 0 for own in tags]
        labels = [torch.full(maps.shape[1:], tag) for maps, tag in zip(cams, last, strict=True)]
        return labels, [torch.full(maps.shape[1:], 0.7) for maps in cams]


def batch_of(pictures: torch.Tensor, tags: list[list[float]]) -> dict:
    """A batch without padding, of (B, 3, H, W) uint8 pictures."""
    roi = torch.ones(len(pictures), *pictures.shape[-2:], dtype=torch.bool)
    return {"image": normalise(pictures), "tags": torch.tensor(tags).float(), "roi": roi}


def noise(batch=2, height=40, width=48, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


def outputs_of(batch: dict, grid=(5, 6), seed=0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size = len(batch["image"])
    return {
        "cam": 3 * torch.rand(size, NUM_CLASSES, *grid, generator=generator),
        "logits": torch.zeros(size, NUM_CLASSES),
    }


def label(batch: dict, outputs: dict | None = None, *, make, model: nn.Module | None = None, **changes) -> SelfLabels:
    options = {"scales": [1.0], "cam_eval_mode": True, "least_presence": 0.0}
    model = Network() if model is None else model
    return self_labels(model, batch, outputs_of(batch) if outputs is None else outputs, make=make, **options | changes)


TAGS = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 72), [(32, 36), (96, 108), (128, 144)]),
        ((67, 71), [(33, 35), (100, 106), (134, 142)]),                     # rounded down
        ((40, 70), [(32, 35), (60, 105), (80, 140)]),                       # no side below 32
    ],
)
def test_views_have_their_scale_s_size_and_scale_1_is_not_computed_again(size, expected):
    network = Network()
    images, cams = torch.randn(2, 3, *size), torch.zeros(2, NUM_CLASSES, *grid_size(size, stride=8))
    multi_scale_cams(network, images, cams, scales=[0.5, 1.0, 1.5, 2.0], eval_mode=True)
    assert [tuple(view.shape[-2:]) for view, _, _ in network.calls] == expected
    for view, _, _ in network.calls:
        torch.testing.assert_close(view, F.interpolate(images, size=view.shape[-2:], mode="bilinear"))


def test_the_mean_is_of_raw_maps_so_that_strong_scales_dominate():
    network = Network()
    cams = torch.randn(2, NUM_CLASSES, 8, 9).relu()
    maps = multi_scale_cams(network, torch.zeros(2, 3, 64, 72), cams, scales=[0.5, 1, 1.5, 2], eval_mode=True)
    torch.testing.assert_close(maps, (cams + 32 + 96 + 128) / 4)


def test_maps_of_other_scales_are_brought_to_the_grid_of_scale_1():
    generator = torch.Generator().manual_seed(0)
    known = {(32, 36): torch.rand(2, NUM_CLASSES, 4, 5, generator=generator),
             (128, 144): torch.rand(2, NUM_CLASSES, 16, 18, generator=generator)}  # fmt: skip
    cams = torch.rand(2, NUM_CLASSES, 8, 9, generator=generator)
    maps = multi_scale_cams(Network(known.get), torch.zeros(2, 3, 64, 72), cams, scales=[0.5, 1, 2], eval_mode=True)
    others = [
        class_maps_on_cells(other, view=view, size=(64, 72), stride=8, centre=3.5) for view, other in known.items()
    ]
    torch.testing.assert_close(maps, (cams + sum(others)) / 3)


def test_without_scale_1_the_maps_of_the_forward_pass_do_not_count():
    cams = torch.full((1, NUM_CLASSES, 8, 9), 1e6)
    maps = multi_scale_cams(Network(), torch.zeros(1, 3, 64, 72), cams, scales=[0.5, 1.5], eval_mode=True)
    torch.testing.assert_close(maps, torch.full_like(cams, 64.0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cam_eval_mode", [True, False])
def test_the_network_is_in_eval_mode_in_between_on_demand_and_restored(training, cam_eval_mode):
    network = Network().train(training)
    label(batch_of(noise(), TAGS), make=Maker(), model=network, scales=[0.5, 1, 2], cam_eval_mode=cam_eval_mode)
    assert [mode for _, mode, _ in network.calls] == 2 * [training and not cam_eval_mode]
    assert network.training == training


def test_make_gets_the_very_photographs_that_were_normalised():
    pictures, make = noise(), Maker()
    label(batch_of(pictures, TAGS), make=make)
    assert torch.equal(torch.stack(make.images), pictures.permute(0, 2, 3, 1))
    assert {given.dtype for given in make.images} == {torch.uint8}


def test_make_gets_the_maps_of_the_tags_at_full_size_each_divided_by_its_maximum():
    batch, make = batch_of(noise(), TAGS), Maker()
    outputs = outputs_of(batch)
    label(batch, outputs, make=make)
    assert [own.tolist() for own in make.tags] == [[1, 3], [2]]
    full = at_pixels(outputs["cam"], (40, 48), stride=8)
    for given, maps, places in zip(make.cams, full, ([0, 2], [1]), strict=True):
        expected = torch.stack([maps[c] / (maps[c].max() + EPSILON) for c in places])
        torch.testing.assert_close(given, expected)
        assert given.amax(dim=(1, 2)).tolist() == pytest.approx(len(places) * [1.0], abs=1e-4)
        assert given.max() < 1


def test_a_tag_without_any_response_stays_0():
    batch, make = batch_of(noise(), TAGS), Maker()
    outputs = outputs_of(batch)
    outputs["cam"][0, 2] = 0
    label(batch, outputs, make=make)
    assert not make.cams[0][1].any() and make.cams[0][0].any()


def test_a_tag_that_the_classifier_does_not_find_makes_no_label():
    batch, make = batch_of(noise(), TAGS), Maker()
    logits = torch.tensor([[-0.9, 9.0, -0.8], [0.0, 5.0, 0.0]])            # sigmoid(-.85) = .299
    outputs = outputs_of(batch) | {"logits": logits}
    label(batch, outputs, make=make, least_presence=0.3)
    assert [own.tolist() for own in make.tags] == [[3], [2]]               # and an untagged class never
    label(batch, {**outputs, "logits": logits - 200}, make=make, least_presence=0.0)  # all of probability 0
    assert [own.tolist() for own in make.tags] == [[1, 3], [2]]
    made = label(batch, outputs, make=make, least_presence=1.0)
    assert [maps.shape for maps in make.cams] == [(0, 40, 48)] * 2
    assert not made.labels.any()


def test_an_image_without_tags_has_no_maps():
    make = Maker()
    made = label(batch_of(noise(), [[0.0] * 3, [1.0] * 3]), make=make)
    assert [maps.shape for maps in make.cams] == [(0, 40, 48), (3, 40, 48)]
    assert make.tags[0].shape == (0,) and make.tags[0].dtype == torch.int64
    assert not made.labels[0].any() and (made.labels[1] == 3).all()


@pytest.mark.parametrize("tags", [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
def test_a_batch_of_one_keeps_its_axis(tags):
    made = label(batch_of(noise(batch=1), [tags]), make=lambda *given: reliable_labels(*given, RULE))
    assert made.labels.shape == made.confidence.shape == (1, 40, 48)
    assert made.labels.dtype == torch.int64 and made.confidence.dtype == torch.float32
    assert set(made.labels.unique().tolist()) <= {0, 1, 3, IGNORE_INDEX}


def test_confidence_is_0_where_the_label_is_ignored():
    def half(images, cams, tags):
        labels = [torch.full(maps.shape[1:], IGNORE_INDEX) for maps in cams]
        for each in labels:
            each[:, :24] = 0
        return labels, [torch.full(maps.shape[1:], 0.9) for maps in cams]

    made = label(batch_of(noise(), TAGS), make=half)
    assert (made.confidence[..., :24] == 0.9).all() and not made.confidence[..., 24:].any()
    assert made.share.item() == 0.5


def test_no_gradient_flows_into_labels():
    batch, network = batch_of(noise(), TAGS), Network()
    outputs = {name: value.requires_grad_() for name, value in outputs_of(batch).items()}
    made = label(batch, outputs, make=lambda *given: reliable_labels(*given, RULE), model=network, scales=[0.5, 1])
    assert not made.labels.requires_grad and not made.confidence.requires_grad
    assert [grad for _, _, grad in network.calls] == [False]
    assert torch.is_grad_enabled()


def test_maps_are_float32_within_autocast():
    batch, make = batch_of(noise(), TAGS), Maker()
    outputs = {name: value.bfloat16() for name, value in outputs_of(batch).items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = label(batch, outputs, make=make)
    assert make.cams[0].dtype == made.confidence.dtype == torch.float32


def padded(batch: dict, outputs: dict, *, at: tuple[int, int], size: int) -> tuple[dict, dict, tuple[slice, slice]]:
    """The same photographs in a black canvas, whose class maps, one cell a pixel, shout in the padding."""
    height, width = batch["image"].shape[-2:]
    part = slice(at[0], at[0] + height), slice(at[1], at[1] + width)
    canvas = normalise(torch.zeros(len(batch["image"]), 3, size, size, dtype=torch.uint8))
    canvas[:, :, *part] = batch["image"]
    roi = torch.zeros(len(canvas), size, size, dtype=torch.bool)
    roi[:, *part] = True
    maps = torch.full((len(canvas), NUM_CLASSES, size, size), 50.0)
    maps[:, :, *part] = outputs["cam"]
    return {**batch, "image": canvas, "roi": roi}, {**outputs, "cam": maps}, part


@pytest.mark.parametrize("at", [(0, 0), (5, 3), (24, 8)])
def test_padding_has_no_label_and_no_influence_on_those_inside(at):
    batch = batch_of(noise(height=24, width=40), TAGS)
    smooth = torch.rand(2, NUM_CLASSES, 3, 5, generator=torch.Generator().manual_seed(1))
    outputs = outputs_of(batch) | {"cam": F.interpolate(smooth, size=(24, 40), mode="bilinear")}
    canvas, shouting, part = padded(batch, outputs, at=at, size=48)

    def make(*given):
        return reliable_labels(*given, RULE)

    by_pixel = Network(stride=1)
    plain, around = (label(*given, make=make, model=by_pixel) for given in ((batch, outputs), (canvas, shouting)))
    assert torch.equal(around.labels[:, *part], plain.labels)
    assert torch.equal(around.confidence[:, *part], plain.confidence)
    assert (around.labels[~canvas["roi"]] == IGNORE_INDEX).all()
    assert not around.confidence[~canvas["roi"]].any()
    assert {*plain.labels.unique().tolist()} > {IGNORE_INDEX}


def test_each_image_has_its_own_padding():
    batch, make = batch_of(noise(height=48, width=48), TAGS), Maker()
    batch["roi"][0, 40:] = False
    batch["roi"][1, :, :8] = False
    made = label(batch, outputs_of(batch, grid=(6, 6)), make=make)
    assert [picture.shape for picture in make.images] == [(40, 48, 3), (48, 40, 3)]
    assert [maps.shape for maps in make.cams] == [(2, 40, 48), (1, 48, 40)]
    assert torch.equal(made.labels != IGNORE_INDEX, batch["roi"])
    assert made.share.item() == pytest.approx(5 / 6)
    assert torch.equal(made.confidence > 0, batch["roi"])
