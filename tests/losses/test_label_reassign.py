"""Label reassignment: new labels, the four variants, and where no gradient may go."""

import math

import pytest
import torch
import torch.nn.functional as F

from wsss_core.losses.class_centres import class_centres, updated_bank, with_bank
from wsss_core.losses.label_reassign import label_reassign_loss, reassigned_labels, share_reassigned
from wsss_core.losses.segmentation import balanced_segmentation_loss
from wsss_core.voc import IGNORE_INDEX

NUM_LABELS = 4
REASSIGN = {"temperature": 0.1, "threshold": 0.6}
LOSS = REASSIGN | {"least_points": 8}
VARIANTS = ("hard", "soft", "embed", "corrected_only")


def clusters(batch=2, height=12, width=10, spread=0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 16, h, w) embeddings around one direction for each class, of lengths 0.5..2; (B, h, w) classes."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.tensor([0, 1, 3])[torch.randint(0, 3, (batch, height, width), generator=generator)]
    directions = torch.eye(16)[:NUM_LABELS]
    points = directions[truth].permute(0, 3, 1, 2)
    points = points + spread * torch.randn(points.shape, generator=generator)
    return points * (0.5 + 1.5 * torch.rand(batch, 1, height, width, generator=generator)), truth


def mislabelled(truth: torch.Tensor, share=0.1) -> torch.Tensor:
    """Every tenth point bears another of the classes 0, 1, 3."""
    wrong = torch.rand(truth.shape, generator=torch.Generator().manual_seed(1)) < share
    return torch.where(wrong, torch.tensor([1, 3, -1, 0])[truth], truth)


def example() -> dict[str, torch.Tensor]:
    embeddings, truth = clusters()
    labels = mislabelled(truth)
    labels[:, 0] = IGNORE_INDEX
    generator = torch.Generator().manual_seed(2)
    return {
        "logits": torch.randn(2, NUM_LABELS, 12, 10, generator=generator),
        "embeddings": embeddings,
        "labels": labels,
        "confidence": 0.5 + 0.5 * torch.rand(2, 12, 10, generator=generator),
    }


