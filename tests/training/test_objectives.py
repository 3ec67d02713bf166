"""What the stages minimise."""

import pytest
import torch

from wsss_core.methods.affinitynet.objective import affinity, pool_majority
from wsss_core.methods.cam.objective import classification
from wsss_core.methods.deeplab.objective import segmentation
from wsss_core.voc import IGNORE_INDEX


def test_pooling_takes_the_majority_of_each_cell_and_the_lower_label_of_a_tie():
    upper = [[1, 1, 5, 5, 9, 9], [1, 2, 3, 3, 9, 255]]
    lower = [[0, 255, 255, 255, 7, 0], [0, 255, 255, 4, 0, 0]]
    labels = torch.tensor([upper + lower])
    pooled = pool_majority(labels, stride=2)
    assert pooled.tolist() == [[[1, 3, 9], [0, IGNORE_INDEX, 0]]]
    assert pooled.dtype == torch.int64


def test_cells_that_stick_out_count_their_pixels_inside():
    labels = torch.tensor([[[3, 3, 3, 3, 8], [3, 3, 3, 3, 8], [6, 6, 5, 5, 8]]])
    assert pool_majority(labels, stride=4).tolist() == [[[3, 8]]]


@pytest.mark.parametrize("other", [0, 1, IGNORE_INDEX])
def test_what_lies_outside_the_image_has_no_vote(other):
    labels = torch.full((1, 5, 6), other)
    labels[0, 4, 4:] = 8  # two of the last cell's sixteen pixels are inside
    assert pool_majority(labels, stride=4).tolist() == [[[other, other], [other, 8]]]


def test_pooling_matches_loops():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 2, 7, IGNORE_INDEX])[torch.randint(0, 4, (2, 16, 24), generator=generator)]
    expected = [
        [
            [labels[b, y:y + 8, x:x + 8].flatten().bincount(minlength=256).argmax().item() for x in range(0, 24, 8)]
            for y in range(0, 16, 8)
        ]
        for b in range(2)
    ]
    assert pool_majority(labels, stride=8).tolist() == expected


def test_labels_on_the_grid_pass_unchanged():
    labels = torch.tensor([[[0, 3], [255, 7]]])
    assert torch.equal(pool_majority(labels, stride=1), labels)


class Answering:
    """A network of some stride that answers with a function of the images."""

    def __init__(self, answer, stride: int = 1) -> None:
        self.answer, self.stride = answer, stride

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.answer(images)


def test_each_objective_names_its_terms():
    torch.manual_seed(0)  # or cells may have no pair of one class
    batch = {
        "image": torch.rand(2, 3, 16, 24), "tags": torch.ones(2, 4),
        "labels": torch.randint(0, 3, (2, 16, 24)),
    }  # fmt: skip
    found = (
        classification(lambda images: {"logits": torch.zeros(len(images), 4)}, batch, 0.0),
        segmentation(Answering(lambda images: {"seg": images}), batch, 0.0),
        affinity(Answering(lambda images: {"affinity_features": images[:, :, ::8, ::8]}, 8), batch, 0.0, radius=5),
    )
    assert not any(objective.seen for objective in found)
    terms = {name: value for objective in found for name, value in objective.losses.items()}
    assert list(terms) == ["tags", "segmentation", "affinity_background", "affinity_foreground", "affinity_negative"]
    assert terms["tags"].item() == torch.tensor(2.0).log().item()
    assert all(value > 0 for name, value in terms.items() if name != "tags")
