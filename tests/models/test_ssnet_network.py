"""SSNet's networks: shapes of the paper's backbone, trained upsampling, and a saliency map made of class masks."""

import pytest
import torch
import torch.nn.functional as F

from wsss_core.methods.ssnet.aggregation import SaliencyAggregation, aggregated
from wsss_core.methods.ssnet.network import SSNet
from wsss_core.methods.ssnet.upsampling import Upsampling, bilinear_kernel
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone

BACKBONE = {
    "name": "test_resnet", "output_stride": 8, "weights": "none", "dilate": True, "batch_norm": "trained",
    "freeze_stem": False,
}  # fmt: skip


def build(step: int, *, num_classes: int = 4, **changes):
    options = {"step": step, "aggregation_grid": 3, "atrous_rates": None}
    backbone = {**BACKBONE, **{name: changes.pop(name) for name in list(changes) if name in BACKBONE}}
    return build_network(SSNet, pretrained_backbone(**backbone), num_classes=num_classes, options=options | changes)


@pytest.mark.parametrize(
    ("step", "stride", "shapes"),
    [
        (1, 16, [(256, 32, 32), (640, 16, 16), (1664, 16, 16)]),
        (2, 8, [(256, 32, 32), (640, 32, 32), (1664, 32, 32)]),
    ],
)
def test_densenet_169_has_the_shapes_of_the_released_networks(step, stride, shapes):
    grid = 16 * step
    network = build(step, num_classes=20, name="densenet169", output_stride=stride, aggregation_grid=grid).eval()
    images = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        taps, outputs = network.backbone.taps(images, (-3, -2, -1)), network(images)
    assert [tuple(tap.shape[1:]) for tap in taps] == shapes
    assert taps[-1].min() < 0, "the last norm has no ReLU behind it"
    assert outputs["seg"].shape == (1, 21, 256, 256)
    assert network.aggregation.weigh.weight.shape == (21, 1664, grid, grid)
    if step == 1:
        assert outputs["coarse"].shape == (1, 21, 16, 16)
        assert [layer.weight.shape[:2] for layer in network.head.classifiers] == [(21, 256), (21, 640), (21, 1664)]
        assert network.head.full.weight.shape == (21, 21, 16, 16)
    else:
        assert outputs["logits"].shape == (1, 20)
        assert [branch.dilation[0] for branch in network.head.aspp.branches] == [6, 12, 18, 24]


@pytest.mark.parametrize("step", [1, 2])
def test_masks_sum_to_one_and_saliency_stays_below_what_is_not_background(step):
    with torch.no_grad():
        outputs = build(step)(torch.randn(2, 3, 50, 66))
    torch.testing.assert_close(outputs["seg"].softmax(1)[:, :1], outputs["background"])
    assert outputs["saliency"].shape == outputs["background"].shape == (2, 1, 50, 66)
    assert (outputs["saliency"] >= 0).all()
    assert (outputs["saliency"] <= 1 - outputs["background"] + 1e-6).all()


def test_where_every_class_counts_fully_the_saliency_is_all_that_is_not_background():
    masks = torch.randn(2, 5, 6, 7).softmax(dim=1)
    torch.testing.assert_close(aggregated(torch.ones(2, 5, 1, 1), masks), 1 - masks[:, :1])
    with torch.no_grad():
        outputs = build(1, aggregation_grid=0)(torch.randn(1, 3, 40, 40))
    torch.testing.assert_close(outputs["saliency"], 1 - outputs["background"])


def test_where_no_class_counts_nothing_is_salient_and_no_mask_learns():
    masks = torch.randn(1, 4, 5, 5, requires_grad=True)
    saliency = aggregated(torch.zeros(1, 4, 1, 1), masks.softmax(dim=1))
    assert not saliency.any()
    saliency.sum().backward()
    assert not masks.grad.any()


def test_the_background_s_weight_has_no_part_in_the_map():
    masks, weights = torch.rand(1, 3, 2, 2), torch.rand(1, 3, 1, 1)
    changed = weights.clone()
    changed[:, 0] = 1 - changed[:, 0]
    assert torch.equal(aggregated(weights, masks), aggregated(changed, masks))


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (16, 16)])
def test_weights_of_classes_are_probabilities_for_features_of_any_size(size):
    weights = SaliencyAggregation(8, 5, grid=4)(torch.randn(2, 8, *size))
    assert weights.shape == (2, 5, 1, 1)
    assert ((weights > 0) & (weights < 1)).all()


def test_features_of_the_grid_s_own_size_meet_the_released_convolution():
    module, features = SaliencyAggregation(6, 3, grid=5), torch.randn(2, 6, 5, 5)
    torch.testing.assert_close(module(features), F.conv2d(features, module.weigh.weight, module.weigh.bias).sigmoid())


def test_the_bilinear_kernel_by_hand():
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    torch.testing.assert_close(bilinear_kernel(4), line[:, None] * line)
    odd = torch.tensor([0.5, 1.0, 0.5])
    torch.testing.assert_close(bilinear_kernel(3), odd[:, None] * odd)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_new_upsampling_keeps_a_constant_and_every_channel_apart(factor):
    layer = Upsampling(3, factor=factor)
    maps = torch.zeros(1, 3, 6, 6)
    maps[:, 1] = 2.5
    with torch.no_grad():
        large = layer(maps)
    assert large.shape == (1, 3, 6 * factor, 6 * factor)
    inside = large[..., factor:-factor, factor:-factor]
    torch.testing.assert_close(inside[:, 1], torch.full_like(inside[:, 1], 2.5))
    assert not large[:, [0, 2]].any()
    assert all(parameter.requires_grad for parameter in layer.parameters())


@pytest.mark.parametrize("factor", [2, 4])
def test_new_upsampling_is_bilinear_interpolation_inside(factor):
    maps = torch.randn(1, 2, 7, 5)
    with torch.no_grad():
        ours = Upsampling(2, factor=factor)(maps)
    theirs = F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
    cut = (..., slice(factor, -factor), slice(factor, -factor))
    torch.testing.assert_close(ours[cut], theirs[cut])
