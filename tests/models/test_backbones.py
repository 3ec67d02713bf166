"""Backbones of timm: geometry, and what trains."""

import math
from functools import cache

import pytest
import torch
from small_backbones import build
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.backbones.timm_cnn import set_output_stride

NAMES = ("resnet10t", "mobilenetv2_050", "mobilenetv3_small_050", "densenet121", "vgg11_bn", "convnext_atto")
STRIDES = (8, 16, 32)


@cache
def shared(name: str, output_stride: int) -> Backbone:
    """One instance for tests that change nothing: a VGG takes seconds to make."""
    return build(name, output_stride).eval()


def dilations(module: nn.Module) -> list[int]:
    return [m.dilation[0] for m in module.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 1]


@pytest.mark.parametrize("output_stride", STRIDES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (33, 50)])
def test_maps_have_the_cells_and_channels_the_backbone_says(name, output_stride, size):
    backbone = shared(name, output_stride)
    with torch.no_grad():
        images = torch.zeros(1, 3, *size)
        maps = [*backbone.taps(images), backbone.features(images)]
    channels = [*backbone.taps_channels, backbone.num_features]
    strides = [*backbone.taps_strides, output_stride]
    cells = [tuple(math.ceil(side / stride) for side in size) for stride in strides]
    assert [tuple(m.shape) for m in maps] == [(1, c, *hw) for c, hw in zip(channels, cells, strict=True)]
    assert backbone.taps_strides[-1] == output_stride


def test_mobilenet_features_are_the_full_head_and_its_deepest_tap_is_not():
    backbone = shared("mobilenetv2_050", 16)
    assert (backbone.num_features, backbone.taps_channels[-1]) == (1280, 160)


def test_indices_choose_taps():
    backbone, images = shared("resnet10t", 16), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        every = backbone.taps(images)
        chosen = backbone.taps(images, [1, -1])
    assert torch.equal(chosen[0], every[1]) and torch.equal(chosen[1], every[-1])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_trainable_parameter(name):
    backbone = shared(name, 16)
    images = torch.randn(2, 3, 48, 48)
    (
        backbone(images).square().mean() + sum(t.square().mean() for t in backbone.taps(images))
    ).backward()
    untouched = [n for n, p in backbone.named_parameters() if p.requires_grad and p.grad is None]
    assert not untouched


def test_beyond_the_taps_nothing_trains_once_frozen():
    backbone = build("mobilenetv2_050")
    names = list(backbone.state_dict())
    backbone.freeze_beyond_taps()
    backbone.taps(torch.randn(2, 3, 32, 32))[-1].sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in backbone.parameters())
    assert [n for n, p in backbone.named_parameters() if not p.requires_grad] == [
        "net.conv_head.weight", "net.bn2.weight", "net.bn2.bias"]  # fmt: skip
    assert list(backbone.state_dict()) == names


