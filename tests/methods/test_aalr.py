"""AA&LR: ramps, the grid of the affinity loss, the variants of reassignment, the bank, and the labels' source."""

import math

import pytest
import torch
import torch.nn.functional as F

from wsss_core.losses.adaptive_affinity import adaptive_affinity_loss
from wsss_core.losses.label_reassign import label_reassign_loss
from wsss_core.methods.aalr import recipe as aalr
from wsss_core.methods.aalr.recipe import Affinity, Reassign, on_grid, risen
from wsss_core.methods.aalr.section import Ramp
from wsss_core.methods.two_branch import Energy, Objective
from wsss_core.training.self_labelling import SelfLabels
from wsss_core.voc import IGNORE_INDEX

VARIANTS = ("hard", "soft", "embed", "corrected_only")
NOW = {"label_reassign": {"ramp": {"start": 0.0, "length": 0.0}, "least_points": 2}}
"""Reassignment in full from the first joint step."""


def labels(model, batch, outputs) -> SelfLabels:
    """Background above, the classes 1 and 2 below, with an ignored row of cells in between."""
    labels = torch.zeros(batch["roi"].shape, dtype=torch.int64)
    labels[:, 16:24] = IGNORE_INDEX
    labels[:, 24:, :24], labels[:, 24:, 24:] = 1, 2
    confidence = torch.linspace(0.5, 1, 48).expand(labels.shape)
    return SelfLabels(labels, confidence.where(labels != IGNORE_INDEX, 0.0))


def losses(made, batch, joint=0.9, **changes):
    """The losses of one step on the labels above."""
    p = made.recipe.section
    parts = {
        "affinity": Affinity(p.adaptive_affinity), "reassign": Reassign(p.label_reassign, 1.0),
    }  # fmt: skip
    shared = {"label": labels, "classification_share": 0.0, "foreground_weight": 1.0, "energy": Energy.of(p)}
    objective = Objective(**{name: changes.pop(name, value) for name, value in shared.items()})
    return aalr.losses(made.network.train(), batch, joint, objective=objective, **parts | changes)


@pytest.mark.parametrize(
    ("start", "length", "joint", "expected"),
    [
        (0.0, 0.1, 0.0, 0.0), (0.0, 0.1, 0.05, 0.5), (0.0, 0.1, 0.1, 1.0), (0.0, 0.1, 0.9, 1.0),
        (0.25, 0.1, 0.24, 0.0), (0.25, 0.1, 0.25, 0.0), (0.25, 0.1, 0.3, 0.5), (0.25, 0.1, 0.36, 1.0),
        (0.25, 0.0, 0.24, 0.0), (0.25, 0.0, 0.25, 1.0), (0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.99, 0.0),
    ],
)  # fmt: skip
def test_a_weight_is_0_before_its_ramp_and_rises_linearly(start, length, joint, expected):
    assert risen(joint, Ramp(start=start, length=length)) == pytest.approx(expected)


def test_cells_take_label_and_confidence_of_the_pixel_in_their_middle():
    made = SelfLabels(
        torch.tensor([[[0, 0, 255, 2], [0, 0, 255, 2], [3, 3, 1, 255], [3, 3, 255, 255]]]),
        torch.tensor([[[0.2, 0.4, 0.0, 0.9], [0.6, 0.8, 0.0, 0.9], [1.0, 1.0, 0.8, 0.0], [1.0, 1.0, 0.0, 0.0]]]),
    )
    cells = on_grid(made, stride=2)
    assert cells.labels.tolist() == [[[0, 2], [3, 255]]]
    torch.testing.assert_close(cells.confidence, torch.tensor([[[0.8, 0.9], [1.0, 0.0]]]))


def test_the_last_cell_of_a_crop_that_ends_before_its_middle_takes_the_last_pixel():
    rows = torch.arange(17).view(1, 17, 1).expand(1, 17, 17)
    cells = on_grid(SelfLabels(rows, rows / 17), stride=8)
    assert cells.labels[0, :, 0].tolist() == [4, 12, 16]


def test_labels_on_their_own_grid_pass_unchanged():
    made = labels(None, {"roi": torch.ones(2, 48, 48, dtype=torch.bool)}, None)
    cells = on_grid(made, stride=1)
    assert torch.equal(cells.labels, made.labels) and torch.equal(cells.confidence, made.confidence)


