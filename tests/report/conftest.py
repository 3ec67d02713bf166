"""A data set whose images, masks and names a test chooses, without any stage having run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss_core import manifests
from wsss_core.data.index import Index, Record


@dataclass
class MaskArrays:
    """Masks by id; what a test puts in."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def available(self, image_id: str) -> bool:
        return image_id in self.arrays

    def read(self, image_id: str) -> np.ndarray:
        return self.arrays[image_id]


Tags = dict[str, tuple[int, ...]]


def make_index(
    root: Path,
    *,
    train: Tags,
    val: Tags | None = None,
    classes=("cat", "dog"),
    size=(4, 8),
    supervision="tags",
) -> Index:
    """Write a black photograph for each id and index it; the mappings are id -> tags."""
    splits = {"train": train, "val": val or {}}
    records = {}
    for place, (name, tags) in enumerate(item for split in splits.values() for item in split.items()):
        path = root / f"{place}.png"
        Image.new("RGB", (size[1], size[0])).save(path)
        records[name] = Record(name, path.name, tags, *size, digest=manifests.file_digest(path))
    ids = {split: tuple(names) for split, names in splits.items()}
    return Index("folder", root.as_posix(), tuple(classes), ids, records, supervision)


@pytest.fixture
def index_of(tmp_path: Path):
    """make_index in a folder of the test."""

    def make(**content) -> Index:
        root = tmp_path / "photographs"
        root.mkdir()
        return make_index(root, **content)

    return make


@pytest.fixture
def masks() -> MaskArrays:
    return MaskArrays()


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's folder, as the repository's root that the layout is relative to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
