"""DeepLab: each head on each kind of backbone."""

import math

import pytest
import torch
from torch import nn

from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.models.backbones.resnet38d import ResNet38d, WideResNet
from wsss_core.models.heads import HEADS, build_head
from wsss_core.models.pretrained import pretrained_backbone

NAMES = ("resnet10t", "mobilenetv2_050", "densenet121", "resnet38d")


def build(name: str = "resnet10t", output_stride: int = 8, head: str = "largefov", **options) -> DeepLab:
    torch.manual_seed(0)
    if name == "resnet38d":
        backbone = WideResNet(ResNet38d(width=2), name=name, stride=8, batch_norm="frozen")
    else:
        backbone = pretrained_backbone(name=name, output_stride=output_stride, weights="none", batch_norm="frozen")
    return DeepLab(backbone, num_classes=5, head=head, **options)


def rates(module: nn.Module) -> list[int]:
    return [m.dilation[0] for m in module.modules() if isinstance(m, nn.Conv2d) and m.dilation[0] > 1]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
def test_logits_have_the_background_and_the_grid_of_the_backbone(name, head):
    network = build(name, head=head).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 50, 33))["seg"].shape == (1, 6, math.ceil(50 / 8), math.ceil(33 / 8))
        assert network(torch.zeros(1, 3, 1, 1))["seg"].shape == (1, 6, 1, 1)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_trainable_parameter(name, head):
    network = build(name, head=head)
    network(torch.randn(1, 3, 40, 40))["seg"].square().mean().backward()
    untouched = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert not untouched


def test_deeplabv3_trains_on_one_image_and_treats_images_alone_in_its_pooled_branch():
    head = build_head("deeplabv3", in_channels=8, num_outputs=3, stride=8).train()
    pooled = head[0].convs[-1]
    images = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(pooled(images)[:1], pooled(images[:1]))
    assert head(images[:1]).shape == (1, 3, 5, 5)


@pytest.mark.parametrize(
    ("head", "output_stride", "expected"),
    [
        ("largefov", 8, [12, 12]),
        ("largefov", 16, [6, 6]),
        ("aspp_v2", 8, [6, 12, 18, 24]),
        ("deeplabv3", 8, [12, 24, 36]),
        ("deeplabv3", 16, [6, 12, 18]),
    ],
)
def test_rates_are_the_papers_at_stride_8_and_scale_with_the_stride(head, output_stride, expected):
    assert rates(build_head(head, in_channels=4, num_outputs=2, stride=output_stride)) == expected


@pytest.mark.parametrize(
    ("head", "given", "expected"), [("largefov", [3], [3, 3]), ("aspp_v2", [2, 5], [2, 5])]
)
def test_given_rates_are_taken_as_they_are(head, given, expected):
    assert rates(build(output_stride=16, head=head, atrous_rates=given).head) == expected


def test_aspp_v2_is_the_sum_of_its_branches():
    head = build_head("aspp_v2", in_channels=4, num_outputs=2, stride=8)
    features = torch.randn(1, 4, 9, 9)
    torch.testing.assert_close(head(features), torch.stack([b(features) for b in head.branches]).sum(dim=0))


def test_two_largefov_convolutions_see_24_cells_far():
    head = build_head("largefov", in_channels=1, num_outputs=1, stride=8)
    features = torch.zeros(1, 1, 1, 61, requires_grad=True)
    for layer in (head.hidden, head.logits):
        nn.init.constant_(layer.weight, 1.0)
        nn.init.constant_(layer.bias, 1.0)
    head(features)[0, 0, 0, 30].backward()
    assert features.grad[0, 0, 0].nonzero().flatten().tolist() == [6, 18, 30, 42, 54]


def test_state_dict_of_the_backbone_fits_a_backbone_that_gives_features():
    deeplab = build("mobilenetv2_050")
    build("mobilenetv2_050", output_stride=16).backbone.load_state_dict(deeplab.backbone.state_dict())
    fresh = pretrained_backbone(name="mobilenetv2_050", output_stride=32, weights="none", batch_norm="trained")
    fresh.load_state_dict(deeplab.backbone.state_dict())
    assert torch.equal(fresh.net.conv_head.weight, deeplab.backbone.net.conv_head.weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "fcn"}, "head is 'fcn', expected one of largefov, aspp_v2, deeplabv3"),
        ({"atrous_rates": [6, 12]}, r"largefov has one atrous rate, not \[6, 12\]"),
        ({"atrous_rates": []}, r"atrous_rates is \[\]"),
        ({"head": "aspp_v2", "atrous_rates": [0, 6]}, r"atrous_rates is \[0, 6\], expected one or more"),
    ],
)
def test_bad_heads_and_rates_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
