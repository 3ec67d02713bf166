"""Networks and what is read from them on the device, in float32: what the CPU makes of each photograph alone."""

import numpy as np
import pytest
import torch
from comparing import SIZES, SUMS, assert_close, photographs
from torch import nn

from wsss_core.inference.saliency import SaliencyNetwork, saliency_maps
from wsss_core.methods.auxsegnet.affinity import CrossTaskAffinity, PixelAffinity, refined
from wsss_core.models.backbones.resnet38d import ResNet38d
from wsss_core.models.u2net import U2Net
from wsss_core.ops import network_cells
from wsss_core.ops.images import photograph, resized, stacked

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("_exact")]

LAYERS = 1e-3
"""Share of the largest value: a hundred convolutions in a row, each by another algorithm for another batch."""

LEVELS = 4e-3
"""Share of a map's maximum, of photographs resized on the device: levels that differ move the maps of a network that
was never trained by 2e-3, also where a CPU resizes in floats."""


def seeded(make, *arguments, **options) -> nn.Module:
    torch.manual_seed(0)
    return make(*arguments, **options).eval()


@torch.inference_mode()
def test_a_saliency_network_finds_in_a_batch_of_sizes_what_it_finds_in_each_on_the_cpu(device):
    net, images = seeded(U2Net, "u2netp").fold(), photographs()

    def maps(pictures, place) -> list[np.ndarray]:
        placed = net.to(place)

        def predict(batch: torch.Tensor) -> torch.Tensor:
            logits = placed.logits(batch)[0][:, 0]
            deviation, mean = torch.std_mean(logits, dim=(1, 2), keepdim=True)
            return ((logits - mean) / deviation).sigmoid()  # untrained weights alone hardly leave 1/2

        network = SaliencyNetwork(predict, (96, 96), torch.device(place))
        return saliency_maps(network, pictures, normalise=False)

    alone = [maps([image], "cpu")[0] for image in images]
    for found, expected, size in zip(maps(images, device), alone, SIZES, strict=True):
        assert found.shape == size and np.ptp(expected) > 0.2
        assert_close(found, expected, share=LAYERS)


@torch.inference_mode()
def test_features_of_a_batch_are_those_of_each_image_on_the_cpu(device):
    net, images = seeded(ResNet38d, width=4), torch.randn(3, 3, 61, 75, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([net.forward_features(image) for image in images.split(1)])
    together = net.to(device, memory_format=torch.channels_last).forward_features(images.to(device))
    assert alone.abs().max() > 0
    assert_close(together, alone, share=LAYERS)


@torch.inference_mode()
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_photographs_are_resized_as_on_the_cpu_but_for_one_level(device, scale):
    images = photographs([(60, 80)] * 2)
    size = (round(60 * scale), round(80 * scale))
    places = (device, torch.device("cpu"))
    found, expected = (photograph(resized(stacked(images, place), size)).cpu() for place in places)
    difference = (found.int() - expected.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 0.01


def test_affinities_of_two_tasks_are_the_cpu_s(device):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 16, 9, 11, generator=generator)
    torch.manual_seed(0)
    first, second, cross = PixelAffinity(16), PixelAffinity(16), CrossTaskAffinity(renormalise=True)

    def moved(place) -> tuple[torch.Tensor, torch.Tensor]:
        own = features.to(place)
        (_, a), (_, b) = first.to(place)(own), second.to(place)(own)
        shared = cross.to(place)(a, b)
        return shared, refined(shared, own)

    for found, expected in zip(moved(device), moved("cpu"), strict=True):
        assert_close(found, expected, share=1e-4)  # a softmax of sums over the channels: their rounding, exponentiated


def test_half_the_bits_leave_affinities_whole(device):
    """Unscaled products of many channels leave float16's range; they are made in float32 whatever autocast says."""
    torch.manual_seed(0)
    block = PixelAffinity(64).to(device)
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.float16):
        _, affinity = block(30 * torch.randn(1, 64, 6, 7).to(device))
    assert affinity.dtype == torch.float32
    assert_close(affinity.sum(dim=-1), torch.ones(1, 42), share=SUMS)


@pytest.mark.parametrize("mirrored", [False, True])
def test_class_maps_lie_on_the_grid_where_the_cpu_puts_them(device, mirrored):
    maps = torch.rand(2, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    options = {"view": (61, 75), "size": (60, 80), "stride": 8, "centre": 3.5, "store_stride": 4, "mirrored": mirrored}
    found = network_cells.class_maps_on_grid(maps.to(device), **options)
    assert_close(found, network_cells.class_maps_on_grid(maps, **options), share=SUMS)


def test_class_activation_maps_of_a_batch_are_those_of_each_photograph_on_the_cpu(device):
    pytest.importorskip("timm")
    from wsss_core.inference.cam import class_activation_maps
    from wsss_core.models.backbones.resnet38d import WideResNet
    from wsss_core.models.tag_classifier import CamNetwork

    torch.manual_seed(0)
    backbone = WideResNet(ResNet38d(width=4), name="narrow", stride=8, batch_norm="trained")
    model = CamNetwork(backbone, num_classes=4, dropout=0.0).eval()
    images, tags = photographs([(60, 80)] * 3), [[1, 3], [], [2, 3, 4]]
    views = {"scales": [1.0, 0.5], "flip": True, "sqrt": False, "store_stride": 4, "max_pixels": 10**6}
    with torch.inference_mode():
        alone = [class_activation_maps(model, [image], [own], device=torch.device("cpu"), **views)[0]
                 for image, own in zip(images, tags, strict=True)]  # fmt: skip
        together = class_activation_maps(model.to(device), images, tags, device=device, **views)
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found.classes, expected.classes)
        if len(expected.classes):
            assert_close(found.scores, expected.scores, share=LAYERS + LEVELS)
