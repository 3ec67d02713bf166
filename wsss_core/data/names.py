"""What a name in a list, a table or a JSON means among the images of a folder.

People and tools write one photograph in many ways: `a0`, `a0.jpg`, `images/a0.jpg`, `images\\\\a0.jpg`,
`/home/somebody/set/images/a0.jpg`. All readers look names up here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import unquote

from wsss_core.data.images import FOREIGN_SUFFIXES, SUFFIXES
from wsss_core.problems import Problem, named

_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts in front of an uploaded file's name."""


Sought = tuple[str, Sequence[str]]
"""A name and the sub-folders in which it is looked for."""
Key = TypeVar("Key", bound=Hashable)

HERE = (".",)


def composed(name: str) -> str:
    """The name with accents in one code: macOS stores "é" as two characters, most text files as one."""
    return unicodedata.normalize("NFC", name)


def as_id(name: str) -> str:
    """The id that a name means if nothing is known of the images: separated by "/", without an image's suffix."""
    path = PurePosixPath(composed(name).strip().replace("\\", "/"))
    if path.suffix.lower() in (*SUFFIXES, *FOREIGN_SUFFIXES):
        path = path.with_suffix("")
    return "/".join(part for part in path.parts if part.strip("/") not in ("", ".", ".."))


def bare(image_id: str) -> str:
    """The id without blanks at the beginning and end of its parts."""
    return "/".join(part.strip() for part in image_id.split("/"))


@dataclass(frozen=True)
class Match:
    """An image that a name means.

    Attributes:
        id: of the image.
        tail: the part of the name that was found, without the suffix.
        is_exact: whether the name says where the image lies; else it was found by a part of it, or deeper.
    """

    id: str
    tail: str
    is_exact: bool


def guesses(matches: Iterable[Match], path: Path) -> list[Problem]:
    """One warning for all images of a document that were found by a part of their names only."""
    ids = sorted({match.id for match in matches if not match.is_exact})
    if not ids:
        return []
    message = (
        f"{path}: {len(ids)} images were found by the ends of their paths only ({named(ids)});"
        " where another image is meant, write its path below the images' folder"
    )
    return [Problem("guessed name", str(path), message, "warning")]


class Names:
    """The ids of one folder, to be found by other names.

    Args:
        ids: paths below the folder, without suffix, as `image_folder.list_images` makes them.
        folder: where they lie; parts of its own path in front of a name are taken off.
    """

    def __init__(self, ids: Collection[str], folder: Path) -> None:
        self._ids = ids if isinstance(ids, dict) else set(ids)
        self._path = folder
        self._folder = tuple(composed(part) for part in folder.absolute().parts)

    def matches(self, wanted: Mapping[Key, Sought]) -> dict[Key, Match]:
        """The images that the names of one document mean, or of several that belong together.

        Two names that both mean one image only by a part of them mean none: one of the two images is missing.

        Args:
            wanted: what calls an entry -> its name and the sub-folders in which it is looked for, likeliest first.

        Returns:
            the same keys without those that mean no image.
        """
        found = {key: match for key, sought in wanted.items() if (match := self._match(*sought)) is not None}
        exact = {match.id for match in found.values() if match.is_exact}
        claims = defaultdict(set)
        for key, match in found.items():
            claims[match.id].add(as_id(wanted[key][0]))
        return {
            key: match
            for key, match in found.items()
            if match.is_exact or (match.id not in exact and len(claims[match.id]) == 1)
        }

    def all_matches(self, names: Iterable[str]) -> dict[str, Match]:
        """As `matches`, for names that may lie anywhere below the folder."""
        return self.matches({name: (name, HERE) for name in names})

    def id_of_missing(self, name: str) -> str:
        """What to call an image that is not there: its name without suffix and without the folder's own path."""
        parts = tuple(as_id(name).split("/"))
        known = (dropped for dropped in range(len(parts) - 1, 0, -1) if self._folder[-dropped:] == parts[:dropped])
        return "/".join(parts[next(known, 0) :])

    def knows(self, name: str) -> bool:
        """Whether an image has this very name, blanks and dots included, or has it with a suffix."""
        return composed(name) in self._ids or as_id(name) in self._ids

    def alike(self, name: str) -> list[str]:
        """The ids that the name may have meant: of its base name, whatever their folders and case."""
        base = PurePosixPath(as_id(name)).name
        return sorted(self._by_base[base] or self._by_lower_base[base.lower()])

    def within(self, name: str) -> list[str]:
        """The ids whose base name begins or ends a base name, the longest, in whatever case: `a0` of `a0_mask`.

        Where it ends, letters must not go on as letters, nor digits as digits: `a1` is not within `a10`.
        """
        base = PurePosixPath(name).name.lower()
        for cut in range(1, len(base)):
            for part, edge in ((base[:-cut], base[-cut - 1 :][:2]), (base[cut:], base[cut - 1 : cut + 1])):
                if not (edge.isalpha() or edge.isdigit()) and part in self._by_lower_base:
                    return sorted(self._by_lower_base[part])
        return []

    @cached_property
    def _bare(self) -> dict[str, str]:
        """Name without blanks around its parts -> the id, where but one has it, and that with blanks."""
        with_blanks = [image_id for image_id in self._ids if bare(image_id) != image_id]
        counts = Counter(map(bare, with_blanks))
        return {
            name: image_id
            for image_id in with_blanks
            if counts[name := bare(image_id)] == 1 and name not in self._ids
        }

    @cached_property
    def _bare_names(self) -> Names:
        return Names(self._bare, self._path)

    @cached_property
    def _by_base(self) -> defaultdict[str, list[str]]:
        found = defaultdict(list)
        for image_id in self._ids:
            found[image_id.rpartition("/")[2]].append(image_id)
        return found

    @cached_property
    def _by_lower_base(self) -> defaultdict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for base, ids in list(self._by_base.items()):
            found[base.lower()] += ids
        return found

    def _match(self, name: str, places: Sequence[str]) -> Match | None:
        name = composed(name)
        if name in self._ids:
            return Match(name, name, is_exact=True)
        match = self._match_tails(as_id(name), places)
        if match is None or not match.is_exact:
            without_blanks = self._match_bare(name, places)
            if without_blanks is not None and (match is None or without_blanks.is_exact):
                return without_blanks
        if match is not None:
            return match
        folder, _, base = as_id(unquote(name)).rpartition("/")
        for original in dict.fromkeys((base, _UPLOADED.sub("", base, count=1))):
            match = self._match_tails(f"{folder}/{original}".strip("/"), places)
            if match is not None:
                return replace(match, is_exact=False)
        return None

    def _match_bare(self, name: str, places: Sequence[str]) -> Match | None:
        """The image whose name differs in nothing but blanks around it, which tables and lists do not keep."""
        match = self._bare_names._match_tails(bare(as_id(name)), places) if self._bare else None
        return replace(match, id=self._bare[match.id]) if match else None

    def _match_tails(self, image_id: str, places: Sequence[str]) -> Match | None:
        """The image that the longest end of an id means."""
        parts = tuple(image_id.split("/"))
        if parts[-1] not in self._by_base:
            return None
        for dropped in range(len(parts)):
            tail = "/".join(parts[dropped:])
            for place in places:
                found = (PurePosixPath(place) / tail).as_posix()
                if found in self._ids:
                    return Match(found, tail, is_exact=not dropped or self._folder[-dropped:] == parts[:dropped])
            deeper = [found for found in self._by_base[parts[-1]] if found.endswith(f"/{tail}")]
            if deeper:
                return Match(deeper[0], tail, is_exact=False) if len(deeper) == 1 else None
        return None