def test_frozen_batch_norm_stays_frozen_in_training():
    backbone = build(batch_norm="frozen").eval().train()
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    trained = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], lr=0.1)
    backbone(torch.randn(4, 3, 32, 32)).square().mean().backward()
    trained.step()
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert backbone.training and "net.conv1.0.weight" in changed
    norms = {f"net.{n}." for n, m in backbone.net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms and not [k for k in changed if any(k.startswith(n) for n in norms)]


def test_trained_batch_norm_follows_the_mode():
    backbone = build()
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(n.training and n.weight.requires_grad for n in norms)
    backbone.eval()
    assert not any(n.training for n in norms)


def test_frozen_stem_keeps_its_weights_and_statistics():
    backbone = build("resnet18", freeze_stem=True).eval().train()
    frozen = [n for n, p in backbone.named_parameters() if not p.requires_grad]
    assert frozen == ["net.conv1.weight", "net.bn1.weight", "net.bn1.bias"]
    assert not backbone.net.bn1.training and backbone.net.layer1[0].bn1.training


@pytest.mark.parametrize(
    ("name", "stride", "layers", "frozen"),
    [
        ("resnet18", 16, ["conv1", "layer1"], ["conv1", "layer1"]),
        ("resnet18", 16, ["conv1", "bn1", "layer1", "layer2"], ["bn1", "conv1", "layer1", "layer2"]),
        ("resnet18", 16, ["layer1.0.conv1"], ["layer1"]),
        ("densenet121", 16, ["features.conv0"], ["features"]),
    ],
)
def test_layers_are_frozen_by_name_with_all_below_them_and_nothing_else(name, stride, layers, frozen):
    backbone = build(name, stride, freeze_stem=layers)
    still = [place for place, p in backbone.net.named_parameters() if not p.requires_grad]
    assert {place.split(".")[0] for place in still} == set(frozen)
    assert all(any(place.startswith(f"{layer}.") for layer in layers) for place in still)


def test_frozen_layers_keep_the_statistics_of_their_norms():
    net = build("resnet18", freeze_stem=["layer1"]).eval().train().net
    assert not net.layer1[0].bn1.training and net.bn1.training and net.layer2[0].bn1.training


@pytest.mark.parametrize("layer", ["conv1a", "layer", "layer1.9", "maxpool"])
def test_a_layer_that_the_network_has_not_is_told_with_those_it_has(layer):
    with pytest.raises(ValueError, match=rf"freeze_stem names '{layer}', which resnet18 does not have; it has conv1, "):
        build("resnet18", freeze_stem=[layer])


def test_stride_without_dilation_is_irns_resnet():
    dilated, plain = shared("resnet18", 16), build("resnet18", 16, dilate=False).eval()
    assert max(dilations(dilated.net)) == 2 and max(dilations(plain.net)) == 1
    assert plain.features(torch.zeros(1, 3, 65, 97)).shape[-2:] == (5, 7)


@pytest.mark.parametrize(("dilate", "expected"), [(True, {3: 2, 4: 4}), (False, {3: 1, 4: 1})])
def test_densenet_at_stride_8_dilates_block_3_by_2_and_block_4_by_4(dilate, expected):
    features = build("densenet121", 8, dilate=dilate).net.features
    assert {k: set(dilations(features.get_submodule(f"denseblock{k}"))) for k in (1, 2, 3, 4)} == {
        1: {1}, 2: {1}, **{k: {d} for k, d in expected.items()}}  # fmt: skip
    assert isinstance(features.transition3.pool, nn.Identity)


def test_dilated_vgg_repeats_the_strided_one_on_the_cells_both_have():
    fine, coarse = shared("vgg11_bn", 8), shared("vgg11_bn", 16)
    fine.load_state_dict(coarse.state_dict())
    images = torch.randn(1, 3, 77, 50)
    with torch.no_grad():
        torch.testing.assert_close(fine(images)[..., ::2, ::2], coarse(images), rtol=1e-4, atol=1e-5)


def test_chain_cut_twice_repeats_the_strided_one_on_the_cells_both_have():
    torch.manual_seed(0)

    def chain() -> nn.Sequential:
        layers = [
            nn.Conv2d(2, 2, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Conv2d(2, 2, 3, padding=1),
            nn.MaxPool2d(3),
        ]
        return nn.Sequential(*layers, nn.Conv2d(2, 2, 5, padding=2))

    strided, dense = chain(), chain()
    dense.load_state_dict(strided.state_dict())
    set_output_stride(strided, output_stride=6, dilate=True)
    set_output_stride(dense, output_stride=1, dilate=True)
    images = torch.randn(1, 2, 31, 23)
    torch.testing.assert_close(dense(images)[..., ::6, ::6], strided(images))


def test_vgg_ends_before_its_last_pool_unless_the_stride_needs_it():
    last = {stride: type(shared("vgg11_bn", stride).net.features[-1]) for stride in STRIDES}
    assert last == {8: nn.Identity, 16: nn.Identity, 32: nn.MaxPool2d}


def test_stride_surgery_equals_timms_own_where_timm_has_one():
    theirs = shared("mobilenetv2_050", 8)
    net = build("mobilenetv2_050", 32).eval().net
    net.load_state_dict(theirs.net.state_dict())
    set_output_stride(net, output_stride=8, dilate=True)
    images = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        torch.testing.assert_close(net.forward_features(images), theirs(images))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet51"}, "did you mean .*resnet50"),
        ({"name": "resnet50.nobody"}, "leave out what follows the dot"),
        (
            {"name": "vit_tiny_patch16_224"},
            "vit_tiny_patch16_224 cannot give feature maps of output stride 16",
        ),
        ({"name": "vovnet39a", "output_stride": 8}, "cannot give feature maps of output stride 8"),
        ({"output_stride": 4}, "resnet10t cannot give feature maps of output stride 4; it has 8, 16, 32"),
        ({"batch_norm": "thawed"}, "batch_norm is 'thawed', expected one of frozen, trained"),
        ({"weights": "imagnet"}, "'imagnet', and there is no such file; .*'imagenet' or 'none'"),
    ],
)
def test_what_cannot_be_built_says_why(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
