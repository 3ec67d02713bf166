"""What a figure was measured on: those of other photographs, classes or true masks do not compare."""

from __future__ import annotations

from wsss_core import manifests
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks


def truth_digest(truth: Masks) -> str:
    """A digest of the names and bytes of all files that hold true masks, wherever they lie."""
    return manifests.digest_of(sorted((path.name, manifests.file_digest(path)) for path in truth.files))


def measured_on(index: Index, truth: Masks) -> dict[str, str]:
    """Split -> a digest of its photographs, of the classes, and of the true masks."""
    masks = truth_digest(truth)
    return {
        split: manifests.digest_of([index.classes, [(name, index[name].digest) for name in ids], masks])
        for split, ids in index.splits.items()
    }
