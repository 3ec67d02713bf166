"""RRM: its four losses, and the energy's weight and reach for crops of any size."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from wsss_core.losses.energy import dense_energy
from wsss_core.losses.segmentation import balanced_segmentation_loss
from wsss_core.methods.rrm import recipe as rrm
from wsss_core.methods.two_branch import Energy, Objective
from wsss_core.ops.images import photograph
from wsss_core.training.self_labelling import SelfLabels
from wsss_core.voc import IGNORE_INDEX

ENERGY = Energy(
    weight=1e-7, sigma_xy=100.0, sigma_rgb=15.0, scale=0.5, reference_crop=None, gated=True, grad="released", crop=48
)


class Labels:
    """The upper left is background, the lower right class 2, the rest ignored; counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model, batch, outputs) -> SelfLabels:
        self.calls += 1
        labels = torch.full(batch["roi"].shape, IGNORE_INDEX)
        labels[:, :20, :20], labels[:, 30:, 30:] = 0, 2
        return SelfLabels(labels, (labels != IGNORE_INDEX).float())


def logits_of(batch: dict, num_labels=4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(batch["image"]), num_labels, *batch["image"].shape[-2:], generator=generator)


def raw(energy: Energy, batch: dict, logits=None, labels=None) -> torch.Tensor:
    """The unweighted energy, by default of random logits on the labels above."""
    logits = logits_of(batch) if logits is None else logits
    return energy.raw(logits, batch, Labels()(None, batch, None).labels if labels is None else labels)


@pytest.mark.parametrize(
    ("crop", "reference", "factor"), [(48, None, 1), (48, 48, 1), (48, 96, 0.5), (96, 48, 2), (321, 321, 1)]
)
def test_the_reach_scales_with_the_crop_and_the_weight_with_its_fourth_power_inverse(batch, crop, reference, factor):
    energy = dataclasses.replace(ENERGY, crop=crop, reference_crop=reference)
    assert energy.factor == factor
    assert energy.scaled_weight == pytest.approx(1e-7 / factor**4)
    given = {"scale": 0.5, "sigma_rgb": 15.0, "weight": 1.0, "gated": True, "grad": "released"}
    labels = Labels()(None, batch, None).labels
    expected = dense_energy(logits_of(batch).softmax(dim=1), photograph(batch["image"]), labels, batch["roi"],
                            sigma_xy=100.0 * factor, **given)  # fmt: skip
    assert raw(energy, batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_enlarged_picture_has_the_weighted_energy_of_the_small_one(batch):
    def enlarged(maps: torch.Tensor) -> torch.Tensor:
        return maps.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)

    large = {**batch, "image": enlarged(batch["image"]), "roi": enlarged(batch["roi"])}
    energy = dataclasses.replace(ENERGY, scale=1.0, reference_crop=48)
    twice = dataclasses.replace(energy, crop=96)
    ignored = torch.full((4, 96, 96), IGNORE_INDEX)
    small = energy.scaled_weight * raw(energy, batch, labels=ignored[:, :48, :48]).item()
    grown = twice.scaled_weight * raw(twice, large, enlarged(logits_of(batch)), ignored).item()
    assert grown == pytest.approx(small, rel=0.1)
    unscaled = dataclasses.replace(twice, reference_crop=None)
    assert unscaled.scaled_weight * raw(unscaled, large, enlarged(logits_of(batch)), ignored).item() < 5 * small


def test_the_energy_sees_the_photograph_and_not_the_normalised_image(batch):
    # one colour step of 255 would vanish against sigma_rgb if the image were the normalised one
    plain = {**batch, "image": torch.zeros_like(batch["image"])}
    assert raw(ENERGY, plain) < 2 * raw(ENERGY, batch) < 0


def test_the_gate_spares_labelled_pixels(batch):
    gated, ungated = (raw(dataclasses.replace(ENERGY, gated=gated), batch) for gated in (True, False))
    assert ungated < gated < 0
    nothing = torch.full((4, 48, 48), IGNORE_INDEX)
    gated, ungated = (raw(dataclasses.replace(ENERGY, gated=g), batch, labels=nothing) for g in (True, False))
    assert gated == ungated


