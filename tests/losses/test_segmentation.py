"""Cross entropy on label maps."""

import math

import pytest
import torch

from wsss_core.losses.segmentation import balanced_segmentation_loss, bootstrapped_loss, segmentation_loss
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
    loss = segmentation_loss(logits, torch.full((1, 4, 4), IGNORE_INDEX), stride=2)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_loss_is_taken_at_the_size_of_the_labels():
    # logits of two cells become a ramp over eight pixels: its middle is undecided
    logits = torch.tensor([[[[4.0, -4.0]], [[-4.0, 4.0]]]])
    labels = torch.full((1, 1, 8), IGNORE_INDEX)
    labels[..., 3] = 0
    left = segmentation_loss(logits, labels, stride=4).item()
    assert left == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)  # 4 * (1 - 2 * 3/8) = 1, and -1
    labels[..., 3], labels[..., 7] = IGNORE_INDEX, 1
    assert segmentation_loss(logits, labels, stride=4).item() == pytest.approx(math.log(1 + math.exp(-8)), rel=1e-3)


def test_half_precision_logits_give_a_float32_loss():
    loss = segmentation_loss(torch.randn(1, 3, 4, 4).half(), torch.zeros(1, 4, 4, dtype=torch.long))
    assert loss.dtype == torch.float32


def test_balanced_losses_are_means_over_their_own_pixels_of_the_batch():
    probabilities = torch.tensor([
        [[[0.5, 0.2, 0.3]], [[0.4, 0.7, 0.6]], [[0.1, 0.1, 0.1]]],
        [[[0.1, 0.6, 0.9]], [[0.2, 0.3, 0.05]], [[0.7, 0.1, 0.05]]],
    ])  # (2, 3, 1, 3)
    labels = torch.tensor([[[0, 1, 1]], [[2, 0, IGNORE_INDEX]]])
    losses = balanced_segmentation_loss(probabilities.log(), labels)
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx({
        "background": -(math.log(0.5) + math.log(0.6)) / 2,
        "foreground": -(math.log(0.7) + math.log(0.6) + math.log(0.7)) / 3,
    }, rel=1e-5)  # fmt: skip


def test_a_hundred_background_pixels_weigh_no_more_than_one_object_pixel():
    logits = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 10, 10)
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    few = labels.clone()
    few[0, 1:] = IGNORE_INDEX
    labels[0, 0, 0] = few[0, 0, 0] = 1
    many, one = balanced_segmentation_loss(logits, labels), balanced_segmentation_loss(logits, few)
    for name, expected in {"background": math.log(1 + math.exp(-2)), "foreground": math.log(1 + math.exp(2))}.items():
        assert many[name].item() == pytest.approx(expected, rel=1e-5)
        assert one[name].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("label", "empty"), [(IGNORE_INDEX, ("background", "foreground")), (0, ("foreground",)), (2, ("background",))]
)
def test_a_balanced_loss_without_pixels_is_0_with_a_graph(label, empty):
    logits = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    losses = balanced_segmentation_loss(logits, torch.full((2, 4, 4), label), stride=2)
    assert list(losses) == ["background", "foreground"]
    for name, loss in losses.items():
        logits.grad = None
        loss.backward(retain_graph=True)
        assert (loss.item() == 0) == (not logits.grad.any()) == (name in empty)


def test_ignored_pixels_have_no_influence_on_balanced_losses():
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[[0, IGNORE_INDEX], [1, 2]]])
    changed = logits.clone().requires_grad_()
    with torch.no_grad():
        changed[0, :, 0, 1] = torch.tensor([50.0, -20.0, 3.0])
    losses = balanced_segmentation_loss(changed, labels)
    torch.testing.assert_close(losses, balanced_segmentation_loss(logits, labels))
    sum(losses.values()).backward()
    assert not changed.grad[0, :, 0, 1].any()


def test_balanced_losses_are_taken_at_the_size_of_the_labels_in_float32():
    logits = torch.tensor([[[[4.0, -4.0]], [[-4.0, 4.0]]]]).half()
    labels = torch.full((1, 1, 8), IGNORE_INDEX)
    labels[..., 3], labels[..., 7] = 0, 1
    losses = balanced_segmentation_loss(logits, labels, stride=4)
    assert losses["background"].item() == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)
    assert losses["foreground"].item() == pytest.approx(math.log(1 + math.exp(-8)), rel=1e-3)
    assert all(loss.dtype == torch.float32 for loss in losses.values())


# ---- bootstrapping


def bootstrap_example():
    logits = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 4, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    labels[0, :2] = IGNORE_INDEX
    return logits, labels, torch.tensor([[1.0, 0, 1], [0, 1, 1]])


def test_without_a_share_of_its_own_labels_bootstrapping_is_cross_entropy():
    logits, labels, tags = bootstrap_example()
    assert bootstrapped_loss(logits, labels, tags, share=0.0) == segmentation_loss(logits, labels)


def test_a_network_that_trusts_itself_alone_learns_its_best_label_among_the_tags():
    logits, labels, tags = bootstrap_example()
    allowed = logits.clone()
    allowed[0, 2] = allowed[1, 1] = -torch.inf                                      # the classes that are absent
    own = allowed.argmax(dim=1).masked_fill(labels == IGNORE_INDEX, IGNORE_INDEX)
    torch.testing.assert_close(bootstrapped_loss(logits, labels, tags, share=1.0), segmentation_loss(logits, own))


def test_bootstrapping_is_a_mixture_of_both():
    logits, labels, tags = bootstrap_example()
    ends = [bootstrapped_loss(logits, labels, tags, share=share) for share in (0.0, 1.0)]
    torch.testing.assert_close(bootstrapped_loss(logits, labels, tags, share=0.1), 0.9 * ends[0] + 0.1 * ends[1])


def test_an_absent_class_never_wins_even_where_all_present_logits_are_negative():
    logits = torch.tensor([-5.0, -1.0, 0.0]).view(1, 3, 1, 1)                       # class 2 is absent
    loss = bootstrapped_loss(logits, torch.zeros(1, 1, 1, dtype=torch.int64), torch.tensor([[1.0, 0.0]]), share=1.0)
    torch.testing.assert_close(loss, segmentation_loss(logits, torch.ones(1, 1, 1, dtype=torch.int64)))
