"""The network of RRM and AA&LR: its two branches, its class maps, and what it shares with the CAM network."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.models.two_branch import TwoBranchNetwork

IMAGES = torch.randn(2, 3, 48, 70, generator=torch.Generator().manual_seed(0))


def backbone(*, output_stride: int = 16, batch_norm: str = "frozen") -> Backbone:
    return pretrained_backbone(name="test_resnet", output_stride=output_stride, weights="none", batch_norm=batch_norm)


def build(*, output_stride: int = 16, dropout: float = 0.5, batch_norm: str = "frozen", **options) -> TwoBranchNetwork:
    torch.manual_seed(0)
    network = TwoBranchNetwork(
        backbone(output_stride=output_stride, batch_norm=batch_norm), num_classes=5, dropout=dropout,
        **{"head_channels": 12, "atrous_rate": None, **options},
    )  # fmt: skip
    return network


def class_maps(network: TwoBranchNetwork) -> torch.Tensor:
    return F.conv2d(network.backbone.features(IMAGES), network.fc8.weight)


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("size", [(48, 70), (33, 50), (1, 1)])
def test_outputs_lie_on_the_grid_of_the_backbone(output_stride, size):
    network = build(output_stride=output_stride).eval()
    height, width = (math.ceil(side / output_stride) for side in size)
    with torch.no_grad():
        outputs = network(torch.zeros(2, 3, *size))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "logits": (2, 5), "cam": (2, 5, height, width), "embeddings": (2, 12, height, width),
        "seg": (2, 6, height, width),
    }  # fmt: skip


def test_class_maps_are_the_rectified_classifier_on_the_features_without_a_gradient():
    network = build(dropout=0.0)
    maps = network(IMAGES)["cam"]
    torch.testing.assert_close(maps, class_maps(network).relu())
    assert maps.any() and not maps.requires_grad


def test_class_maps_are_made_before_the_dropout():
    network = build(dropout=0.9).train()
    first, second = (network(IMAGES) for _ in range(2))
    assert torch.equal(first["cam"], second["cam"])
    assert torch.equal(first["seg"], second["seg"])
    assert not torch.equal(first["logits"], second["logits"])


def test_logits_are_the_spatial_mean_of_the_unrectified_maps_without_dropout():
    network = build().eval()
    with torch.no_grad():
        logits = network(IMAGES)["logits"]
        assert logits.std() > 0
        torch.testing.assert_close(logits, class_maps(network).mean(dim=(2, 3)))


def test_without_the_segmentation_the_other_outputs_are_the_same():
    network = build(batch_norm="trained")
    network(IMAGES)  # the running statistics move
    network.eval()
    whole, part = network(IMAGES), network(IMAGES, segment=False)
    assert list(part) == ["logits", "cam"]
    assert all(torch.equal(part[name], whole[name]) for name in part)


def test_the_segmentation_is_what_the_last_layer_makes_of_the_embeddings():
    network = build()
    outputs = network(IMAGES)
    assert outputs["embeddings"].min() >= 0
    torch.testing.assert_close(outputs["seg"], network.head.logits(outputs["embeddings"]))
    torch.testing.assert_close(outputs["seg"], network.head(network.backbone.features(IMAGES)))


def test_it_is_built_from_plain_values():
    values = {"name": "test_resnet", "output_stride": 16, "weights": "none", "batch_norm": "trained"}
    options = {"dropout": 0.5, "head_channels": 12, "atrous_rate": 3, "centre_bank": True}
    network = build_network(TwoBranchNetwork, pretrained_backbone(**values), num_classes=5, options=options)
    assert isinstance(network, TwoBranchNetwork)
    assert network(IMAGES)["seg"].shape == (2, 6, 3, 5)


def test_a_trained_cam_network_fits_in():
    torch.manual_seed(1)
    trained = CamNetwork(backbone(batch_norm="trained"), num_classes=5, dropout=0.5)
    trained(IMAGES)
    network = build(batch_norm="trained")
    for part in ("backbone", "fc8"):
        network.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
    with torch.no_grad():
        outputs = network.eval()(IMAGES)
        torch.testing.assert_close(outputs["cam"], trained.eval().cams(IMAGES).relu())
        torch.testing.assert_close(outputs["logits"], trained(IMAGES)["logits"])


def test_the_classifier_has_no_bias_and_the_segmentation_head_has_two():
    network = build()
    assert network.fc8.bias is None
    assert network.head.hidden.bias.shape == (12,)
    assert network.head.logits.bias.shape == (6,)


def test_new_weights_are_in_xavier_s_range_and_fill_it():
    network = build(head_channels=32)
    for layer in (network.fc8, network.head.hidden, network.head.logits):
        cells = math.prod(layer.kernel_size)
        bound = math.sqrt(6 / (cells * (layer.in_channels + layer.out_channels)))
        assert 0.95 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(
    ("output_stride", "given", "rate"), [(8, None, 12), (16, None, 6), (32, None, 3), (8, 4, 4), (16, 4, 4)]
)
def test_the_atrous_rate_is_12_at_stride_8_and_scales_with_the_stride_unless_given(output_stride, given, rate):
    network = build(output_stride=output_stride, atrous_rate=given)
    assert [m.dilation for m in network.head.modules() if isinstance(m, nn.Conv2d)] == [(rate, rate)] * 2


def test_the_bank_of_centres_is_a_buffer_of_those_who_ask_for_it():
    network = build(centre_bank=True)
    assert network.state_dict()["centres"].shape == (6, 12)
    assert not network.centres.any()
    assert "centres" not in dict(network.named_parameters())
    assert "centres" not in build().state_dict()


def test_gradients_reach_every_trainable_parameter_but_not_through_the_class_maps():
    network = build(batch_norm="trained")
    outputs = network(IMAGES)
    (outputs["logits"].square().sum() + outputs["seg"].square().mean()).backward()
    assert [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    network.zero_grad()
    network(IMAGES)["seg"].square().mean().backward()
    assert network.fc8.weight.grad is None