def test_released_and_exact_gradients_have_one_value(batch):
    found = []
    for grad in ("released", "exact"):
        logits = logits_of(batch).requires_grad_()
        energy = raw(dataclasses.replace(ENERGY, grad=grad), batch, logits)
        energy.backward()
        found.append((energy.item(), logits.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    assert (found[0][1] - found[1][1]).norm() > 0.02 * found[1][1].norm()


def test_padding_has_no_energy(batch):
    batch["roi"][..., 40:] = False
    logits = logits_of(batch).requires_grad_()
    raw(ENERGY, batch, logits).backward()
    assert not logits.grad[..., 40:].any() and logits.grad[..., :40].any()


@pytest.mark.parametrize(
    ("name", "value"), [("gated", False), ("sigma_xy", 20.0), ("sigma_rgb", 50.0), ("scale", 1.0)]
)
def test_what_the_section_says_of_the_energy_is_what_it_uses(build, batch, name, value):
    usual, other = build("rrm"), build("rrm", energy={name: value})
    assert getattr(Energy.of(other.recipe.section), name) == value
    terms = [made.terms(batch) for made in (usual, other)]
    assert terms[0].seen["energy_raw"] != terms[1].seen["energy_raw"]
    assert terms[0].losses["tags"] == terms[1].losses["tags"]


def test_the_losses_are_tags_both_balanced_cross_entropies_and_the_weighted_energy(build, batch):
    network, label = build("rrm").network, Labels()
    energy = dataclasses.replace(ENERGY, reference_crop=96)
    terms = rrm.losses(network, batch, 0.0, objective=Objective(label, 0.0, 0.5, energy))
    assert label.calls == 1
    outputs, labels = network(batch["image"]), label(None, batch, None).labels
    entropies = balanced_segmentation_loss(outputs["seg"], labels, stride=network.stride)
    logits = F.interpolate(outputs["seg"], size=(48, 48), mode="bilinear", align_corners=False)
    expected = {
        "tags": F.multilabel_soft_margin_loss(outputs["logits"], batch["tags"]),
        "background": entropies["background"],
        "foreground": 0.5 * entropies["foreground"],
        "energy": 16e-7 * energy.raw(logits, batch, labels),
    }
    assert list(terms.losses) == list(expected)
    torch.testing.assert_close(terms.losses, expected, rtol=1e-4, atol=1e-6)
    assert terms.seen["energy_raw"].item() == pytest.approx(terms.losses["energy"].item() / 16e-7)
    assert terms.seen["reliable_share"].item() == pytest.approx((20**2 + 18**2) / 48**2)


def test_without_weight_there_is_no_energy(build, batch):
    terms = build("rrm", energy={"weight": 0.0}).terms(batch)
    assert list(terms.losses) == ["tags", "background", "foreground"]
    assert "energy_raw" not in terms.seen


def test_no_label_is_made_while_it_only_classifies(build, batch):
    network, label = build("rrm").network, Labels()
    options = {"objective": Objective(label, 0.5, 1.0, ENERGY)}
    assert list(rrm.losses(network, batch, 0.49, **options).losses) == ["tags"]
    assert label.calls == 0
    assert len(rrm.losses(network, batch, 0.5, **options).losses) == 4
    assert label.calls == 1


def test_the_rule_of_its_section_makes_the_labels(build, batch):
    def share(**changes) -> float:
        made = build("rrm", labels=changes)
        return (made.recipe.label(made.network.eval(), batch) != IGNORE_INDEX).float().mean().item()

    with torch.no_grad():
        assert share(keep=0.0, background_threshold=1.0) == 0
        assert 0 < share(keep=0.2) < share(keep=0.6)
        assert share(agree=True) <= share(agree=False)


def test_a_faint_tag_makes_no_label_on_demand(build, batch):
    with torch.no_grad():
        made = build("rrm", class_maps={"least_presence": 1.0})
        assert set(made.recipe.label(made.network.eval(), batch).unique().tolist()) == {0}


def test_the_maps_of_all_scales_of_its_section_are_averaged(build, batch, monkeypatch):
    made = build("rrm", class_maps={"scales": [0.75, 1.0, 1.5], "cam_eval_mode": True})
    seen, usual = [], made.network.forward

    def forward(images, **options):
        seen.append((tuple(images.shape[-2:]), made.network.training))
        return usual(images, **options)

    monkeypatch.setattr(made.network, "forward", forward)
    made.terms(batch)
    assert seen == [((48, 48), True), ((36, 36), False), ((72, 72), False)]
    assert made.network.training
