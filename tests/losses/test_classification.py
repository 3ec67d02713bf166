"""The loss of image tags."""

import pytest
import torch
import torch.nn.functional as F

from wsss_core.losses.classification import tag_loss


def test_loss_is_the_multi_label_soft_margin():
    logits = torch.randn(4, 20, generator=torch.Generator().manual_seed(0))
    tags = (torch.rand(4, 20, generator=torch.Generator().manual_seed(1)) > 0.8).float()
    torch.testing.assert_close(tag_loss(logits, tags), F.multilabel_soft_margin_loss(logits, tags))


def test_one_image_with_two_classes_by_hand():
    # sigma(ln 3) = 3/4; class 1 is there, class 2 is not
    loss = tag_loss(torch.full((1, 2), 3.0).log(), torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(-(torch.tensor([0.75, 0.25]).log().sum().item()) / 2)


def test_certain_logits_give_a_finite_loss_even_in_half_precision():
    logits, tags = torch.tensor([[300.0, -300.0]]).half(), torch.tensor([[1.0, 0.0]])
    assert tag_loss(logits, tags).item() == 0
    assert tag_loss(-logits, tags).item() == pytest.approx(300)
