"""ResNet38d: names of the published checkpoints, geometry, dropout, frozen parts."""

import pytest
import torch
from torch import nn

from wsss_core.models.backbones.protocol import Backbone
from wsss_core.models.backbones.resnet38d import ResNet38d, WideResNet
from wsss_core.models.pretrained import pretrained_backbone

NUM_BLOCKS = {"b2": 3, "b3": 3, "b4": 6, "b5": 3, "b6": 1, "b7": 1}
BLOCKS = [f"{stage}_{k}" if k else stage for stage, count in NUM_BLOCKS.items() for k in range(count)]


@pytest.fixture
def narrow() -> ResNet38d:
    torch.manual_seed(0)
    return ResNet38d(width=4)


def backbone(net: ResNet38d, batch_norm: str = "frozen") -> Backbone:
    return WideResNet(net, name="resnet38d", stride=8, batch_norm=batch_norm)


def published_names() -> set[str]:
    """Written out from the list of the published names, not from the code."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {"conv1a.weight", *(f"bn7.{field}" for field in norm)}
    for block in BLOCKS:
        bottleneck = block in ("b6", "b7")
        branches = ("2a", "2b1", "2b2") if bottleneck else ("2a", "2b1")
        names |= {f"{block}.conv_branch{b}.weight" for b in branches}
        names |= {f"{block}.bn_branch{b}.{field}" for b in branches for field in norm}
        if "_" not in block:
            names.add(f"{block}.conv_branch1.weight")
    return names


def test_state_dict_has_exactly_the_published_names(narrow):
    assert set(narrow.state_dict()) == published_names()


def test_full_size_is_the_published_network():
    with torch.device("meta"):
        net = ResNet38d()
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    assert shapes["conv1a.weight"] == (64, 3, 3, 3)
    assert shapes["b5.conv_branch2a.weight"] == (512, 512, 3, 3)
    assert shapes["b5_1.conv_branch2a.weight"] == (512, 1024, 3, 3)
    assert shapes["b6.conv_branch2a.weight"] == (512, 1024, 1, 1)
    assert shapes["b7.conv_branch2b1.weight"] == (2048, 1024, 3, 3)
    assert shapes["b7.conv_branch2b2.weight"] == (4096, 2048, 1, 1)
    assert [tuple(t.shape) for t in net.forward_intermediates(torch.zeros(2, 3, 321, 33, device="meta"))] == [
        (2, 512, 41, 5), (2, 1024, 41, 5), (2, 4096, 41, 5)]  # fmt: skip


def test_strides_and_dilations_are_those_of_the_table(narrow):
    of = {name: (m.stride[0], m.dilation[0]) for name, m in narrow.named_modules()
          if isinstance(m, nn.Conv2d) and m.kernel_size[0] == 3}  # fmt: skip
    assert [name for name, (stride, _) in of.items() if stride == 2] == [
        f"b{k}.conv_branch2a" for k in (2, 3, 4)
    ]
    expected = {
        "b5.conv_branch2a": 1,
        "b5.conv_branch2b1": 2,
        "b5_1.conv_branch2a": 2,
        "b5_1.conv_branch2b1": 2,
        "b5_2.conv_branch2a": 2,
        "b5_2.conv_branch2b1": 2,
        "b6.conv_branch2b1": 4,
        "b7.conv_branch2b1": 4,
    }
    assert {
        name: dilation for name, (_, dilation) in of.items() if name[:2] in ("b5", "b6", "b7")
    } == expected
    assert {dilation for name, (_, dilation) in of.items() if name not in expected} == {1}
    assert (narrow.b6.dropout.p, narrow.b7.dropout.p) == (0.3, 0.5)


def test_taps_are_activations_and_the_last_is_the_features(narrow):
    net, images = backbone(narrow).eval(), torch.randn(1, 3, 20, 13)
    with torch.no_grad():
        taps = net.taps(images)
        assert [tuple(t.shape) for t in taps] == [(1, 32, 3, 2), (1, 64, 3, 2), (1, 256, 3, 2)]
        assert all(t.min() >= 0 for t in taps)
        assert torch.equal(taps[-1], net.features(images))
    assert (net.taps_channels, net.taps_strides, net.num_features) == ((32, 64, 256), (8, 8, 8), 256)


def test_tap_is_the_input_of_a_block_after_its_first_norm(narrow):
    entered = {}
    for name in ("b5", "b6"):
        narrow.get_submodule(f"{name}.bn_branch2a").register_forward_hook(
            lambda module, inputs, output, name=name: entered.update({name: output.clone()})
        )
    taps = narrow.eval().forward_intermediates(torch.randn(1, 3, 16, 16))
    assert torch.equal(taps[0], entered["b5"].relu()) and torch.equal(taps[1], entered["b6"].relu())


def test_identity_shortcut_adds_the_raw_input(narrow):
    block = narrow.b4_1
    nn.init.zeros_(block.conv_branch2b1.weight)
    x = torch.randn(1, 32, 5, 5)
    assert torch.equal(block(x), x)


def test_projection_shortcut_starts_from_the_activated_input(narrow):
    block = narrow.eval().b3
    nn.init.zeros_(block.conv_branch2b1.weight)
    x = -torch.ones(1, 8, 6, 6)  # fresh statistics: the norm leaves it negative, the ReLU gives 0
    assert block(x).abs().max() == 0


def test_dropout_drops_whole_channels_in_training_only(narrow):
    x = torch.ones(1, 64, 4, 4)
    dropped = narrow.train().b7.dropout(x)
    assert set(dropped.mean(dim=(2, 3)).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(narrow.eval().b7.dropout(x), x)


def test_gradients_reach_every_trainable_parameter(narrow):
    net = backbone(narrow, "trained")
    net(torch.randn(4, 3, 32, 32)).square().mean().backward()
    assert all(p.requires_grad and p.grad is not None for p in net.parameters())


def test_psas_recipe_trains_no_norm_and_no_stem(narrow):
    net = backbone(narrow)
    net.freeze_stem()
    trained = {name for name, p in net.net.named_parameters() if p.requires_grad}
    untrained = ("conv1a", "b2.", "b2_")
    assert trained == {
        name for name in published_names() if "conv" in name and not name.startswith(untrained)
    }
    assert not any(m.training for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    assert net.net.b6.dropout.training


def test_published_state_dict_loads_with_its_heads(narrow, tmp_path, monkeypatch):
    monkeypatch.setattr("wsss_core.models.backbones.resnet38d.ResNet38d", lambda: ResNet38d(width=4))
    state = {k: v for k, v in narrow.state_dict().items() if "num_batches" not in k}
    heads = {"fc8.weight": torch.zeros(20, 256, 1, 1), "f9.weight": torch.zeros(448, 448, 1, 1)}
    torch.save(
        {**state, **heads}, tmp_path / "res38_cls.pth", _use_new_zipfile_serialization=False
    )  # as in 2018
    net = pretrained_backbone(
        name="resnet38d", output_stride=8, weights=str(tmp_path / "res38_cls.pth"), batch_norm="frozen"
    )
    assert all(torch.equal(net.net.state_dict()[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 16}, "resnet38d cannot give feature maps of output stride 16; it has 8"),
        ({"dilate": False}, "set backbone.dilate to true"),
        ({"weights": "imagenet"}, r"set backbone.weights to the path of its \.params or \.pth"),
    ],
)
def test_what_resnet38d_cannot_be_says_so(options, message, monkeypatch):
    monkeypatch.setattr("wsss_core.models.backbones.resnet38d.ResNet38d", lambda: ResNet38d(width=4))
    with pytest.raises(ValueError, match=message):
        pretrained_backbone(
            **{"name": "resnet38d", "output_stride": 8, "weights": "none", "batch_norm": "frozen", **options}
        )


def test_other_forms_of_timms_call_are_refused(narrow):
    with pytest.raises(ValueError, match="intermediates_only"):
        narrow.forward_intermediates(torch.zeros(1, 3, 8, 8), intermediates_only=False)
