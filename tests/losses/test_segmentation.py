"""Cross entropy on label maps."""

import math

import pytest
import torch

from wsss_core.losses.segmentation import segmentation_loss
from wsss_core.voc import IGNORE_INDEX


def test_loss_is_the_mean_over_labelled_pixels_of_the_batch():
    probabilities = torch.tensor([[[[0.5, 0.2]], [[0.5, 0.8]]], [[[0.1, 0.3]], [[0.9, 0.7]]]])  # (2, 2, 1, 2)
    labels = torch.tensor([[[0, 1]], [[IGNORE_INDEX, 1]]])
    expected = -(math.log(0.5) + math.log(0.8) + math.log(0.7)) / 3
    assert segmentation_loss(probabilities.log(), labels).item() == pytest.approx(expected, rel=1e-5)


def test_ignored_pixels_have_no_influence():
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[[0, IGNORE_INDEX], [1, 2]]])
    changed = logits.clone()
    changed[0, :, 0, 1] = 50
    torch.testing.assert_close(segmentation_loss(logits, labels), segmentation_loss(changed, labels))


def test_nothing_labelled_gives_0_with_a_graph():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 4, 4), IGNORE_INDEX))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_loss_is_taken_at_the_size_of_the_labels():
    # logits of two cells become a ramp over eight pixels: its middle is undecided
    logits = torch.tensor([[[[4.0, -4.0]], [[-4.0, 4.0]]]])
    labels = torch.full((1, 1, 8), IGNORE_INDEX)
    labels[..., 3] = 0
    left = segmentation_loss(logits, labels).item()
    assert left == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)  # 4 * (1 - 2 * 3/8) = 1, and -1
    labels[..., 3], labels[..., 7] = IGNORE_INDEX, 1
    assert segmentation_loss(logits, labels).item() == pytest.approx(math.log(1 + math.exp(-8)), rel=1e-3)


def test_half_precision_logits_give_a_float32_loss():
    loss = segmentation_loss(torch.randn(1, 3, 4, 4).half(), torch.zeros(1, 4, 4, dtype=torch.long))
    assert loss.dtype == torch.float32
