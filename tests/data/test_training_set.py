"""The training stream: endless, seeded, the same for any number of workers and from any step."""

import contextlib
import multiprocessing
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wsss_core import manifests
from wsss_core.data import training_set
from wsss_core.data.index import Index, Record
from wsss_core.data.training_set import Shuffled, TrainingSet, batches
from wsss_core.data.transforms import augmentation
from wsss_core.ops.images import normalise
from wsss_core.voc import IGNORE_INDEX

TAGS = {"a": (1, 3), "b": (), "c": (2,), "d": (3,), "e": (1, 2, 3)}
RANDOM = {
    "long_side": None, "scale": (0.5, 1.5), "crop": 32, "flip": True, "color_jitter": (0.3, 0.3, 0.3, 0.1),
    "pad": "mean",
}  # fmt: skip


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Five pictures of noise with the tags above."""
    rng = np.random.default_rng(0)
    for image_id in TAGS:
        Image.fromarray(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)).save(tmp_path / f"{image_id}.png")
    records = {
        name: Record(name, f"{name}.png", tags, 24, 40, manifests.file_digest(tmp_path / f"{name}.png"))
        for name, tags in TAGS.items()
    }
    return Index("folder", str(tmp_path), ("bird", "cat", "dog"), {"train": tuple(TAGS)}, records, "tags")


class LeftHalf:
    """Labels class 1 on the left half; at module level, so that worker processes can have it."""

    def __call__(self, image_id: str) -> np.ndarray:
        labels = np.zeros((24, 40), np.uint8)
        labels[:, :20] = 1
        return labels


def stream(index: Index, *, seed=0, labels=None) -> TrainingSet:
    return TrainingSet(index, tuple(TAGS), augmentation(**RANDOM), seed=seed, labels=labels)


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) if isinstance(first[key], torch.Tensor) else first[key] == second[key]
        for key in first
    )


def test_a_sample_has_the_documented_shapes_and_tags(index):
    sample = stream(index, labels=LeftHalf())[0]
    assert {key: (value.shape, value.dtype) for key, value in sample.items() if key != "id"} == {
        "image": ((3, 32, 32), torch.float32), "tags": ((3,), torch.float32), "labels": ((32, 32), torch.int64),
        "roi": ((32, 32), torch.bool),
    }  # fmt: skip
    assert type(sample["image"]) is type(sample["labels"]) is type(sample["roi"]) is torch.Tensor
    for position in range(5):
        sample = stream(index)[position]
        assert "labels" not in sample
        assert (sample["tags"].nonzero().flatten() + 1).tolist() == list(TAGS[sample["id"]])


def test_labels_hold_the_classes_and_ignored_padding(index):
    seen = {value for p in range(10) for value in stream(index, labels=LeftHalf())[p]["labels"].unique().tolist()}
    assert seen == {0, 1, IGNORE_INDEX}


class NothingLabelled:
    """Ignores every pixel of the photograph."""

    def __call__(self, image_id: str) -> np.ndarray:
        return np.full((24, 40), IGNORE_INDEX, np.uint8)


def plain(crop: int, pad: str = "mean") -> dict:
    return {**RANDOM, "scale": (1.0, 1.0), "color_jitter": (0, 0, 0, 0), "flip": False, "crop": crop, "pad": pad}


@pytest.mark.parametrize("pad", ["mean", "black"])
def test_the_region_of_interest_is_the_photograph_in_its_padding(index, pad):
    samples = TrainingSet(index, tuple(TAGS), augmentation(**plain(48, pad)), seed=0)
    for position in range(5):
        sample = samples[position]
        rows, columns = sample["roi"].nonzero().T
        assert sample["roi"].sum() == 24 * 40
        top, left = rows.min(), columns.min()
        part = sample["image"][:, top : top + 24, left : left + 40]
        assert sample["roi"][top : top + 24, left : left + 40].all()
        torch.testing.assert_close(part, normalise(index.image(sample["id"])))
        colour = torch.zeros(3) if pad == "mean" else normalise(np.zeros((1, 1, 3), np.uint8)).flatten()
        around = sample["image"][:, ~sample["roi"]]  # (3, P)
        torch.testing.assert_close(around, colour[:, None].expand_as(around))


def test_a_crop_inside_the_photograph_is_all_of_interest(index):
    samples = TrainingSet(index, tuple(TAGS), augmentation(**plain(24)), seed=0)
    assert all(samples[position]["roi"].all() for position in range(5))


def test_the_region_of_interest_does_not_depend_on_the_labels(index):
    without = [stream(index)[position]["roi"] for position in range(5)]
    assert not all(roi.all() for roi in without)
    for labels in (LeftHalf(), NothingLabelled()):
        assert all(torch.equal(stream(index, labels=labels)[p]["roi"], roi) for p, roi in enumerate(without))


def test_labels_are_ignored_outside_the_region_of_interest(index):
    for position in range(5):
        sample = stream(index, labels=LeftHalf())[position]
        assert torch.equal(sample["labels"] != IGNORE_INDEX, sample["roi"])


def test_each_epoch_shows_every_image_once_in_another_order(index):
    samples = stream(index)
    epochs = [[samples[5 * epoch + place]["id"] for place in range(5)] for epoch in range(6)]
    assert all(sorted(epoch) == sorted(TAGS) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3


def test_a_sample_depends_on_seed_and_position_alone(index):
    first, again, other = stream(index)[7], stream(index)[7], stream(index, seed=1)
    assert same(first, again)
    assert [other[p]["id"] for p in range(20)] != [stream(index)[p]["id"] for p in range(20)]
    positions = [p for p in range(40) if stream(index)[p]["id"] == "a"]
    assert len(positions) == 8
    assert not torch.equal(stream(index)[positions[0]]["image"], stream(index)[positions[1]]["image"])


class Draws(Shuffled):
    """Which item, and a random number of each generator."""

    def sample(self, image_id: str) -> dict:
        return {"id": image_id, "python": random.random(), "torch": torch.rand(1).item()}


@pytest.mark.parametrize("changed", [{"seed": 1, "stream": 0}, {"seed": 0, "stream": 1}], ids=str)
def test_streams_share_neither_order_nor_random_numbers(changed):
    ids = [str(number) for number in range(12)]
    first, same, other = ([draws[p] for p in range(24)] for draws in (
        Draws(ids, seed=0), Draws(ids, seed=0, stream=0), Draws(ids, **changed)
    ))  # fmt: skip
    assert first == same
    for epoch in (slice(0, 12), slice(12, 24)):
        assert sum(a["id"] == b["id"] for a, b in zip(first[epoch], other[epoch], strict=True)) < 6
    for generator in ("python", "torch"):
        assert all(a[generator] != b[generator] for a, b in zip(first, other, strict=True))


def test_the_image_is_augmented_alike_with_and_without_labels(index):
    for position in range(5):
        with_labels = stream(index, labels=LeftHalf())[position]["image"]
        torch.testing.assert_close(with_labels, stream(index)[position]["image"])


def test_reading_a_sample_leaves_the_generators_as_they_were(index):
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(1), random.random()
    torch.manual_seed(3)
    random.seed(3)
    stream(index)[0]
    assert (torch.rand(1), random.random()) == expected


def test_the_stream_is_the_same_for_no_worker_and_for_two(index):
    alone, shared = (
        list(batches(stream(index, labels=LeftHalf()), batch=2, steps=4, workers=workers)(0)) for workers in (0, 2)
    )
    assert len(alone) == 4
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))


def test_a_stream_goes_on_from_any_step_as_if_never_stopped(index):
    start = batches(stream(index), batch=2, steps=5, workers=0)
    whole, rest = list(start(0)), list(start(3))
    assert [len(whole), len(rest)] == [5, 2]
    assert all(same(a, b) for a, b in zip(whole[3:], rest, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_streaming_draws_nothing_from_the_generator_that_drops_features(index, workers):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    next(batches(stream(index), batch=2, steps=2, workers=workers)(0))
    assert torch.equal(torch.rand(1), expected)


def test_samples_leave_the_generators_of_gpus_alone(index, monkeypatch):
    """Else dropout there would depend on whether this process makes the samples or others do."""
    seeds = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    stream(index)[0]
    assert seeds == []


@pytest.mark.parametrize("pinned", [False, True])
def test_batches_are_pinned_only_where_a_gpu_takes_them(index, monkeypatch, pinned):
    """Pinning takes memory of the GPU, which may be why the CPU was asked for."""
    asked = []

    def loader(*args, pin_memory, **options):
        asked.append(pin_memory)
        return torch.utils.data.DataLoader(*args, **options)

    monkeypatch.setattr(training_set, "DataLoader", loader)
    next(batches(stream(index), batch=2, steps=1, workers=0, **({"pinned": True} if pinned else {}))(0))
    assert asked == [pinned]


class Refused(Draws):
    """Items that cannot be made."""

    def sample(self, image_id: str) -> dict:
        raise ValueError(f"{image_id}.png is no picture: make it again")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_loader_process_is_told_without_its_traceback(workers):
    with pytest.raises(ValueError, match=r"^a\.png is no picture: make it again$"):
        next(batches(Refused(["a"], seed=0), batch=1, steps=1, workers=workers)(0))


@pytest.mark.parametrize("items", [Refused, Draws])
def test_a_stream_that_ends_early_leaves_no_process(items):
    made = batches(items(["a"], seed=0), batch=1, steps=99, workers=2)(0)
    with contextlib.suppress(ValueError):
        next(made)
    made.close()
    assert multiprocessing.active_children() == []


def test_ranks_share_each_batch_without_overlap(index):
    whole = list(batches(stream(index), batch=4, steps=3, workers=0)(0))
    ranks = [list(batches(stream(index), batch=4, steps=3, workers=0, rank=r, world=2)(0)) for r in range(2)]
    for step, batch in enumerate(whole):
        assert [batch["id"][0::2], batch["id"][1::2]] == [ranks[0][step]["id"], ranks[1][step]["id"]]
        assert torch.equal(batch["image"][1::2], ranks[1][step]["image"])


def test_a_batch_that_does_not_divide_among_the_processes_is_refused(index):
    with pytest.raises(ValueError, match="a batch of 5 does not divide among 2 processes"):
        batches(stream(index), batch=5, steps=1, workers=0, world=2)


def test_no_image_is_refused(index):
    with pytest.raises(ValueError, match=r"no images to train on; check dataset\.train"):
        TrainingSet(index, (), augmentation(**RANDOM), seed=0)
