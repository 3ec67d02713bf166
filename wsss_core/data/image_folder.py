"""The image files below a folder, by id, and what lies there beside them."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wsss_core.data.images import SUFFIXES, why_foreign
from wsss_core.data.names import Names, as_id, composed
from wsss_core.problems import Problem, layout_error, named

COMPANIONS = (".txt", ".csv", ".tsv", ".xml", ".json", ".jsonl", ".yaml", ".yml", ".md", ".html")
"""Suffixes of texts and tables, which nobody takes for photographs."""


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not used.

    Attributes:
        path: it.
        reason: a clause that says why, and what helps.
        is_photograph: whether it looks like one.
    """

    path: Path
    reason: str
    is_photograph: bool = False


@dataclass(frozen=True)
class ImageFolder:
    """What `list_images` found.

    Attributes:
        path: the folder.
        files: id (Unicode NFC) -> its files, ascending; more than one where names differ only in the suffix or in
            how accents are coded. An id is the path below the folder, "/" between parts, without the suffix.
        others: files that are no images and belong beside them, such as annotations.
        passed_over: everything else that is not hidden.
    """

    path: Path
    files: dict[str, list[Path]]
    others: tuple[Path, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    @cached_property
    def names(self) -> Names:
        """Finds the images by the names of lists, tables and JSON files."""
        return Names(self.files, self.path)

    def with_suffix(self, suffix: str) -> dict[str, Path]:
        """id -> the file with this suffix among `others`: an annotation beside an image, or named after one."""
        return {
            composed(path.relative_to(self.path).with_suffix("").as_posix()): path
            for path in self.others
            if path.suffix.lower() == suffix
        }

    def problems(self) -> list[Problem]:
        """One warning for each reason for which files are passed over, with their number and the first names."""
        by_reason = defaultdict(list)
        for item in self.passed_over:
            by_reason[item.reason].append(self._shown(item.path))
        return [
            Problem(
                "passed over",
                str(self.path),
                f"{self.path}: {len(names)} {'is' if len(names) == 1 else 'are'} passed over, {reason}: {named(names)}",
                "warning",
            )
            for reason, names in by_reason.items()
        ]

    def instead_of(self, name: str) -> str:
        """`; found ...`: what lies here that the name of a missing image may have meant; else nothing."""
        for item in self._passed_over_by_base[as_id(name).rpartition("/")[2].lower()]:
            return f"; found {item.path}, {item.reason}"
        alike = self.names.alike(name)
        if not alike:
            return ""
        shown = named([str(path) for image_id in alike for path in self.files[image_id]])
        return f"; found {shown}, so write the name as it is below {self.path}"

    @cached_property
    def _passed_over_by_base(self) -> defaultdict[str, list[PassedOver]]:
        found = defaultdict(list)
        for item in self.passed_over:
            for name in {item.path.name, item.path.stem}:
                found[composed(name).lower()].append(item)
        return found

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()


def list_images(folder: Path, *, skip: Collection[Path] = ()) -> ImageFolder:
    """All image files below a folder, and what is passed over there. The one place where images are looked for.

    Pipes, devices and broken links that bear an image's suffix are listed, so that whoever reads them
    (`images.read_image`) refuses them by name. Hidden files and folders are left out.

    Args:
        folder: searched with all its sub-folders, links to folders included, each folder once.
        skip: folders below it that are not entered, by whatever path or link they are reached.

    Raises:
        DatasetError: a file's name is not UTF-8, so that no list could name it.
    """
    found: dict[str, list[Path]] = {}
    paths, passed_over = _walk(folder, skip=skip)
    others = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            found.setdefault(_id_of(path, folder), []).append(path)
        elif suffix in COMPANIONS:
            others.append(path)
        else:
            foreign = why_foreign(suffix)
            reason = foreign or f"for {suffix!r} is no suffix of an image" if suffix else "for want of a suffix"
            passed_over.append(PassedOver(path, reason, is_photograph=bool(foreign)))
    return ImageFolder(folder, {name: sorted(found[name]) for name in sorted(found)}, tuple(others), tuple(passed_over))


def _id_of(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).with_suffix("").as_posix()
    if any("\udc80" <= character <= "\udcff" for character in path.name + name):  # how Python keeps odd bytes
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise layout_error(Path(shown), "its name is not UTF-8; rename the file")
    return composed(name)


def _walk(folder: Path, *, skip: Collection[Path]) -> tuple[list[Path], list[PassedOver]]:
    """Every file below a folder. Links to folders come last, so that none gives a second name to what lies here."""
    skipped = _identities(skip)
    seen = _identities(folder.resolve().parents)
    folders, links = deque([folder]), deque[Path]()
    files: list[Path] = []
    passed_over = []
    while folders or links:
        current = folders.popleft() if folders else links.popleft()
        try:
            identity = _identity(current)
            if identity in skipped and current != folder:
                continue
            if identity in seen:
                passed_over.append(PassedOver(current, "a link to a folder that is searched already, or to one above"))
                continue
            seen.add(identity)
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            passed_over.append(PassedOver(current, f"a folder that cannot be read ({error.strerror})"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(Path(entry.path))
            else:
                files.append(Path(entry.path))
    return files, passed_over


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _identities(folders: Iterable[Path]) -> set[tuple[int, int]]:
    return {_identity(folder) for folder in folders if folder.exists()}