@pytest.mark.parametrize("grid", ["logits", "image"])
def test_the_affinity_loss_is_taken_on_its_grid(build, batch, grid):
    made = build("aalr", adaptive_affinity={"grid": grid, "radius": 1, "ramp": {"start": 0.0, "length": 0.0}})
    terms = losses(made, batch)
    logits, known = made.network(batch["image"])["seg"], labels(None, batch, None)
    if grid == "image":
        logits = F.interpolate(logits, size=(48, 48), mode="bilinear", align_corners=False)
    else:
        known = on_grid(known, stride=made.network.stride)
    expected = adaptive_affinity_loss(
        logits.softmax(dim=1), known.labels, known.confidence, radius=1, margin=3.0, split_negative=False
    )
    for name, weight in {"attract": 0.1 * 1.0, "repel": 0.1 * 2.0}.items():
        assert terms.seen[f"{name}_raw"].item() == pytest.approx(expected[name].item(), rel=1e-4)
        assert terms.losses[name].item() == pytest.approx(weight * expected[name].item(), rel=1e-4)
        assert terms.losses[name] > 0


def test_both_parts_of_the_affinity_loss_rise_together(build, batch):
    made = build("aalr", adaptive_affinity={"weight": 0.4, "ramp": {"start": 0.2, "length": 0.2}})
    for joint, share in [(0.0, 0.0), (0.2, 0.0), (0.25, 0.25), (0.3, 0.5), (0.5, 1.0)]:
        terms = losses(made, batch, joint)
        for name, weight in {"attract": 1.0, "repel": 2.0}.items():
            expected = 0.4 * weight * share * terms.seen[f"{name}_raw"].item()
            assert terms.losses[name].item() == pytest.approx(expected, rel=1e-5)


def test_reassignment_is_absent_before_its_start_and_rises_after(build, batch):
    ramp = {"start": 0.25, "length": 0.1}
    made = build("aalr", label_reassign={"weight": 0.5, "ramp": ramp, "least_points": 2})
    for joint in (0.0, 0.2, 0.25):
        terms = losses(made, batch, joint)
        assert "reassign" not in terms.losses
        assert not {"reassign_raw", "reassigned_share"} & set(terms.seen)
    for joint, weight in [(0.3, 0.25), (0.35, 0.5), (0.9, 0.5)]:
        terms = losses(made, batch, joint)
        assert terms.losses["reassign"].item() == pytest.approx(weight * terms.seen["reassign_raw"].item(), rel=1e-5)
        assert terms.losses["reassign"] > 0
        assert 0 <= terms.seen["reassigned_share"] <= 1


