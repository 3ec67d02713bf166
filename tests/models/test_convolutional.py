"""Where a network looks, against the pixels that its cells were seen to depend on."""

import pytest
import torch
from torch import nn

from wsss_core.models.backbones.convolutional import centre_of_first_cell
from wsss_core.models.pretrained import pretrained_backbone


class Chain(nn.Sequential):
    def forward_features(self, images):
        return self(images)


def seen_middle(net, *, stride: int, cell: int, side: int) -> float:
    """The middle of the rows that a cell's value depends on, less the rows before the cell."""
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0), requires_grad=True)
    net.forward_features(image)[0, :, cell, cell].sum().backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert rows[0] > 0 and rows[-1] < side - 1, "the cell sees beyond the image; take a larger one"
    return (int(rows[0]) + int(rows[-1])) / 2 - cell * stride


CHAINS = {
    "odd kernels, padded": (Chain(nn.Conv2d(3, 4, 7, 2, 3), nn.AvgPool2d(3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)), 0.0),
    "patches": (Chain(nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 4, 2, 2)), 3.5),
    "pools of two": (Chain(nn.Conv2d(3, 4, 3, 1, 1), nn.AvgPool2d(2), nn.AvgPool2d(2), nn.AvgPool2d(2)), 3.5),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_centre_of_a_chain_is_the_middle_of_what_its_cells_see(name):
    net, centre = CHAINS[name]
    assert centre_of_first_cell(net.eval(), torch.zeros(1, 3, 64, 64)) == centre
    assert seen_middle(net, stride=8, cell=4, side=72) == centre


@pytest.mark.parametrize(
    ("name", "stride", "centre"),
    [("resnet18", 32, 0), ("mobilenetv2_100", 16, 0), ("vgg11", 8, 7.5), ("convnext_atto", 32, 15.5),
     ("tf_efficientnet_lite0", 16, 15), ("test_resnet", 8, 1)],  # its shortcuts pool 2x2, its branches do not
)  # fmt: skip
def test_backbones_know_where_their_cells_lie(name, stride, centre):
    backbone = pretrained_backbone(name=name, output_stride=stride, weights="none", batch_norm="frozen")
    assert backbone.centre == centre


@pytest.mark.parametrize("side", [97, 103, 111])
def test_a_network_that_pads_by_the_size_keeps_its_centre_at_every_size(side):
    backbone = pretrained_backbone(name="tf_efficientnet_lite0", output_stride=16, weights="none", batch_norm="frozen")
    whole = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    part = torch.zeros_like(whole)
    part[..., :side, :side] = whole[..., :side, :side]
    with torch.no_grad():
        cut, padded = backbone.eval()(whole[..., :side, :side]), backbone(part)
    torch.testing.assert_close(cut, padded[..., : cut.shape[-2], : cut.shape[-1]])
