"""The pair loss: parity with loops over all pairs, and what it must not depend on."""

import math

import numpy as np
import pytest
import torch

from wsss_core.losses.affinity import EPSILON, affinity_loss
from wsss_core.voc import IGNORE_INDEX

RADIUS = 5
TERMS = ("affinity_background", "affinity_foreground", "affinity_negative")


def random_features(batch=2, height=6, width=7) -> torch.Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def random_labels(batch=2, height=6, width=7) -> torch.Tensor:
    drawn = torch.randint(0, 4, (batch, height, width), generator=torch.Generator().manual_seed(1))
    return torch.tensor([0, 3, 11, IGNORE_INDEX])[drawn]


def by_loops(features: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    sums, counts = dict.fromkeys(TERMS, 0.0), dict.fromkeys(TERMS, 0)
    height, width = labels.shape[1:]
    cells = [(y, x) for y in range(height) for x in range(width)]
    for image, truth in zip(features.double(), labels.tolist(), strict=True):
        for number, (y, x) in enumerate(cells):
            for v, u in cells[number + 1 :]:
                a, b = truth[y][x], truth[v][u]
                if (y - v) ** 2 + (x - u) ** 2 >= RADIUS**2 or IGNORE_INDEX in (a, b):
                    continue
                affinity = math.exp(-(image[:, y, x] - image[:, v, u]).abs().mean())
                term = TERMS[2] if a != b else TERMS[1] if a else TERMS[0]
                sums[term] -= math.log(1 + EPSILON - affinity if a != b else affinity + EPSILON)
                counts[term] += 1
    assert all(counts.values())
    weights = dict(zip(TERMS, (0.25, 0.25, 0.5), strict=True))
    return {term: weights[term] * sums[term] / counts[term] for term in TERMS}


def test_terms_match_a_loop_over_all_pairs_of_the_batch():
    features, labels = random_features(), random_labels()
    terms = affinity_loss(features, labels, radius=RADIUS)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(by_loops(features, labels), rel=1e-4)


def test_each_kind_is_normalised_over_the_batch_and_not_by_image():
    # image 1 has one background pair, image 2 three: the mean of four, not the mean of two means
    features = torch.zeros(2, 1, 1, 4)
    features[1, 0, 0] = torch.tensor([0.0, 1.0, 2.0, 0.0])
    labels = torch.full((2, 1, 4), IGNORE_INDEX)
    labels[0, 0, :2], labels[1, 0, :3] = 0, 0
    terms = affinity_loss(features, labels, radius=RADIUS)
    assert terms["affinity_background"].item() == pytest.approx((0 + 1 + 1 + 2) / 4 / 4, abs=1e-4)


def by_autograd(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss from all pairs of cells at once, with nothing written by hand."""
    y, x = np.divmod(np.arange(labels[0].numel()), labels.shape[2])
    near = np.triu((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2 < RADIUS**2, k=1)
    cells, known = features.flatten(2), labels.flatten(1)
    affinity = torch.exp(-(cells[..., :, None] - cells[..., None, :]).abs().mean(1))       # (B, N, N)
    a, b = torch.broadcast_tensors(known[:, :, None], known[:, None, :])
    pairs = torch.from_numpy(near) & (a != IGNORE_INDEX) & (b != IGNORE_INDEX)
    attract, repel = -torch.log(affinity + EPSILON), -torch.log(1 + EPSILON - affinity)
    background, foreground = (attract[pairs & (a == b) & mask].mean() for mask in (a == 0, a != 0))
    return (background + foreground) / 4 + repel[pairs & (a != b)].mean() / 2


def test_the_gradient_is_that_of_a_loss_without_a_hand_written_one():
    features, labels = random_features().requires_grad_(), random_labels()
    sum(affinity_loss(features, labels, radius=RADIUS).values()).backward()
    (expected,) = torch.autograd.grad(by_autograd(features, labels), features)
    torch.testing.assert_close(features.grad, expected)


@pytest.mark.parametrize(("other", "side"), [(3, 1), (11, -1)], ids=["equal labels", "different labels"])
def test_a_step_downhill_brings_equal_labels_together_and_takes_different_ones_apart(other, side):
    features = torch.tensor([[[[0.0, 1.0]]]], requires_grad=True)
    sum(affinity_loss(features, torch.tensor([[[3, other]]]), radius=RADIUS).values()).backward()
    left, right = (-features.grad).flatten().tolist()
    assert side * left > 0 > side * right


def test_separated_regions_cost_next_to_nothing_and_merged_ones_much():
    labels = torch.zeros(1, 6, 8, dtype=torch.long)
    labels[..., 4:] = 7
    separated = affinity_loss(50.0 * (labels[:, None] > 0), labels, radius=RADIUS)
    merged = affinity_loss(torch.zeros(1, 1, 6, 8), labels, radius=RADIUS)
    assert sum(separated.values()) < 1e-4
    assert merged["affinity_negative"].item() == pytest.approx(-0.5 * math.log(EPSILON), rel=1e-2)


def test_renaming_foreground_classes_changes_nothing():
    features, labels = random_features(), random_labels()
    renamed = torch.where(labels == 3, 20, torch.where(labels == 11, 3, labels))
    torch.testing.assert_close(
        affinity_loss(features, labels, radius=RADIUS), affinity_loss(features, renamed, radius=RADIUS)
    )


def test_exchanging_background_and_a_class_changes_the_terms():
    features, labels = random_features(), random_labels()
    exchanged = torch.where(labels == 3, 0, torch.where(labels == 0, 3, labels))
    before, after = (affinity_loss(features, x, radius=RADIUS) for x in (labels, exchanged))
    assert abs(before["affinity_background"] - after["affinity_background"]) > 1e-3
    torch.testing.assert_close(before["affinity_negative"], after["affinity_negative"])


@pytest.mark.parametrize("transform", [lambda t: t.flip(-1), lambda t: t.flip(-2), lambda t: t.transpose(-1, -2)])
def test_a_flip_or_transposition_of_image_and_labels_changes_nothing(transform):
    features, labels = random_features(), random_labels()
    torch.testing.assert_close(
        affinity_loss(transform(features), transform(labels), radius=RADIUS),
        affinity_loss(features, labels, radius=RADIUS),
    )


def test_without_a_known_label_the_loss_is_0_and_its_gradient_finite():
    features = random_features().requires_grad_()
    terms = affinity_loss(features, torch.full((2, 6, 7), IGNORE_INDEX), radius=RADIUS)
    assert [value.item() for value in terms.values()] == [0, 0, 0]
    sum(terms.values()).backward()
    assert not features.grad.any()


@pytest.mark.parametrize(("label", "kind"), [(0, "affinity_background"), (5, "affinity_foreground")])
def test_one_label_everywhere_leaves_one_kind_of_pair(label, kind):
    terms = affinity_loss(random_features(), torch.full((2, 6, 7), label), radius=RADIUS)
    assert [name for name, value in terms.items() if value > 0] == [kind]


def test_ignored_cells_get_no_gradient():
    features, labels = random_features().requires_grad_(), random_labels()
    sum(affinity_loss(features, labels, radius=RADIUS).values()).backward()
    moved = features.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, labels != IGNORE_INDEX)


def test_gradients_stay_finite_where_affinities_are_1_or_vanish():
    features = torch.zeros(1, 2, 3, 8)
    features[..., 4:] = 1e4
    features.requires_grad_()
    labels = torch.arange(24).view(1, 3, 8) % 3
    sum(affinity_loss(features, labels, radius=RADIUS).values()).backward()
    assert torch.isfinite(features.grad).all()


def test_half_precision_features_lose_nothing_but_their_own_rounding():
    # 1 + 1e-5 - W collapses in bfloat16; a sum over many channels overflows float16
    labels = random_labels(1, 40, 40)
    for dtype in (torch.bfloat16, torch.float16):
        features = (5 + torch.rand(1, 64, 40, 40, generator=torch.Generator().manual_seed(0))).to(dtype)
        terms = affinity_loss(features, labels, radius=RADIUS)
        assert all(value.dtype == torch.float32 for value in terms.values())
        torch.testing.assert_close(terms, affinity_loss(features.float(), labels, radius=RADIUS))
