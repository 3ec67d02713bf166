"""U²-Net: the published names, shapes and counts, the order of its maps, golden values of the small one."""

import numpy as np
import pytest
import torch
from u2net_files import SMALL_ONNX, needs_weights, trained

from wsss_core.inference.saliency import saliency_maps, u2net
from wsss_core.models.u2net import BlockSize, ResidualUBlock, U2Net
from wsss_core.models.u2net_weights import load_u2net

# stage: levels (4F: four without pools), then in, middle, out channels of the small and of the full network
STAGES = {
    "stage1": (7, (3, 16, 64), (3, 32, 64)),
    "stage2": (6, (64, 16, 64), (64, 32, 128)),
    "stage3": (5, (64, 16, 64), (128, 64, 256)),
    "stage4": (4, (64, 16, 64), (256, 128, 512)),
    "stage5": (4, (64, 16, 64), (512, 256, 512)),
    "stage6": (4, (64, 16, 64), (512, 256, 512)),
    "stage5d": (4, (128, 16, 64), (1024, 256, 512)),
    "stage4d": (4, (128, 16, 64), (1024, 128, 256)),
    "stage3d": (5, (128, 16, 64), (512, 64, 128)),
    "stage2d": (6, (128, 16, 64), (256, 32, 64)),
    "stage1d": (7, (128, 16, 64), (128, 16, 64)),
}
SIDES = {"u2netp": [64] * 6, "u2net": [64, 64, 128, 256, 512, 512]}


def unit_channels(levels: int, channels: int, middle: int, out: int) -> dict[str, tuple[int, int]]:
    """Name of each unit of a block -> channels it takes and gives."""
    units = {"in": (channels, out), "1": (out, middle)}
    units |= {str(level): (middle, middle) for level in range(2, levels + 1)}
    return units | {f"{level}d": (2 * middle, middle if level > 1 else out) for level in range(levels - 1, 0, -1)}


def published(variant: str) -> dict[str, tuple[int, ...]]:
    """The names and shapes of the authors' state dict."""
    shapes: dict[str, tuple[int, ...]] = {}
    for stage, (levels, small, full) in STAGES.items():
        for unit, (taken, given) in unit_channels(levels, *(small if variant == "u2netp" else full)).items():
            name = f"{stage}.rebnconv{unit}"
            shapes |= {f"{name}.conv_s1.weight": (given, taken, 3, 3), f"{name}.conv_s1.bias": (given,)}
            shapes |= {f"{name}.bn_s1.{key}": (given,) for key in ("weight", "bias", "running_mean", "running_var")}
            shapes[f"{name}.bn_s1.num_batches_tracked"] = ()
    for level, channels in enumerate(SIDES[variant], start=1):
        shapes |= {f"side{level}.weight": (1, channels, 3, 3), f"side{level}.bias": (1,)}
    return shapes | {"outconv.weight": (1, 6, 1, 1), "outconv.bias": (1,)}


@pytest.mark.parametrize(
    ("variant", "parameters", "folded"), [("u2netp", 1_131_181, 1_125_485), ("u2net", 44_009_869, 43_981_069)]
)
def test_parameters_are_as_many_as_published_and_batch_norms_fold_away(variant, parameters, folded):
    with torch.device("meta"):
        net = U2Net(variant)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    without = [name for name in net.state_dict() if ".bn_s1." not in name]
    assert len(without) == 238
    assert sum(net.state_dict()[name].numel() for name in without) == folded


@pytest.mark.parametrize("variant", ["u2netp", "u2net"])
def test_every_name_and_shape_is_the_published_one(variant):
    with torch.device("meta"):
        state = U2Net(variant).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published(variant)
    assert len(state) == 798


def test_folding_keeps_the_answer_and_the_names_of_the_convolutions():
    net, picture = trained(), torch.rand(2, 3, 70, 45)
    with torch.no_grad():
        before = torch.cat(net.logits(picture))
        after = torch.cat(net.fold().logits(picture))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert set(net.state_dict()) == {name for name in published("u2netp") if ".bn_s1." not in name}


def test_the_first_map_is_made_of_the_six_others():
    net = trained().fold()
    with torch.no_grad():
        fused, *sides = net.logits(torch.rand(1, 3, 64, 64))
        assert len(sides) == 6
        torch.testing.assert_close(fused, net.outconv(torch.cat(sides, dim=1)))
        torch.testing.assert_close(
            net(torch.zeros(1, 3, 64, 64))["saliency"], net.logits(torch.zeros(1, 3, 64, 64))[0].sigmoid()
        )


