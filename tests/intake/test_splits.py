"""The split that is made where there is none, and how splits are called."""

import pytest

from wsss_core.intake.records import Entry
from wsss_core.intake.splits import make_split, source_of, split_in, split_of_folder


def entries(**counts: int) -> dict[str, Entry]:
    """So many photographs of each class; `_` shows none."""
    tags = [(tag, number) for tag, count in counts.items() for number in range(count)]
    return {f"{tag}{number}": Entry(() if tag == "_" else (tag,)) for tag, number in tags}


def held(split: dict[str, str], tag: str) -> int:
    return sum(part == "val" for name, part in split.items() if name.startswith(tag))


def test_a_tenth_of_each_class_is_held_out():
    split = make_split(entries(cat=100, dog=40, _=20), known={})
    assert [held(split, tag) for tag in ("cat", "dog", "_")] == [10, 4, 2]


def test_the_rarest_tag_of_a_photograph_decides_its_group():
    both = {f"both{number}": Entry(("cat", "rare")) for number in range(10)}
    split = make_split({**entries(cat=90), **both}, known={})
    assert (held(split, "both"), held(split, "cat")) == (1, 9)


def test_it_depends_on_names_alone():
    photographs = entries(cat=30, dog=30)
    assert make_split(photographs, known={}) == make_split(dict(reversed(photographs.items())), known={})


def test_what_is_known_stays_and_the_rest_fills_up():
    known = dict.fromkeys(entries(cat=10), "train") | {"cat3": "val"}
    split = make_split(entries(cat=40), known=known)
    assert all(split[name] == part for name, part in known.items())
    assert held(split, "cat") == 4


def test_of_five_photographs_one_is_held_out_and_of_four_none():
    assert held(make_split(entries(cat=5, dog=4), known={}), "cat") == 1
    assert held(make_split(entries(cat=5, dog=4), known={}), "dog") == 0
    assert set(make_split(entries(cat=50), known={}, held_out=0).values()) == {"train"}


def test_augmented_copies_of_a_photograph_stay_together():
    copies = {f"p{n}_jpg.rf.{k:032x}": Entry(("cat",)) for n in range(20) for k in range(3)}
    split = make_split(copies, known={})
    parts = {}
    for name, part in split.items():
        parts.setdefault(source_of(name), set()).add(part)
    assert all(len(part) == 1 for part in parts.values())
    assert sum(part == "val" for part in split.values()) == 6


def test_photographs_that_nobody_has_looked_at_get_no_split():
    assert make_split({"a": Entry(None), "b": Entry(("cat",))}, known={}) == {"b": "train"}


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.csv", "train"), ("annotations/instances_val2017.json", "val"), ("valid/_annotations.coco.json", "val"),
        ("Test-set.txt", "test"), ("train/labels_train.csv", "train"), ("train/val.csv", ""), ("constraint.csv", ""),
        ("labels.csv", ""),
    ],
)  # fmt: skip
def test_what_a_path_says_of_its_split(path, split):
    assert split_in(path) == split


def test_a_folder_is_a_split_by_its_whole_name():
    assert split_of_folder("Train/cat/a") == "train"
    assert split_of_folder("trains/cat/train") == ""
