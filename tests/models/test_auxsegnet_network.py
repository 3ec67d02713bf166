"""AuxSegNet: shapes, and what its affinities do to predictions."""

import pytest
import torch

from wsss_core.methods.auxsegnet.affinity import CrossTaskAffinity, PixelAffinity, refined
from wsss_core.methods.auxsegnet.inference import AFFINITIES, affinities_of_peak, refined_cams
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone

BACKBONE = {
    "name": "test_resnet", "output_stride": 8, "weights": "none", "dilate": True, "batch_norm": "trained",
    "freeze_stem": False,
}  # fmt: skip
CPU = torch.device("cpu")


def build(*, num_classes: int = 20, **changes):
    torch.manual_seed(0)
    options = {
        "dropout": 0.0, "head_channels": 16, "atrous_rates": [1, 2, 3], "saliency": True, "affinity": "cross",
        "renormalise_rows": False,
    }  # fmt: skip
    backbone = pretrained_backbone(**BACKBONE)
    return build_network(AuxSegNet, backbone, num_classes=num_classes, options=options | changes).eval()


def outputs_of(network, size=(40, 48), num: int = 2) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return network(torch.randn(num, 3, *size, generator=torch.Generator().manual_seed(1)))


def test_a_crop_of_321_has_a_grid_of_41_and_as_many_pairs():
    shapes = {name: tuple(value.shape) for name, value in outputs_of(build(), (321, 321), num=1).items()}
    grid = (41, 41)
    assert shapes == {
        "logits": (1, 20), "cam": (1, 20, *grid), "seg": (1, 21, *grid), "seg_first": (1, 21, *grid),
        "saliency": (1, 1, *grid), "saliency_logits": (1, 1, *grid), "saliency_first": (1, 1, *grid),
        "affinity": (1, 1681, 1681), "seg_affinity": (1, 1681, 1681), "saliency_affinity": (1, 1681, 1681),
    }  # fmt: skip


def test_published_rates_and_widths_are_the_default_at_stride_8():
    network = build(atrous_rates=None, head_channels=128)
    for branch in (network.segmentation, network.saliency):
        assert [layer.dilation[0] for layer in (branch.first, branch.second, branch.third)] == [6, 12, 18]
        assert (branch.first.out_channels, branch.logits.kernel_size, branch.logits.bias) == (128, (1, 1), None)


def test_rows_of_each_task_s_affinity_sum_to_one():
    outputs = outputs_of(build())
    for name in ("seg_affinity", "saliency_affinity"):
        assert (outputs[name] >= 0).all()
        torch.testing.assert_close(outputs[name].sum(dim=-1), torch.ones(2, 30), rtol=0, atol=1e-5)


def test_features_without_likeness_are_spread_evenly():
    module = PixelAffinity(4)
    for layer in (module.query, module.key):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        _, affinity = module(torch.randn(1, 4, 3, 5))
    torch.testing.assert_close(affinity, torch.full((1, 15, 15), 1 / 15))
    maps = torch.randn(1, 2, 3, 5)
    torch.testing.assert_close(refined(affinity, maps), maps.mean(dim=(2, 3), keepdim=True).expand_as(maps))


def test_what_is_alike_twice_is_shared_as_it_is_whatever_the_gate_says():
    alike = torch.rand(2, 6, 6).softmax(dim=-1)
    for seed in range(3):
        torch.manual_seed(seed)
        torch.testing.assert_close(CrossTaskAffinity(renormalise=False)(alike, alike), alike)


def test_the_shared_affinity_lies_between_both_at_every_pair():
    first, second = (torch.randn(2, 9, 9).softmax(dim=-1) for _ in range(2))
    with torch.no_grad():
        mixed = CrossTaskAffinity(renormalise=False)(first, second)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    assert (mixed >= low - 1e-6).all() and (mixed <= high + 1e-6).all()
    assert (mixed.sum(dim=-1) <= 2).all()


def test_renormalised_rows_sum_to_one():
    first, second = (torch.randn(1, 9, 9).softmax(dim=-1) for _ in range(2))
    with torch.no_grad():
        mixed = CrossTaskAffinity(renormalise=True)(first, second)
    torch.testing.assert_close(mixed.sum(dim=-1), torch.ones(1, 9))


