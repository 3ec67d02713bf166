"""What figures were measured on: bytes, wherever they lie."""

import shutil
from pathlib import Path

import pytest

from wsss_core.data.index import Index, Record
from wsss_core.evaluation.measured import measured_on, truth_digest


class Truth:
    """Masks in the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.iterdir())


def index(train: str = "a", val: str = "b", classes: tuple[str, ...] = ("cat", "dog"), digest: str = "") -> Index:
    """One photograph a letter."""
    records = {name: Record(name, f"{name}.png", (1,), 4, 8, name + digest) for name in train + val}
    return Index("folder", ".", classes, {"train": tuple(train), "val": tuple(val)}, records, "tags")


@pytest.fixture
def masks(tmp_path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(name.encode())
    return folder


def test_other_bytes_or_names_of_masks_give_another_digest_and_another_place_does_not(masks, tmp_path):
    digest = truth_digest(Truth(masks))
    moved = Path(shutil.copytree(masks, tmp_path / "moved"))
    assert truth_digest(Truth(moved)) == digest
    (moved / "b.png").rename(moved / "c.png")
    assert truth_digest(Truth(moved)) != digest
    (masks / "b.png").write_bytes(b"corrected")
    assert truth_digest(Truth(masks)) != digest


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({}, set()),
        ({"train": "ac"}, {"train"}),
        ({"val": "c"}, {"val"}),
        ({"classes": ("cat", "emu")}, {"train", "val"}),
        ({"digest": "other bytes"}, {"train", "val"}),
    ],
)
def test_each_split_is_known_by_its_photographs_and_the_classes(masks, changes, other):
    before, after = measured_on(index(), Truth(masks)), measured_on(index(**changes), Truth(masks))
    assert {split for split in before if before[split] != after[split]} == other


def test_corrected_masks_concern_every_split(masks):
    before = measured_on(index(), Truth(masks))
    (masks / "a.png").write_bytes(b"corrected")
    after = measured_on(index(), Truth(masks))
    assert before.keys() == after.keys() == {"train", "val"}
    assert all(before[split] != after[split] for split in before)
