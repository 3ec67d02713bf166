"""Samples of a data set, and what two of them say of the whole."""

import pytest

from wsss_core.data.index import Index, Record
from wsss_core.trials.forecast import Growth, sample
from wsss_core.trials.steps import Cost


def index_of(**splits: int) -> Index:
    """A split of so many photographs each, of 1 x 10, 2 x 10, ... pixels, in no order."""
    names = {split: tuple(f"{split}{i * 7 % count:03}" for i in range(count)) for split, count in splits.items()}
    sizes = {name: place + 1 for ids in names.values() for place, name in enumerate(ids)}
    records = {name: Record(name, f"{name}.jpg", (1,), height, 10, "") for name, height in sizes.items()}
    return Index("folder", "set", ("a",), {k: tuple(sorted(v)) for k, v in names.items()}, records, "tags")


def test_a_sample_has_as_large_a_share_of_each_split():
    chosen = sample(index_of(train=100, val=31), 20)
    assert {name: len(ids) for name, ids in chosen.splits.items()} == {"train": 20, "val": 6}
    assert chosen.records.keys() == set(chosen.ids("train", "val"))


def test_a_sample_leaves_no_split_empty_that_was_not():
    chosen = sample(index_of(train=100, val=3), 5)
    assert {name: len(ids) for name, ids in chosen.splits.items()} == {"train": 5, "val": 1}
    none = sample(index_of(train=100, val=0), 5)
    assert none.splits["val"] == ()


@pytest.mark.parametrize("count", [5, 13, 40])
def test_a_sample_has_the_mean_size_of_the_set(count):
    index = index_of(train=101, val=10)
    heights = [index.size(name)[0] for name in sample(index, count).ids("train")]
    assert sum(heights) / len(heights) == pytest.approx(51, rel=0.02)
    assert min(heights) < 12 and max(heights) > 90


def test_a_sample_can_be_written_and_opened(tmp_path):
    sample(index_of(train=30, val=10), 8).write(tmp_path / "index.json")
    assert len(Index.open(tmp_path / "index.json").ids("train", "val")) == 11


def test_what_takes_no_longer_on_more_photographs_is_not_foretold_to_take_less():
    growth = Growth(10, Cost(6.0, 5, 9), 20, Cost(5.5, 4, 8))
    assert growth.at(1000) == Cost(5.5, 5, 8)


def test_fewer_photographs_than_were_tried_lie_on_the_same_line():
    growth = Growth(10, Cost(3.0, 1, 100), 20, Cost(5.0, 1, 200))
    assert growth.at(5) == Cost(2.0, 1, 50)
    assert growth.at(1).seconds == pytest.approx(1.2)