def test_ramps_are_shares_of_the_joint_phase(build, batch):
    made = build("aalr", adaptive_affinity={"weight": 1.0, "ramp": {"start": 0.0, "length": 0.1}},
                 label_reassign={"weight": 1.0, "ramp": {"start": 0.5, "length": 0.0}})  # fmt: skip
    terms = losses(made, batch, 0.51, classification_share=0.5)             # 2 % of it
    assert terms.losses["attract"].item() == pytest.approx(0.2 * terms.seen["attract_raw"].item(), rel=1e-4)
    assert "reassign" not in losses(made, batch, 0.74, classification_share=0.5).losses
    assert "reassign" in losses(made, batch, 0.75, classification_share=0.5).losses


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_of_reassignment_is_the_loss_on_the_network_s_grid(build, batch, variant):
    changes = {"variant": variant, "weight": 2.0, **NOW["label_reassign"]}
    made = build("aalr", label_reassign=changes)
    terms = losses(made, batch)
    outputs = made.network(batch["image"])
    cells = on_grid(labels(None, batch, None), stride=made.network.stride)
    expected, _ = label_reassign_loss(
        outputs["seg"], outputs["embeddings"], cells.labels, cells.confidence, variant=variant, temperature=0.1,
        threshold=0.6, least_points=2,
    )  # fmt: skip
    assert math.isfinite(expected.item())
    assert terms.seen["reassign_raw"].item() == pytest.approx(expected.item(), rel=1e-3, abs=1e-6)
    terms.losses["reassign"].backward()
    gradients = [p.grad for p in made.network.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    logits = made.network.head.logits.weight.grad
    assert (logits is None or not logits.any()) == (variant == "embed")


@pytest.mark.parametrize(("source", "momentum"), [("crf", None), ("pamr", 0.9)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_finite_losses_on_every_batch(build, any_batch, source, momentum, variant):
    made = build("aalr", label_source=source, label_reassign={**NOW["label_reassign"], "variant": variant,
                                                              "bank_momentum": momentum})  # fmt: skip
    terms = made.terms(any_batch)
    assert "reassign" in terms.losses
    assert all(math.isfinite(value.item()) for value in [*terms.losses.values(), *terms.seen.values()])
    sum(terms.losses.values()).backward()
    trainable = {name: p.grad for name, p in made.network.named_parameters() if p.requires_grad}
    assert [n for n, gradient in trainable.items() if gradient is None or not torch.isfinite(gradient).all()] == []


def test_labels_come_from_the_source_of_the_section(build, batch):
    def of(source: str, **changes) -> torch.Tensor:
        made = build("aalr", label_source=source, **changes)
        return made.recipe.label(made.network.eval(), batch)

    strict_crf, strict_pamr = {"labels": {"keep": 0.0, "background_threshold": 1.0}}, {"pamr": {"floor": 1.0}}
    with torch.no_grad():
        crf, pamr = of("crf"), of("pamr")
        assert not torch.equal(crf, pamr)
        assert (of("crf", **strict_crf) == IGNORE_INDEX).all() and torch.equal(of("crf", **strict_pamr), crf)
        assert (of("pamr", **strict_pamr) == IGNORE_INDEX).all() and torch.equal(of("pamr", **strict_crf), pamr)


def test_the_bank_moves_to_the_classes_of_the_batch_and_is_saved(build, batch):
    changes = {**NOW["label_reassign"], "bank_momentum": 0.9}
    made = build("aalr", label_reassign=changes)
    assert not made.network.centres.any()
    losses(made, batch)
    first = made.network.state_dict()["centres"].clone()
    # each image has its own background, and class 3 is not among the labels
    assert first.norm(dim=1).tolist() == pytest.approx([0, 1, 1, 0], abs=1e-5)
    other = {**batch, "image": batch["image"].flip(0, 2)}
    losses(made, other)
    second = made.network.centres
    assert not torch.equal(second, first)
    assert (F.cosine_similarity(first, second, dim=1)[1:3] > 0.9).all()
    fresh = build("aalr", label_reassign=changes).network
    fresh.load_state_dict(made.network.state_dict())
    assert torch.equal(fresh.centres, second)
    assert not fresh.centres.requires_grad


def test_the_bank_rests_before_reassignment_begins(build, batch):
    changes = {"bank_momentum": 0.9, "least_points": 2, "ramp": {"start": 0.5, "length": 0.1}}
    made = build("aalr", label_reassign=changes)
    losses(made, batch, 0.4)
    assert not made.network.centres.any()


def test_without_momentum_there_is_no_bank(build):
    assert "centres" not in build("aalr").network.state_dict()


def test_with_a_bank_objects_are_compared_to_its_centres(build, batch):
    made = build("aalr", label_reassign={**NOW["label_reassign"], "bank_momentum": 0.999})
    losses(made, batch)
    raw = losses(made, batch).seen["reassign_raw"]
    made.network.centres[1:3] = made.network.centres[1:3].flip(0)            # class 1 for class 2 and back
    assert losses(made, batch).seen["reassign_raw"] != raw


def test_losses_without_weight_are_absent(build, batch):
    terms = losses(build("aalr", adaptive_affinity={"weight": 0.0}, label_reassign={"weight": 0.0}), batch)
    assert list(terms.losses) == ["tags", "background", "foreground"]
    assert set(terms.seen) == {"tags_raw", "background_raw", "foreground_raw", "reliable_share"}


def test_the_energy_of_rrm_is_there_on_demand(build, batch):
    assert "energy" not in losses(build("aalr"), batch).losses
    made = build("aalr", energy={"weight": 1e-7, "reference_crop": 96})
    terms = losses(made, batch)
    assert terms.losses["energy"].item() == pytest.approx(16e-7 * terms.seen["energy_raw"].item(), rel=1e-5)
    assert terms.losses["energy"] < 0


def test_all_losses_together_train_the_same_names_at_every_joint_step(build, batch):
    made = build("aalr", energy={"weight": 1e-7}, **NOW)
    names = [list(losses(made, batch, joint).losses) for joint in (0.01, 0.5, 0.99)]
    assert names[0] == names[1] == names[2]
    assert names[0] == ["tags", "background", "foreground", "energy", "attract", "repel", "reassign"]


def test_the_objects_weigh_as_the_section_says_in_both_cross_entropies(build, batch):
    made = build("aalr")
    usual, light = (losses(made, batch, foreground_weight=weight).losses for weight in (1.0, 0.25))
    assert light["foreground"].item() == pytest.approx(0.25 * usual["foreground"].item())
    assert light["background"] == usual["background"]
    parts = [losses(made, batch, reassign=Reassign(made.recipe.section.label_reassign, weight)).losses["reassign"]
             for weight in (0.0, 0.5, 1.0)]  # fmt: skip
    assert parts[1].item() == pytest.approx((parts[0].item() + parts[2].item()) / 2)
    assert parts[0] < parts[2]
