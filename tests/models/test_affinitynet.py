"""AffinityNet: its grid, its names, what trains."""

import pytest
import torch

from wsss_core.losses.affinity import affinity_loss
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.models.backbones.resnet38d import ResNet38d, WideResNet
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone

IMAGES = torch.randn(2, 3, 48, 70, generator=torch.Generator().manual_seed(0))
WIDTHS = (4, 8, 16)


def build(name="resnet10t", output_stride=8, freeze_backbone=False, widths=WIDTHS, taps=(-3, -2, -1)) -> AffinityNet:
    torch.manual_seed(0)
    if name == "resnet38d":
        backbone = WideResNet(ResNet38d(width=2), name=name, stride=8, batch_norm="frozen")
    else:
        backbone = pretrained_backbone(name=name, output_stride=output_stride, weights="none", batch_norm="frozen")
    return AffinityNet(backbone, taps=taps, widths=widths, freeze_backbone=freeze_backbone)


@pytest.mark.parametrize(
    ("name", "output_stride", "grid"),
    [("resnet10t", 8, (6, 9)), ("resnet10t", 16, (6, 9)), ("mobilenetv2_050", 16, (6, 9)), ("resnet38d", 8, (6, 9))],
)
def test_features_lie_on_the_grid_of_the_finest_tap(name, output_stride, grid):
    network = build(name, output_stride).eval()
    with torch.no_grad():
        features = network(IMAGES)["affinity_features"]
    assert features.shape == (2, sum(WIDTHS), *grid)
    assert features.min() >= -1  # ELU
    assert features.std() > 0


def test_taps_count_from_either_end():
    by_end = build().eval()
    count = len(by_end.backbone.taps_channels)
    by_start = build(taps=(count - 3, count - 2, count - 1)).eval()
    with torch.no_grad():
        assert torch.equal(by_end(IMAGES)["affinity_features"], by_start(IMAGES)["affinity_features"])


@pytest.mark.parametrize("taps", [(-1, -2, -3), (-2, -1), (-2, -2, -1), (0, 1, 99)])
def test_taps_that_are_no_three_ascending_ones_are_refused(taps):
    with pytest.raises(ValueError, match=r"must be three ascending indices into the \d taps of resnet10t"):
        build(taps=taps)


def test_layers_bear_the_names_of_the_published_checkpoints():
    network = build("resnet38d", widths=(64, 128, 256))
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters() if not name.startswith("backbone.")}
    assert shapes.keys() == {"f8_3.weight", "f8_4.weight", "f8_5.weight", "f9.weight"}
    assert shapes["f9.weight"] == (448, 448, 1, 1)
    assert [shapes[f"f8_{n}.weight"][0] for n in (3, 4, 5)] == [64, 128, 256]


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_050"])
@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_gradients_reach_every_trainable_parameter(name, freeze_backbone):
    network = build(name, freeze_backbone=freeze_backbone)
    labels = torch.randint(0, 3, (2, 6, 9), generator=torch.Generator().manual_seed(0))
    sum(affinity_loss(network(IMAGES)["affinity_features"], labels, radius=5).values()).backward()
    trainable = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert [name for name, p in trainable.items() if p.grad is None] == []
    assert any(name.startswith("backbone.") for name in trainable) is not freeze_backbone


def test_first_affinities_do_not_all_start_near_1():
    network = build(widths=(64, 128, 256)).eval()
    with torch.no_grad():
        features = network(IMAGES)["affinity_features"]
        weak = network.f9.weight.div_(4)  # without the gain of 4
        weak_features = network(IMAGES)["affinity_features"]
    assert weak.shape == (448, 448, 1, 1)
    distances = [(f[..., 1:] - f[..., :-1]).abs().mean() for f in (features, weak_features)]
    assert distances[0] > 3 * distances[1]


def test_the_mixing_layer_starts_four_times_as_wide_as_xavier_s_rule():
    widest = 4 * (6 / (448 + 448)) ** 0.5
    assert build(widths=(64, 128, 256)).f9.weight.abs().max().item() == pytest.approx(widest, rel=1e-3)


def test_it_is_built_from_plain_values():
    backbone = {"name": "resnet10t", "output_stride": 16, "weights": "none", "batch_norm": "trained"}
    options = {"taps": (-3, -2, -1), "widths": WIDTHS, "freeze_backbone": True}
    network = build_network(AffinityNet, pretrained_backbone(**backbone), num_classes=3, options=options)
    assert isinstance(network, AffinityNet)
