"""The adaptive affinity loss: golden values, parity with loops over all pairs, and what moves it."""

import math

import pytest
import torch

from wsss_core.losses.adaptive_affinity import LEAST_PROBABILITY, adaptive_affinity_loss
from wsss_core.voc import IGNORE_INDEX

MARGIN = 3.0


def aa(probabilities, labels, confidence, *, radius=2, split_negative=False) -> dict[str, torch.Tensor]:
    return adaptive_affinity_loss(
        probabilities, labels, confidence, radius=radius, margin=MARGIN, split_negative=split_negative
    )


def example(batch=2, classes=4, height=6, width=7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Probabilities of which some are certain, labels of which a fifth are ignored, confidences."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(batch, classes, height, width, dtype=torch.float64, generator=generator)
    drawn = torch.randint(0, classes + 1, (batch, height, width), generator=generator)
    labels = torch.where(drawn == classes, IGNORE_INDEX, drawn)
    confidence = torch.rand(batch, height, width, dtype=torch.float64, generator=generator)
    return logits.softmax(dim=1), labels, confidence


def by_loops(probabilities, labels, confidence, *, radius, split_negative=False) -> dict[str, float]:
    """Each cell, each of its eight neighbours, one class after the other."""
    kinds: dict[str, list[float]] = {"background": [], "foreground": [], "negative": [], "objects": []}
    stencil = [(y, x) for y in (-radius, 0, radius) for x in (-radius, 0, radius) if (y, x) != (0, 0)]
    height, width = labels.shape[1:]
    cells = [(b, y, x) for b in range(len(labels)) for y in range(height) for x in range(width)]
    for b, y, x in cells:
        for v, u in [(y + dy, x + dx) for dy, dx in stencil]:
            if not (0 <= v < height and 0 <= u < width) or IGNORE_INDEX in (labels[b, y, x], labels[b, v, u]):
                continue
            d = divergence(probabilities[b, :, y, x].tolist(), probabilities[b, :, v, u].tolist())
            w = max(float(confidence[b, y, x]), float(confidence[b, v, u]))
            centre, neighbour = int(labels[b, y, x]), int(labels[b, v, u])
            if centre == neighbour:
                kinds["foreground" if centre else "background"].append(w * d)
            else:
                objects = split_negative and centre > 0 and neighbour > 0
                kinds["objects" if objects else "negative"].append(max(0.0, MARGIN * w - d))
    means = {kind: sum(costs) / max(len(costs), 1) for kind, costs in kinds.items()}
    return {
        "attract": means["background"] + means["foreground"],
        "repel": means["negative"] + means["objects"],
    }


def divergence(centre: list[float], neighbour: list[float]) -> float:
    total = 0.0
    for p, q in zip(centre, neighbour, strict=True):
        for a, b in ((p, q), (1 - p, 1 - q)):
            a, b = max(a, LEAST_PROBABILITY), max(b, LEAST_PROBABILITY)
            total += b * math.log(b / a)
    return total


def values(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in terms.items()}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 0], {"attract": 0.6275439858, "repel": 0.0}), ([0, 1], {"attract": 0.0, "repel": 2.0027287006})],
)
def test_golden_values_of_two_cells(labels, expected):
    probabilities = torch.tensor([[0.7, 0.3], [0.2, 0.6], [0.1, 0.1]], dtype=torch.float64).view(1, 3, 1, 2)
    confidence = torch.tensor([[[0.5, 0.9]]], dtype=torch.float64)
    terms = aa(probabilities, torch.tensor([[labels]]), confidence, radius=1)
    assert values(terms) == pytest.approx(expected, rel=1e-6)  # the numbers were found in float32


@pytest.mark.parametrize("split_negative", [False, True])
@pytest.mark.parametrize("radius", [1, 2, 4])
def test_terms_match_a_loop_over_all_pairs(radius, split_negative):
    batch, options = example(), {"radius": radius, "split_negative": split_negative}
    assert values(aa(*batch, **options)) == pytest.approx(by_loops(*batch, **options), rel=1e-10)
    narrow = aa(batch[0].float(), batch[1], batch[2].float(), **options)
    assert values(narrow) == pytest.approx(values(aa(*batch, **options)), rel=1e-5)


def test_uniform_predictions_attract_nothing_and_lack_the_whole_margin():
    _, labels, confidence = example()
    assert values(aa(torch.full((2, 4, 6, 7), 0.25), labels, torch.ones_like(confidence))) == {
        "attract": 0, "repel": MARGIN,
    }  # fmt: skip


def test_predictions_that_equal_certain_labels_cost_nothing():
    labels = example()[1] % 4
    certain = torch.nn.functional.one_hot(labels, 4).permute(0, 3, 1, 2).float()
    assert values(aa(certain, labels, torch.ones(2, 6, 7))) == {"attract": 0, "repel": 0}


def test_no_confidence_gives_no_loss_and_no_gradient():
    probabilities, labels, confidence = example()
    probabilities.requires_grad_()
    terms = aa(probabilities, labels, torch.zeros_like(confidence))
    assert values(terms) == {"attract": 0, "repel": 0}
    sum(terms.values()).backward()
    assert not probabilities.grad.any()


def test_clipped_probabilities_repel_nothing_without_confidence():
    # clipped, the two outcomes no longer sum to one, and d falls to -5e-5
    probabilities = torch.tensor([[5e-5, 0.0], [1.0, 1.0]], dtype=torch.float64).view(1, 2, 1, 2)
    assert divergence([0.0], [5e-5]) < 0
    terms = aa(probabilities, torch.tensor([[[0, 1]]]), torch.zeros(1, 1, 2), radius=1)
    assert values(terms) == {"attract": 0, "repel": 0}


