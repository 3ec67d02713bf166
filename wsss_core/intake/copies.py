"""Photographs that are in a folder more than once, byte for byte."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from wsss_core import manifests
from wsss_core.intake.records import Entry, joined
from wsss_core.problems import named


def without_copies(
    entries: Mapping[str, Entry], files: Mapping[str, Path]
) -> tuple[dict[str, Entry], dict[str, str], list[str]]:
    """Each photograph once, with the tags of all its copies.

    Args:
        entries: id -> what is said of it.
        files: id -> its file.

    Returns:
        the entries that are left; id of a copy -> the id that stands for it; sentences on them.
    """
    kept, copy_of, differing = dict(entries), dict[str, str](), []
    for ids in _same_content(entries, files):
        ids = sorted(ids, key=lambda name: (entries[name].tags is None, name))
        first, *others = ids
        tags = [entries[name].tags for name in ids]
        looked_at = [of_copy for of_copy in tags if of_copy is not None]
        if len({frozenset(of_copy) for of_copy in looked_at}) > 1:
            differing.append(first)
        whole = joined([tag for of_copy in looked_at for tag in of_copy]) if looked_at else None
        kept[first] = replace(entries[first], tags=whole)
        for name in others:
            copy_of[name] = first
            del kept[name]
    told = []
    if copy_of:
        pairs = [f"{name} of {first}" for name, first in copy_of.items()]
        told.append(f"{len(copy_of)} files are copies of others and are used once ({named(pairs)}).")
    if differing:
        told.append(f"{len(differing)} of them have other tags in each place, which are joined ({named(differing)}).")
    return kept, copy_of, told


def _same_content(names: Iterable[str], files: Mapping[str, Path]) -> list[list[str]]:
    """Groups of two and more; only files of one size are read."""
    by_size = defaultdict(list)
    for name in names:
        by_size[files[name].stat().st_size].append(name)
    by_digest = defaultdict(list)
    for size, alike in by_size.items():
        for name in alike if len(alike) > 1 else ():
            by_digest[size, manifests.file_digest(files[name])].append(name)
    return [alike for alike in by_digest.values() if len(alike) > 1]
