"""Builds the index of a listing: every image is decoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tqdm import tqdm

from wsss_core.data.images import ImageError, decode_image, read_bytes
from wsss_core.data.index import Index, Record
from wsss_core.data.listing import Listing
from wsss_core.data.pool import map_in_order
from wsss_core.data.problems import DatasetError, Problem
from wsss_core.data.source import Source


def build_index(listing: Listing, source: Source, *, workers: int = 0) -> Index:
    """Decode every image of the listing once and note its size and content.

    Args:
        listing: from `listing.read_listing`.
        source: of the listing; the index keeps its format, and its root as it is given.
        workers: processes; 0 or 1 works in this one.

    Raises:
        DatasetError: images that cannot be decoded, all of them, each with the reason and the remedy.
    """
    records, problems = examine_images(listing, source.root, workers=workers)
    if problems:
        raise DatasetError(problems, source.root)
    return make_index(listing, records, source)


def make_index(listing: Listing, records: dict[str, Record], source: Source) -> Index:
    """The index of these records; ids of the listing that have none are left out of its splits."""
    return Index(
        format=source.format,
        root=source.root.as_posix(),
        classes=listing.classes,
        splits={
            split: tuple(name for name in ids if name in records) for split, ids in listing.splits.items()
        },
        records=records,
        supervision=listing.supervision,
    )


def examine_images(listing: Listing, root: Path, *, workers: int) -> tuple[dict[str, Record], list[Problem]]:
    """Decode every image; returns the records of the sound ones and a problem for each other."""
    ids = {name: place for place, name in enumerate(listing.classes, start=1)}
    records, problems = {}, []
    found = map_in_order(_examine, list(listing.images.values()), workers=workers, chunk=32)
    bar = tqdm(found, "read images", len(listing.images), unit="image")
    for (name, path), result in zip(listing.images.items(), bar, strict=True):
        if isinstance(result, str):
            problems.append(Problem("unreadable image", str(path), result))
            continue
        height, width, digest = result
        tags = tuple(ids[tag] for tag in listing.tags[name])
        records[name] = Record(name, _below(path, root), tags, height, width, digest)
    return records, problems


def _examine(path: Path) -> tuple[int, int, str] | str:
    """(H, W, digest) of a sound image, else what is wrong with it."""
    try:
        content = read_bytes(path)
        height, width, _ = decode_image(content, path).shape
    except ImageError as error:
        return str(error)
    return height, width, hashlib.blake2b(content, digest_size=16).hexdigest()


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
