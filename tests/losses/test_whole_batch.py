"""A batch that two processes share gives the loss and the gradients of one process that has all of it."""

import pytest
import torch
from side_by_side import WORLD, side_by_side

from wsss_core.losses.adaptive_affinity import adaptive_affinity_loss
from wsss_core.losses.affinity import affinity_loss
from wsss_core.losses.class_centres import unit_vectors, updated_bank
from wsss_core.losses.classification import tag_loss
from wsss_core.losses.energy import dense_energy
from wsss_core.losses.label_reassign import label_reassign_loss, share_reassigned
from wsss_core.losses.saliency import aggregated_saliency_loss, saliency_loss
from wsss_core.losses.segmentation import balanced_segmentation_loss, bootstrapped_loss, segmentation_loss
from wsss_core.voc import IGNORE_INDEX

BATCH, CLASSES, SIDE = 4, 3, 8


def tensors() -> dict[str, torch.Tensor]:
    """Inputs of all losses; the images of the two halves, 0 and 2 against 1 and 3, are labelled unequally."""
    torch.manual_seed(0)
    labels = torch.randint(0, CLASSES, (BATCH, SIDE, SIDE))
    labels[0, 1:] = IGNORE_INDEX
    labels[1, :, :2] = 0
    labels[2] = IGNORE_INDEX
    valid = labels != IGNORE_INDEX
    return {
        "maps": torch.randn(BATCH, CLASSES, SIDE, SIDE),
        "labels": labels,
        "new": torch.where(torch.rand(labels.shape) < 0.5, labels, 1).masked_fill(~valid, IGNORE_INDEX),
        "confidence": torch.rand(BATCH, SIDE, SIDE),
        "tags": torch.randint(0, 2, (BATCH, CLASSES - 1)).float(),
        "images": torch.rand(BATCH, 3, SIDE, SIDE) * 255,
        "valid": valid,
    }


def reassigned(variant):
    def loss(*, maps, labels, confidence, **_):
        return label_reassign_loss(
            maps, maps + 1, labels, confidence, variant=variant, temperature=0.3, threshold=0.3, least_points=2
        )[0]

    return loss


def aggregated(*, maps, confidence, valid, **_):
    share = maps.sigmoid()
    weight = share[:, :1].mean(dim=(2, 3), keepdim=True)
    return aggregated_saliency_loss(share[:, :1], share[:, 1:2], weight, confidence, valid, form="bce")


def energy(*, maps, images, labels, valid, **_):
    return dense_energy(
        maps.softmax(1), images, labels, valid, scale=1.0, sigma_xy=3, sigma_rgb=40, weight=1.0, gated=True,
        grad="released",
    )  # fmt: skip


LOSSES = {
    "tags": lambda *, maps, tags, **_: tag_loss(maps[:, 1:].mean(dim=(2, 3)), tags),
    "segmentation": lambda *, maps, labels, **_: segmentation_loss(maps, labels),
    "balanced": lambda *, maps, labels, **_: balanced_segmentation_loss(maps, labels),
    "bootstrapped": lambda *, maps, labels, tags, **_: bootstrapped_loss(maps, labels, tags, share=0.3),
    "pairs": lambda *, maps, labels, **_: affinity_loss(maps, labels, radius=3),
    "adaptive": lambda *, maps, labels, confidence, **_: adaptive_affinity_loss(
        maps.softmax(1), labels, confidence, radius=2, margin=3.0, split_negative=True
    ),
    "saliency": lambda *, maps, confidence, valid, **_: saliency_loss(maps[:, :1], confidence, valid),
    "aggregated saliency": aggregated,
    "energy": energy,
    **{f"reassign {variant}": reassigned(variant) for variant in ("hard", "soft", "embed", "corrected_only")},
}


def value_and_gradient(loss, inputs) -> tuple[torch.Tensor, torch.Tensor]:
    maps = inputs["maps"].clone().requires_grad_()
    value = loss(**{**inputs, "maps": maps})
    value = sum(value.values()) if isinstance(value, dict) else value
    value.backward()
    return value.detach(), maps.grad


@pytest.mark.parametrize("is_labelled", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_two_halves_have_the_loss_and_the_gradients_of_the_whole(monkeypatch, name, is_labelled):
    inputs = tensors()
    if not is_labelled:
        inputs["labels"][:] = IGNORE_INDEX
    value, gradient = value_and_gradient(LOSSES[name], inputs)

    def half(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        return value_and_gradient(LOSSES[name], {key: part[rank::WORLD] for key, part in inputs.items()})

    values, gradients = zip(*side_by_side(monkeypatch, half), strict=True)
    torch.testing.assert_close(sum(values) / WORLD, value)
    together = torch.stack(gradients, dim=1).flatten(0, 1)  # 0 of the first, 0 of the second, 1 of the first, ...
    torch.testing.assert_close(together / WORLD, gradient, atol=1e-7, rtol=1e-5)


def test_the_share_of_reassigned_points_is_that_of_the_whole(monkeypatch):
    before, after = tensors()["labels"], tensors()["new"]
    whole = share_reassigned(before, after)
    assert 0 < whole < 1
    halves = side_by_side(monkeypatch, lambda rank: share_reassigned(before[rank::WORLD], after[rank::WORLD]))
    torch.testing.assert_close(sum(halves) / WORLD, whole)


def test_the_bank_of_centres_is_the_same_in_all_processes(monkeypatch):
    torch.manual_seed(0)
    bank, centres = unit_vectors(torch.randn(CLASSES + 2, 5)), torch.randn(BATCH, CLASSES + 2, 5)
    valid = torch.tensor([[1, 1, 0, 1, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [1, 0, 1, 1, 0]]).bool()
    centres = unit_vectors(centres.mT).mT * valid[..., None]
    whole = updated_bank(bank, centres, valid, momentum=0.9)
    for made in side_by_side(monkeypatch, lambda r: updated_bank(bank, centres[r::2], valid[r::2], momentum=0.9)):
        torch.testing.assert_close(made, whole)
    assert torch.equal(whole[-1], bank[-1])