@pytest.mark.parametrize("size", [(101, 67), (33, 320), (32, 32)])
def test_any_size_comes_back(size):
    with torch.no_grad():
        assert [tuple(logits.shape) for logits in trained().fold().logits(torch.rand(1, 3, *size))] == [
            (1, 1, *size)
        ] * 7


@pytest.mark.parametrize("height", [4, "4F"])
def test_a_block_puts_the_deeper_maps_before_the_skipped_ones(height):
    torch.manual_seed(0)
    block = ResidualUBlock(BlockSize(height, 3, 4, 8)).eval()
    last = block.rebnconv1d.conv_s1.weight  # (8, 4 + 4, 3, 3)
    picture = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        last[:, :4] = 0  # now only the skip of the first level is seen
        before = block(picture)
        block.rebnconv4.conv_s1.weight.neg_()
        torch.testing.assert_close(block(picture), before, rtol=0, atol=0)
        block.rebnconv1.conv_s1.weight.neg_()
        assert not torch.equal(block(picture), before)


def waves() -> torch.Tensor:
    channel, row, column = np.meshgrid(np.arange(3), np.arange(320), np.arange(320), indexing="ij")
    return torch.from_numpy(np.sin(0.01 * (7919 * channel + 101 * row + 11 * column)).astype(np.float32))[None]


# mean and maximum of each output, then its values at (0, 0), (80, 240), (160, 160), (319, 319); by onnxruntime
GOLDEN = [
    (6.241188e-5, 2.213746e-3, 2.213746e-3, 1.049042e-5, 2.494454e-5, 5.612969e-4),
    (6.576506e-5, 2.331555e-3, 2.331555e-3, 1.108646e-5, 2.551079e-5, 5.874038e-4),
    (1.058775e-4, 1.918733e-3, 9.174943e-4, 4.777312e-5, 1.192391e-4, 1.575947e-4),
    (7.355518e-4, 5.966663e-3, 1.681924e-3, 1.729727e-4, 1.960576e-3, 6.064773e-5),
    (4.593153e-5, 6.935596e-4, 2.568960e-4, 5.662441e-7, 2.091229e-4, 1.232624e-4),
    (1.118662e-4, 3.084600e-3, 2.777398e-3, 4.470348e-7, 7.620454e-5, 1.328439e-3),
    (1.854350e-5, 4.251599e-4, 7.319450e-5, 1.281500e-6, 1.439452e-5, 2.762079e-4),
]


@needs_weights
def test_golden_waves_through_all_seven_outputs():
    with torch.inference_mode():
        maps = [logits[0, 0].sigmoid() for logits in load_u2net(SMALL_ONNX, variant="u2netp").logits(waves())]
    for one, expected in zip(maps, GOLDEN, strict=True):
        found = [one.mean(), one.max(), one[0, 0], one[80, 240], one[160, 160], one[319, 319]]
        np.testing.assert_allclose([float(value) for value in found], expected, rtol=1e-3, atol=1e-6)


@needs_weights
def test_golden_disc_is_found_and_its_ground_is_not():
    row, column = np.meshgrid(np.arange(320), np.arange(320), indexing="ij")
    disc = (row - 160) ** 2 + (column - 140) ** 2 < 70**2
    picture = np.where(disc[..., None], np.uint8([220, 40, 30]), np.uint8([60, 120, 60]))
    network = u2net(SMALL_ONNX, variant="u2netp", device=torch.device("cpu"))
    with torch.inference_mode():
        (found,) = saliency_maps(network, [picture], normalise=False)
    values = [found.mean(), found.max(), found[160, 140], found[160, 205], found[160, 210], found[90, 140]]
    np.testing.assert_allclose(values, [0.1508182, 0.9999996, 0.9999974, 0.9999292, 0.1734827, 0.2847072], rtol=1e-4)
    np.testing.assert_allclose([found[10, 10], found[160, 215]], [3.755e-6, 4.259e-5], rtol=1e-2, atol=1e-6)
    np.testing.assert_allclose([found[disc].mean(), found[~disc].mean()], [0.996024, 0.001653], rtol=1e-3)