def test_the_surer_label_of_a_pair_counts():
    probabilities = torch.tensor([[0.7, 0.4], [0.3, 0.6]]).view(1, 2, 1, 2)
    labels = torch.zeros(1, 1, 2, dtype=torch.long)
    one, both = (aa(probabilities, labels, torch.tensor([[[c, 0.8]]]), radius=1) for c in (0.1, 0.8))
    assert one["attract"] == both["attract"] > 0


@pytest.mark.parametrize("split_negative", [False, True])
def test_renaming_foreground_classes_changes_nothing(split_negative):
    probabilities, labels, confidence = example()
    order = torch.tensor([0, 3, 1, 2])  # class k becomes order[k]
    renamed = torch.where(labels == IGNORE_INDEX, labels, order[labels % IGNORE_INDEX])
    permuted = torch.empty_like(probabilities)
    permuted[:, order] = probabilities
    torch.testing.assert_close(
        aa(permuted, renamed, confidence, split_negative=split_negative),
        aa(probabilities, labels, confidence, split_negative=split_negative),
    )


@pytest.mark.parametrize(
    "transform", [lambda t: t.flip(-1), lambda t: t.flip(-2), lambda t: t.transpose(-1, -2)]
)
def test_a_flip_or_transposition_changes_nothing(transform):
    batch = example()
    torch.testing.assert_close(aa(*(transform(part) for part in batch)), aa(*batch))


def test_without_a_known_label_the_loss_is_0_with_a_graph():
    probabilities, labels, confidence = example()
    probabilities.requires_grad_()
    terms = aa(probabilities, torch.full_like(labels, IGNORE_INDEX), confidence)
    assert values(terms) == {"attract": 0, "repel": 0}
    for term in terms.values():
        term.backward(retain_graph=True)
    assert not probabilities.grad.any()


def test_a_grid_within_the_radius_has_no_pair_and_gives_0_with_a_graph():
    probabilities = torch.full((1, 2, 3, 3), 0.5, requires_grad=True)
    terms = aa(probabilities, torch.zeros(1, 3, 3, dtype=torch.long), torch.ones(1, 3, 3), radius=4)
    assert values(terms) == {"attract": 0, "repel": 0}
    sum(terms.values()).backward()
    assert not probabilities.grad.any()


@pytest.mark.parametrize("label", [0, 2])
def test_one_kind_of_equal_pairs_suffices(label):
    # the released code gives 0 here
    probabilities, labels, confidence = example()
    terms = values(aa(probabilities, torch.full_like(labels, label), confidence))
    assert terms["attract"] > 0 and terms["repel"] == 0


def test_split_negatives_weigh_rare_object_pairs_as_much_as_background_ones():
    # a row 0 0 1 2 at radius 1: one background/object and one object/object pair, of uniform predictions
    uniform, labels = torch.full((1, 3, 1, 4), 1 / 3), torch.tensor([[[0, 0, 1, 2]]])
    one, two = (aa(uniform, labels, torch.ones(1, 1, 4), radius=1, split_negative=s) for s in (False, True))
    assert (one["repel"].item(), two["repel"].item()) == (MARGIN, 2 * MARGIN)


def test_ignored_cells_have_no_influence_and_no_gradient():
    probabilities, labels, confidence = example()
    ignored = labels == IGNORE_INDEX
    changed = torch.where(ignored[:, None], probabilities.flip(1), probabilities).requires_grad_()
    surer = confidence.masked_fill(ignored, 1.0)
    terms = aa(changed, labels, surer)
    torch.testing.assert_close(terms, aa(probabilities, labels, confidence))
    sum(terms.values()).backward()
    assert not changed.grad.abs().sum(dim=1)[ignored].any()


def test_the_gradient_is_the_derivative_at_both_ends_of_each_pair():
    probabilities, labels, confidence = example(1, 3, 3, 4)
    logits = (probabilities.log() / 4).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: tuple(aa(x.softmax(dim=1), labels, confidence, radius=1).values()), logits
    )


def test_confidence_gets_no_gradient():
    probabilities, labels, confidence = example()
    confidence.requires_grad_()
    sum(aa(probabilities.requires_grad_(), labels, confidence).values()).backward()
    assert confidence.grad is None


def test_gradients_stay_finite_for_certain_predictions():
    labels = torch.arange(12).view(1, 3, 4) % 3
    certain = torch.nn.functional.one_hot(labels.flip(-1), 3).permute(0, 3, 1, 2).float().requires_grad_()
    sum(aa(certain, labels, torch.ones(1, 3, 4), radius=1).values()).backward()
    assert torch.isfinite(certain.grad).all()


def test_half_precision_probabilities_give_a_float32_loss():
    probabilities, labels, confidence = example()
    soft = probabilities.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = aa(soft, labels, confidence.bfloat16())
    assert all(value.dtype == torch.float32 for value in terms.values())
    torch.testing.assert_close(terms, aa(soft.float(), labels, confidence.bfloat16()))


def test_labels_of_another_grid_are_refused():
    probabilities, labels, confidence = example()
    with pytest.raises(ValueError, match=r"labels are \(2, 12, 14\).*predictions' \(2, 6, 7\)"):
        aa(probabilities, labels.repeat_interleave(2, 1).repeat_interleave(2, 2), confidence)
    with pytest.raises(ValueError, match="radius is 0"):
        aa(probabilities, labels, confidence, radius=0)
