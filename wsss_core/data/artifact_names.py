"""Whether image ids can become names of artifacts: told before hours of work end at a file that cannot be written."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from wsss_core import artifacts
from wsss_core.problems import Problem, named

SUFFIXES = (".png", ".npz")
"""The suffixes of what stages write for each image, as id + suffix."""

_LONGEST_BESIDE = len(".") + len(SUFFIXES[0]) + len(".") + len(str(2**22))
"""Bytes that `artifacts.temporary_path` adds to an id: Linux numbers processes up to 2^22."""
_LONGEST_FOLDER = 100
"""Bytes of the longest path from `data` to an artifact's folder, a journal's included, with room to spare."""
_SPECIAL = frozenset('<>:"|?*\\')
"""What the file systems of Windows, and Linux on them, refuse."""


def name_problems(files: Mapping[str, Path], folder: Path) -> Iterator[Problem]:
    """Each image whose artifacts could not be written below a folder, or would replace another's.

    Args:
        files: id -> its photograph.
        folder: of artifacts; need not exist. Its file system decides what a name may be.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    refused = _refused(there, _SPECIAL & set("".join(files)))
    longest, deepest = _limit(there, "PC_NAME_MAX", 255), _limit(there, "PC_PATH_MAX", 4096)
    room = deepest - len(os.fsencode(folder.absolute())) - _LONGEST_FOLDER
    for image_id, file in files.items():
        fault = _fault(image_id, longest=longest, room=room, refused=refused)
        if fault:
            yield Problem("name of an image", str(file), f"{file}: {fault}; rename the image")
    yield from _collisions(files, case_matters=_case_matters(there))


def _fault(image_id: str, *, longest: int, room: int, refused: frozenset[str]) -> str:
    """Why no file can bear this id, or nothing."""
    *folders, name = (len(os.fsencode(part)) for part in image_id.split("/"))
    excess = max([name + _LONGEST_BESIDE, *folders]) - longest
    if excess > 0:
        return f"its name is {excess} bytes too long for its label map, whose name must fit in {longest} bytes"
    excess = len(os.fsencode(image_id)) + _LONGEST_BESIDE - room
    if excess > 0:
        return f"its path is {excess} bytes too long for its label map"
    strange = sorted({character for character in image_id if not character.isprintable() and ord(character) < 160})
    if strange:
        return f"its name holds {strange[0]!r}, which no list can hold"
    forbidden = sorted(refused.intersection(image_id))
    return f"its name holds {forbidden[0]}, which the file system of its label map refuses" if forbidden else ""


def _collisions(files: Mapping[str, Path], *, case_matters: bool) -> Iterator[Problem]:
    """Images whose artifacts would lie where others' do: `im0.png` of im0, and the folder `im0.png` of im0.png/a."""

    def key(name: str) -> str:
        return name if case_matters else name.casefold()

    same = defaultdict(list)
    for image_id in files:
        same[key(image_id)].append(image_id)
    taken = {key(image_id) + suffix: image_id for image_id in files for suffix in SUFFIXES}
    for image_id, file in files.items():
        for parent in PurePosixPath(image_id).parents:
            other = taken.get(key(parent.as_posix()))
            if other is not None:
                message = f"{file}: its folder {parent} is also the name of the label map of {files[other]}"
                yield Problem("name of an image", str(file), f"{message}; rename the folder")
            if parent.as_posix() == artifacts.MANIFEST:
                message = f"{file}: its folder is called as the list of a folder of artifacts"
                yield Problem("name of an image", str(file), f"{message}; rename the folder")
    for ids in same.values():
        if len(ids) > 1:
            both = named([str(files[image_id]) for image_id in ids])
            message = f"{both} differ only in case, which the file system of their label maps does not tell apart"
            yield Problem("name of an image", str(files[ids[0]]), f"{message}; rename all but one")


def _refused(folder: Path, characters: frozenset[str]) -> frozenset[str]:
    """Which of some characters no name in a folder may hold; tried, for nothing else tells."""
    refused = set()
    for character in characters:
        probe = folder / f".wsss{character}{os.getpid()}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            if not isinstance(error, PermissionError):
                refused.add(character)
    return frozenset(refused)


def _case_matters(folder: Path) -> bool:
    """Whether a file system tells a.png from A.png: looked up by the folder's own name, or one above with letters."""
    lettered = next((path for path in (folder, *folder.parents) if path.name.swapcase() != path.name), None)
    if lettered is None:
        return True
    try:
        return not lettered.with_name(lettered.name.swapcase()).samefile(lettered)
    except OSError:
        return True


def _limit(folder: Path, name: str, usual: int) -> int:
    try:
        limit = os.pathconf(folder, name)
    except (OSError, ValueError, AttributeError):
        return usual
    return limit if limit > 0 else usual
