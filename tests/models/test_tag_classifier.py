"""The classifier whose weights are its class activation maps."""

import pytest
import torch

from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork


@pytest.fixture
def network() -> CamNetwork:
    torch.manual_seed(0)
    backbone = pretrained_backbone(name="resnet10t", output_stride=16, weights="none", batch_norm="frozen")
    return CamNetwork(backbone, num_classes=5, dropout=0.5)


IMAGES = torch.randn(2, 3, 48, 70, generator=torch.Generator().manual_seed(0))


def test_logits_are_the_spatial_mean_of_the_class_maps(network):
    network.eval()
    with torch.no_grad():
        maps, logits = network.cams(IMAGES), network(IMAGES)["logits"]
    assert maps.shape == (2, 5, 3, 5)
    assert logits.std() > 0
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits)


def test_the_classifier_has_no_bias(network):
    assert network.fc8.bias is None


def test_dropout_acts_in_training_only(network):
    with torch.no_grad():
        first, second = (network.train()(IMAGES)["logits"] for _ in range(2))
        assert not torch.equal(first, second)
        third, fourth = (network.eval()(IMAGES)["logits"] for _ in range(2))
        assert torch.equal(third, fourth)


def test_gradients_reach_every_trainable_parameter(network):
    network(IMAGES)["logits"].square().sum().backward()
    without = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
