"""Class centres, and the bank that carries them from batch to batch."""

import pytest
import torch
import torch.nn.functional as F

from wsss_core.losses.class_centres import class_centres, updated_bank, with_bank
from wsss_core.voc import IGNORE_INDEX

EAST, NORTH = torch.eye(2)
NONE = torch.zeros(2)


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(2, 5, 6, 4) embeddings; labels 0, 1, 2 in rows 0-1, 2-3 and 4, row 5 ignored; confidences."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.tensor([0, 0, 1, 1, 2, IGNORE_INDEX])
    embeddings = torch.randn(2, 5, 6, 4, generator=generator)
    return embeddings, rows[:, None].expand(2, 6, 4).clone(), torch.rand(2, 6, 4, generator=generator)


def test_a_centre_is_the_direction_of_the_mean_of_unit_vectors_by_confidence():
    embeddings, labels, confidence = example()
    centres, valid = class_centres(embeddings, labels, confidence, num_labels=4, least_points=4)
    assert valid.tolist() == [[True, True, True, False]] * 2
    units = F.normalize(embeddings, dim=1) * confidence[:, None]
    expected = F.normalize(units[:, :, 2:4].sum(dim=(2, 3)), dim=1)
    torch.testing.assert_close(centres[:, 1], expected)
    torch.testing.assert_close(centres.norm(dim=2), valid.float())


def test_a_label_of_fewer_points_has_no_centre():
    embeddings, labels, confidence = example()
    labels[1, 0, 0] = IGNORE_INDEX                                            # seven of background left
    centres, valid = class_centres(embeddings, labels, confidence, num_labels=3, least_points=8)
    assert valid.tolist() == [[True, True, False], [False, True, False]]
    assert not centres[~valid].any()


def test_points_of_no_confidence_make_no_centre():
    embeddings, labels, confidence = example()
    confidence[:, :2] = 0
    centres, valid = class_centres(embeddings, labels, confidence, num_labels=3, least_points=4)
    assert valid.tolist() == [[False, True, True]] * 2
    assert not centres[:, 0].any()


def test_the_length_of_an_embedding_does_not_matter():
    embeddings, labels, confidence = example()
    options = {"num_labels": 3, "least_points": 4}
    lengths = 0.1 + torch.arange(24.0).view(1, 1, 6, 4)
    torch.testing.assert_close(
        class_centres(lengths * embeddings, labels, confidence, **options),
        class_centres(embeddings, labels, confidence, **options),
    )


def test_half_precision_embeddings_give_float32_centres():
    embeddings, labels, confidence = example()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        centres, _ = class_centres(embeddings.half(), labels, confidence, num_labels=3, least_points=4)
    wide, _ = class_centres(embeddings.half().float(), labels, confidence, num_labels=3, least_points=4)
    torch.testing.assert_close(centres, wide)


def test_labels_of_another_grid_are_refused():
    embeddings, labels, confidence = example()
    with pytest.raises(ValueError, match=r"labels are \(2, 3, 4\).*embeddings' \(2, 6, 4\)"):
        class_centres(embeddings, labels[:, ::2], confidence, num_labels=3, least_points=4)


def test_the_bank_moves_slowly_takes_the_first_it_sees_whole_and_leaves_background():
    centres = torch.stack([torch.stack([EAST, NORTH, NORTH, NONE]), torch.stack([EAST, EAST, NONE, NONE])])
    bank = torch.stack([NONE, EAST, NONE, NORTH])
    updated = updated_bank(bank, centres, centres.any(dim=2), momentum=0.9)
    blended = F.normalize(0.9 * EAST + 0.1 * (NORTH + EAST) / 2, dim=0)
    torch.testing.assert_close(updated, torch.stack([NONE, blended, NORTH, NORTH]))
    assert torch.equal(bank[1], EAST)


def test_the_bank_replaces_the_objects_that_an_image_has():
    own = torch.stack([EAST, EAST, EAST, NONE])[None]
    bank = torch.stack([NORTH, NONE, NORTH, NORTH])
    centres, valid = with_bank(own, own.any(dim=2), bank)
    # background stays, class 1 is not in the bank, class 2 is, class 3 is not in the image
    assert torch.equal(centres[0], torch.stack([EAST, EAST, NORTH, NONE]))
    assert valid.tolist() == [[True, True, True, False]]