def centres_of(batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = (batch["embeddings"], batch["labels"], batch["confidence"])
    return class_centres(*inputs, num_labels=NUM_LABELS, least_points=8)


def q_by_loops(batch: dict) -> torch.Tensor:
    """(B, L, h, w): one point, one centre after the other."""
    points, labels, confidence = batch["embeddings"].double(), batch["labels"], batch["confidence"].double()
    q = torch.zeros(2, NUM_LABELS, 12, 10, dtype=torch.float64)
    for image in range(2):
        centres = {}
        for k in range(NUM_LABELS):
            cells = (labels[image] == k).nonzero().tolist()
            if len(cells) >= 8:
                units = [F.normalize(points[image, :, y, x], dim=0) for y, x in cells]
                weights = [confidence[image, y, x] for y, x in cells]
                centres[k] = F.normalize(sum(w * unit for w, unit in zip(weights, units, strict=True)), dim=0)
        for y in range(12):
            for x in range(10):
                unit = F.normalize(points[image, :, y, x], dim=0)
                odds = {k: math.exp(float(unit @ centre) / 0.1) for k, centre in centres.items()}
                for k in odds:
                    q[image, k, y, x] = odds[k] / sum(odds.values())
    return q


def test_q_matches_a_loop_over_points_and_centres():
    batch = example()
    batch["labels"][1][batch["labels"][1] == 3] = IGNORE_INDEX
    new, q = reassigned_labels(batch["embeddings"], batch["labels"], *centres_of(batch), **REASSIGN)
    expected = q_by_loops(batch)
    torch.testing.assert_close(q.double(), expected, rtol=1e-4, atol=1e-6)
    labelled = batch["labels"] != IGNORE_INDEX
    sure = labelled & (expected.amax(dim=1) >= 0.6)
    assert torch.equal(new, torch.where(sure, expected.argmax(dim=1), IGNORE_INDEX))


def test_flipped_labels_come_back_and_right_ones_stay():
    embeddings, truth = clusters(height=40, width=40)
    labels = mislabelled(truth)
    centres = centres_of({"embeddings": embeddings, "labels": labels, "confidence": torch.ones(truth.shape)})
    new, _ = reassigned_labels(embeddings, labels, *centres, **REASSIGN)
    flipped = labels != truth
    assert 0.08 < flipped.float().mean() < 0.12
    assert (new == truth)[flipped].float().mean() >= 0.95
    assert torch.equal(new[~flipped], truth[~flipped])
    assert share_reassigned(labels, new).item() == pytest.approx(flipped.float().mean().item(), abs=0.005)


def test_new_labels_are_of_the_images_own_classes():
    batch = example()
    batch["labels"][0] = batch["labels"][0].where(batch["labels"][0] != 3, IGNORE_INDEX)
    new, q = reassigned_labels(batch["embeddings"], batch["labels"], *centres_of(batch), **REASSIGN)
    assert set(new[0].unique().tolist()) <= {0, 1, IGNORE_INDEX}
    assert not q[:, 2].any() and not q[0, 3].any()
    assert (new[:, 0] == IGNORE_INDEX).all()                                # not labelled, not reassigned


def test_a_class_of_too_few_points_is_no_target_and_its_points_move():
    embeddings, truth = clusters()
    labels = truth.clone()
    labels[0, 0, :7] = 2
    centres = centres_of({"embeddings": embeddings, "labels": labels, "confidence": torch.ones(truth.shape)})
    new, _ = reassigned_labels(embeddings, labels, *centres, **REASSIGN)
    assert torch.equal(new, truth)


def test_of_equally_near_centres_the_lowest_label_wins_if_the_threshold_lets_it():
    centres = torch.eye(3)[:, [0, 1, 0]].T[None]                            # labels 0 and 2 share one
    embeddings = torch.eye(3)[0].view(1, 3, 1, 1).expand(1, 3, 4, 5)
    labels, valid = torch.full((1, 4, 5), 2), torch.ones(1, 3, dtype=torch.bool)
    new, q = reassigned_labels(embeddings, labels, centres, valid, temperature=0.1, threshold=0.4)
    assert torch.equal(q[:, 0], q[:, 2])
    assert not new.any()
    unsure, _ = reassigned_labels(embeddings, labels, centres, valid, **REASSIGN)
    assert (unsure == IGNORE_INDEX).all()


def test_an_image_without_a_centre_has_no_labels_whatever_the_threshold():
    batch = example()
    centres, valid = centres_of(batch)
    valid[1] = False
    new, q = reassigned_labels(
        batch["embeddings"], batch["labels"], centres, valid, temperature=0.1, threshold=0.0
    )
    assert (new[1] == IGNORE_INDEX).all() and not q[1].any()
    assert torch.equal(new[0] == IGNORE_INDEX, batch["labels"][0] == IGNORE_INDEX)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_keeps_its_labels_and_gives_the_plain_loss(label):
    batch = example()
    batch["labels"] = torch.where(batch["labels"] == label, label, IGNORE_INDEX)
    loss, new = label_reassign_loss(**batch, **LOSS, variant="hard")
    assert torch.equal(new, batch["labels"])
    plain = balanced_segmentation_loss(batch["logits"], batch["labels"])
    assert loss.item() == pytest.approx(sum(plain.values()).item())
    assert label_reassign_loss(**batch, **LOSS, variant="corrected_only")[0].item() == 0
    assert label_reassign_loss(**batch, **LOSS, variant="embed")[0].item() == 0


def test_each_variant_is_its_formula():
    batch = example()
    labels, log_p = batch["labels"], batch["logits"].log_softmax(dim=1)
    new, q = reassigned_labels(batch["embeddings"], labels, *centres_of(batch), **REASSIGN)
    losses = {variant: label_reassign_loss(**batch, **LOSS, variant=variant) for variant in VARIANTS}
    assert all(torch.equal(found, new) for _, found in losses.values())

    def balanced(points: torch.Tensor) -> torch.Tensor:
        own = -log_p.gather(1, new[:, None] % IGNORE_INDEX)[:, 0]
        return own[points & (new == 0)].mean() + own[points & (new > 0)].mean()

    assigned = new != IGNORE_INDEX
    divergence = (torch.xlogy(q, q) - q * log_p).sum(dim=1)
    expected = {
        "hard": balanced(assigned),
        "corrected_only": balanced(assigned & (new != labels)),
        "soft": divergence[labels != IGNORE_INDEX].mean(),
        "embed": -q.amax(dim=1).log()[assigned].mean(),
    }
    torch.testing.assert_close({variant: loss for variant, (loss, _) in losses.items()}, expected)


def test_soft_takes_the_mean_over_images_with_a_centre():
    batch = example()
    batch["labels"][1] = IGNORE_INDEX
    batch["labels"][1, 3, :5] = 1                                      # labelled, but too few for a centre
    first = {name: value[:1] for name, value in batch.items()}
    both, alone = (label_reassign_loss(**part, **LOSS, variant="soft")[0] for part in (batch, first))
    torch.testing.assert_close(both, alone)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_the_logits_or_the_embeddings_and_nothing_else(variant):
    batch = example()
    learnt, constant = ("embeddings", "logits") if variant == "embed" else ("logits", "embeddings")
    for name in ("logits", "embeddings", "confidence"):
        batch[name].requires_grad_()
    centres, valid = centres_of(batch)
    assert not centres.requires_grad
    centres.requires_grad_()
    loss, new = label_reassign_loss(**batch, **LOSS, variant=variant, centres=(centres, valid))
    loss.backward()
    assert batch[learnt].grad.any() and torch.isfinite(batch[learnt].grad).all()
    assert batch[constant].grad is batch["confidence"].grad is centres.grad is None
    used = new if variant != "soft" else batch["labels"]
    assert not batch[learnt].grad.abs().sum(dim=1)[used == IGNORE_INDEX].any()


def test_descending_embed_draws_points_to_their_centres():
    batch = example()
    batch["embeddings"].requires_grad_()
    centres = centres_of(batch)
    before, _ = label_reassign_loss(**batch, **LOSS, variant="embed", centres=centres)
    before.backward()
    moved = (batch["embeddings"] - 10 * batch["embeddings"].grad).detach()
    after, _ = label_reassign_loss(**batch | {"embeddings": moved}, **LOSS, variant="embed", centres=centres)
    assert after < before


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_a_label_the_loss_is_0_with_a_graph(variant):
    batch = example()
    learnt = batch["embeddings" if variant == "embed" else "logits"].requires_grad_()
    batch["labels"] = torch.full_like(batch["labels"], IGNORE_INDEX)
    loss, new = label_reassign_loss(**batch, **LOSS, variant=variant)
    loss.backward()
    assert loss.item() == 0 and (new == IGNORE_INDEX).all()
    assert not learnt.grad.any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_embeddings_that_vanish_do_no_harm(variant):
    # a point behind a ReLU may have none of its features
    batch = example()
    learnt = batch["embeddings" if variant == "embed" else "logits"]
    batch["embeddings"][0, :, 3:6] = 0
    learnt.requires_grad_()
    loss, new = label_reassign_loss(**batch, **LOSS, variant=variant)
    loss.backward()
    assert (new[0, 3:6] == IGNORE_INDEX).all()
    assert torch.isfinite(learnt.grad).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_half_precision_gives_a_float32_loss(variant):
    batch = example()
    narrow = {name: value.bfloat16() if value.is_floating_point() else value for name, value in batch.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = label_reassign_loss(**narrow, **LOSS, variant=variant)
    wide = {name: value.float() if value.is_floating_point() else value for name, value in narrow.items()}
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, label_reassign_loss(**wide, **LOSS, variant=variant)[0])


def test_the_share_counts_points_labelled_before_and_after():
    labels = torch.tensor([[[0, 0, 1, 1, 255]]])
    new = torch.tensor([[[0, 1, 1, 255, 255]]])
    assert share_reassigned(labels, new).item() == pytest.approx(1 / 3)
    assert share_reassigned(labels, torch.full_like(labels, IGNORE_INDEX)).item() == 0


def test_a_bank_of_the_images_own_centres_changes_nothing():
    batch = {name: value[:1] for name, value in example().items()}
    centres, valid = centres_of(batch)
    bank = updated_bank(torch.zeros(NUM_LABELS, 16), centres, valid, momentum=0.99)
    losses = [
        label_reassign_loss(**batch, **LOSS, variant="hard", centres=source)[0]
        for source in (None, with_bank(centres, valid, bank))
    ]
    torch.testing.assert_close(*losses)


def test_what_cannot_be_is_refused():
    batch = example()
    with pytest.raises(ValueError, match="one of hard, soft, embed, corrected_only, not 'easy'"):
        label_reassign_loss(**batch, **LOSS, variant="easy")
    coarse = batch | {"logits": batch["logits"][..., ::2, ::2]}
    with pytest.raises(ValueError, match=r"labels are \(12, 10\), logits \(6, 5\); resize"):
        label_reassign_loss(**coarse, **LOSS, variant="hard")
    small = batch["labels"][:, ::2]
    with pytest.raises(ValueError, match=r"labels are \(2, 6, 10\), embeddings \(2, 16, 12, 10\); resize"):
        reassigned_labels(batch["embeddings"], small, *centres_of(batch), **REASSIGN)
