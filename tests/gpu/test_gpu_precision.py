"""Class maps in half the bits against float32's, of a network that has learnt what it looks for."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from wsss_core.ops import cam, network_cells

pytestmark = pytest.mark.gpu

SIDE, STRIDE, CENTRE = 64, 8, 0.0
COLOURS = torch.tensor([[110.0, 120, 115], [200, 40, 50], [40, 60, 190], [230, 200, 30]]) / 255
"""The colours of the background and of each class."""
NUM_CLASSES = 3

TRAINED, UNTRAINED = 0.03, 0.08
"""The largest difference of a map in [0, 1]: bfloat16 keeps 8 bits of each feature, 0.4 %, through six layers and the
division by the maximum; untrained maps are small differences of large sums."""


class Network(nn.Module):
    """Convolutions to stride 8 and a classifier whose weights are class maps: what makes CAMs, without any library."""

    def __init__(self) -> None:
        super().__init__()
        widths, layers = [3, 16, 24, 32, 32], []
        for place, (before, width) in enumerate(itertools.pairwise(widths)):
            layers += [nn.Conv2d(before, width, 3, stride=2 if place < 3 else 1, padding=1, bias=False),
                       nn.BatchNorm2d(width), nn.ReLU()]  # fmt: skip
        self.features = nn.Sequential(*layers)
        self.fc8 = nn.Conv2d(widths[-1], NUM_CLASSES, 1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc8(self.features(images))


def pictures(count: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 3, H, W) noisy pictures of two squares each, and (B, C) the classes of these."""
    generator = torch.Generator().manual_seed(seed)
    truth, tags = torch.zeros(count, SIDE, SIDE, dtype=torch.int64), torch.zeros(count, NUM_CLASSES)
    for place in range(count):
        for _ in range(2):
            label = int(torch.randint(1, NUM_CLASSES + 1, (1,), generator=generator))
            y, x = torch.randint(0, SIDE - 20, (2,), generator=generator).tolist()
            truth[place, y : y + 20, x : x + 20], tags[place, label - 1] = label, 1
    noisy = COLOURS[truth] + 0.05 * torch.randn(count, SIDE, SIDE, 3, generator=generator)
    return (noisy.permute(0, 3, 1, 2) - 0.45) / 0.25, tags


def network(device: torch.device, *, steps: int) -> nn.Module:
    """On the device, after some steps in float32."""
    torch.manual_seed(0)
    model = Network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(steps):
        images, tags = (tensor.to(device) for tensor in pictures(16, seed=step))
        logits = model(images).mean(dim=(2, 3))
        loss = F.binary_cross_entropy_with_logits(logits, tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert not steps or loss.item() < 0.4, "it learnt nothing, and its maps show nothing"
    return model.eval()


@torch.inference_mode()
def class_maps(model: nn.Module, device: torch.device, dtype: torch.dtype) -> np.ndarray:
    """(B C, h, w) in [0, 1]: rectified, on the stored grid, over each map's maximum."""
    images = pictures(8, seed=1000)[0].to(device)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        maps = F.relu(model(images).float())
        stored = network_cells.class_maps_on_grid(
            maps, view=(SIDE, SIDE), size=(SIDE, SIDE), stride=STRIDE, centre=CENTRE, store_stride=4
        )
    return cam.rectified_over_maximum(stored.flatten(0, 1).cpu().numpy())


@pytest.fixture(scope="module")
def trained(device) -> nn.Module:
    return network(device, steps=30)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_class_maps_in_half_the_bits_are_float32_s_within_three_hundredths(device, trained, dtype):
    whole, half = class_maps(trained, device, torch.float32), class_maps(trained, device, dtype)
    assert np.abs(half - whole).max() <= TRAINED
    assert np.abs(half - whole).mean() <= TRAINED / 10
    assert not np.array_equal(half, whole), "autocast did nothing"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_exceeds_a_threshold_is_nearly_the_same_in_half_the_bits(device, trained, dtype):
    whole, half = class_maps(trained, device, torch.float32), class_maps(trained, device, dtype)
    assert ((half > 0.3) == (whole > 0.3)).mean() >= 0.995


def test_an_untrained_network_s_maps_differ_by_no_more_than_is_written_of_them(device):
    model = network(device, steps=0)
    whole, half = (class_maps(model, device, dtype) for dtype in (torch.float32, torch.bfloat16))
    assert np.abs(half - whole).max() <= UNTRAINED


def test_float32_maps_are_those_of_the_cpu(device, trained):
    """Within TF32, in which GPUs convolve by themselves: ten bits of each factor."""
    there = class_maps(trained, device, torch.float32)
    here = class_maps(copy.deepcopy(trained).cpu(), torch.device("cpu"), torch.float32)
    assert np.abs(there - here).max() <= 0.01
