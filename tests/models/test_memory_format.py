"""In which order of axes a network's weights lie."""

import pytest
import torch
from torch import nn

from wsss_core.models.build import memory_format, on_device

PLAIN = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 3, groups=2))
DEPTHWISE = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 3, groups=8))


@pytest.mark.parametrize(
    ("network", "device", "expected"),
    [
        (PLAIN, "cpu", torch.channels_last),
        (PLAIN, "cuda", torch.channels_last),
        (DEPTHWISE, "cpu", torch.channels_last),
        (DEPTHWISE, "cuda", torch.contiguous_format),
        (nn.Conv2d(1, 8, 3), "cuda", torch.channels_last),  # of one channel, and of one group
    ],
)
def test_channels_come_last_but_where_a_gpu_would_plan_each_depthwise_convolution(network, device, expected):
    assert memory_format(network, torch.device(device)) == expected


def test_a_network_gives_the_same_in_either_order():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 4, 12, 10, generator=generator)
    expected = DEPTHWISE(image)
    placed = on_device(DEPTHWISE, torch.device("cpu"))
    assert placed is DEPTHWISE and placed[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(placed(image), expected)
