"""Builds the index of a listing: every image is decoded once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from wsss_core import manifests
from wsss_core.data.images import ImageError, decode_with_bits, read_bytes
from wsss_core.data.index import Index, Record
from wsss_core.data.listing import Listing
from wsss_core.data.source import Source
from wsss_core.problems import Problem, named, require_usable
from wsss_core.runtime.pool import map_in_order


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
    require_usable(problems, source.root)
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
    """Decode every image; returns the records of the sound ones, a problem for each other, and one for deep ones."""
    ids = {name: place for place, name in enumerate(listing.classes, start=1)}
    records: dict[str, Record] = {}
    problems: list[Problem] = []
    by_bits: dict[int, list[str]] = defaultdict(list)
    found = map_in_order(_examine, list(listing.images.values()), workers=workers, chunk=32)
    bar = tqdm(found, "read images", len(listing.images), unit="image")
    for (name, path), result in zip(listing.images.items(), bar, strict=True):
        if isinstance(result, str):
            problems.append(Problem("unreadable image", str(path), result))
            continue
        height, width, digest, bits = result
        if bits is not None:
            by_bits[bits].append(name)
        tags = tuple(ids[tag] for tag in listing.tags[name])
        records[name] = Record(name, _below(path, root), tags, height, width, digest)
    return records, problems + _low_ranges(by_bits, root)


def _examine(path: Path) -> tuple[int, int, str, int | None] | str:
    """(H, W, digest, used bits of 16) of a sound image, else what is wrong with it."""
    try:
        content = read_bytes(path)
        image, bits = decode_with_bits(content, path)
    except ImageError as error:
        return str(error)
    height, width, _ = image.shape
    return height, width, manifests.bytes_digest(content), bits


def _low_ranges(by_bits: Mapping[int, Sequence[str]], root: Path) -> list[Problem]:
    """A warning where 16 bit images use fewer bits."""
    low = {bits: names for bits, names in sorted(by_bits.items()) if bits != 16}
    if not low:
        return []
    counts = ", ".join(f"{len(names)} of {bits} bits ({named(names)})" for bits, names in low.items())
    message = (
        f"{root}: images in files of 16 bits hold less: {counts}; each is scaled by the bits that its brightest pixel"
        " needs, so different exposures do not compare; save 8 bits per channel if you want another range"
    )
    return [Problem("low range", str(root), message, "warning")]


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