def test_propagation_along_the_identity_changes_nothing_and_by_a_row_moves_its_sum():
    maps = torch.randn(2, 3, 2, 2)
    torch.testing.assert_close(refined(torch.eye(4).expand(2, 4, 4), maps), maps)
    affinity = torch.zeros(1, 4, 4)
    affinity[0, 0, 3] = 0.5                                                     # cell 0 takes half of cell 3
    moved = refined(affinity, torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert moved.flatten().tolist() == [2, 0, 0, 0]


def test_refined_predictions_are_the_first_ones_along_the_shared_affinity():
    outputs = outputs_of(build())
    torch.testing.assert_close(outputs["seg"], refined(outputs["affinity"], outputs["seg_first"]))
    torch.testing.assert_close(outputs["saliency_logits"], refined(outputs["affinity"], outputs["saliency_first"]))
    torch.testing.assert_close(outputs["saliency"], outputs["saliency_logits"].sigmoid())


def test_with_their_own_affinities_both_tasks_stay_apart():
    outputs = outputs_of(build(affinity="own"))
    assert torch.equal(outputs["affinity"], outputs["seg_affinity"])
    expected = refined(outputs["saliency_affinity"], outputs["saliency_first"])
    torch.testing.assert_close(outputs["saliency_logits"], expected)


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"affinity": "none"}, {"affinity", "seg_affinity", "saliency_affinity", "seg_first", "saliency_first"}),
        ({"saliency": False}, {"saliency", "saliency_logits", "saliency_first", "saliency_affinity"}),
    ],
)
def test_what_an_ablation_leaves_out_has_no_key_and_no_weights(changes, absent):
    whole, network = build(), build(**changes)
    assert outputs_of(whole).keys() - outputs_of(network).keys() == absent
    assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in whole.parameters())


class Fixed(torch.nn.Module):
    """Answers with given maps."""

    stride = 8

    def __init__(self, **outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.outputs


def cams_by(affinity: torch.Tensor, *, renormalise: bool = False):
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 0, 1, 1], maps[0, 2, 2, 2] = 4.0, 2.0
    image = torch.zeros(32, 32, 3, dtype=torch.uint8).numpy()
    (made,) = refined_cams(
        Fixed(cam=maps, affinity=affinity), [image], [(1, 3)], renormalise=renormalise, max_pixels=10**6, device=CPU
    )
    return made


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_leaves_what_is_propagated_whole(dtype):
    generator = torch.Generator().manual_seed(0)
    affinity = torch.randn(1, 600, 600, generator=generator).softmax(dim=-1)
    maps = torch.randn(1, 3, 20, 30, generator=generator)
    whole = refined(affinity, maps)
    with torch.autocast("cpu", dtype=dtype):
        torch.testing.assert_close(refined(affinity, maps), whole, rtol=0, atol=0)


def test_class_maps_of_the_tags_alone_are_divided_by_their_maxima_then_propagated():
    made = cams_by(torch.eye(16)[None])
    assert made.shape == (2, 32, 32)
    assert 0.7 < made[0, 8:16, 8:16].max() <= 1 and not made[0, 24:].any()
    assert cams_by(0.5 * torch.eye(16)[None]).max() <= 0.5


def test_refined_class_maps_peak_at_one_only_if_that_is_asked_for():
    affinity = 0.5 * torch.eye(16)[None]
    assert cams_by(affinity, renormalise=True).max() == pytest.approx(1, abs=1e-3)


def test_the_chosen_pixel_is_the_peak_of_the_first_tag_and_its_rows_are_shown():
    network, image = build(num_classes=3), torch.randint(0, 256, (32, 40, 3), dtype=torch.uint8).numpy()
    with torch.no_grad():
        shown = affinities_of_peak(network, image, [2], max_pixels=10**6, device=CPU)
    assert shown.size == (32, 40)
    assert shown.scores.shape == (1 + len(AFFINITIES), 4, 5)
    assert (shown.scores[0] > 0).sum() == 1
    assert all(maps.max() == pytest.approx(1, abs=1e-3) for maps in shown.scores)
