"""What a person wants segmented: photographs, animations and videos, each with the name of its results."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from wsss_core.data import frames, videos
from wsss_core.data.artifact_names import name_problems
from wsss_core.data.image_folder import ImageFolder, list_images
from wsss_core.data.images import SUFFIXES, ImageError, read_bytes, why_foreign
from wsss_core.data.names import composed
from wsss_core.problems import named

_log = logging.getLogger(__name__)

_NUMBER = re.compile(r"_\d{6,}$")
"""Ends the names of frames, after that of their file."""


@dataclass(frozen=True)
class Sources:
    """Files that can be segmented.

    Attributes:
        files: name -> file. The name is the path below the folder, without suffix; see `frame_name` for several
            pictures of one file.
        folder: among which tables look up images.
        unusable: why others are no use, a sentence each.
    """

    files: dict[str, Path]
    folder: ImageFolder
    unusable: tuple[str, ...] = ()


def frame_name(name: str, number: int) -> str:
    """What a file's picture is called, the first of several being number 1."""
    return f"{name}_{number:06d}"


def whole_name(name: str) -> str | None:
    """The name of the file of which a frame is called so; None where the name is none of a frame."""
    return _NUMBER.sub("", name) if _NUMBER.search(name) else None


def may_hold_several(path: Path) -> bool:
    """Whether a file of this suffix may have frames or pages."""
    return path.suffix.lower() in (*frames.SUFFIXES, *videos.SUFFIXES)


def is_video(path: Path) -> bool:
    """Whether a file bears a video's suffix."""
    return path.suffix.lower() in videos.SUFFIXES


def find(path: Path, *, out: Path, own: Sequence[str]) -> Sources:
    """One photograph or video, or all below a folder but what lies below `out`.

    `own` are the names of further files that the command writes there.

    Raises:
        ValueError: there is none, or their results cannot be written, for their names or for what lies in `out`.
        ImageError: the only one cannot be opened.
    """
    if path.is_file():
        folder, unusable = ImageFolder(path.parent, {path.stem: [path]}), _why_unusable(path)
        if unusable:
            raise ImageError(f"{path} cannot be segmented, {unusable}")
        found, left_out = folder.files, list[str]()
    elif path.is_dir():
        folder = list_images(path, skip=[out])
        found, left_out = _with_videos(folder)
    else:
        raise ValueError(f"{path} does not exist; pass a photograph or a folder of photographs")
    if not found:
        lines = [f"{path} holds no photograph that can be read ({', '.join(SUFFIXES)})", *left_out]
        raise ValueError("\n  ".join(lines))
    _require_names(found, out, own=own)
    return Sources({name: files[0] for name, files in found.items()}, folder, tuple(left_out))


def _why_unusable(path: Path) -> str:
    return videos.why_closed() if is_video(path) else why_foreign(path.suffix.lower())


def _with_videos(folder: ImageFolder) -> tuple[dict[str, list[Path]], list[str]]:
    """The images and videos of a folder by name, and why others cannot be opened; what is neither is but told."""
    found, left_out, strangers = dict(folder.files), list[str](), []
    for item in folder.passed_over:
        if is_video(item.path) and not videos.why_closed():
            name = composed(item.path.relative_to(folder.path).with_suffix("").as_posix())
            found[name] = [*found.get(name, ()), item.path]
        elif is_video(item.path) or item.is_photograph:
            left_out.append(f"{item.path} is passed over, {_why_unusable(item.path)}")
        else:
            strangers.append(item)
    for problem in replace(folder, passed_over=tuple(strangers)).problems():
        _log.warning("%s", problem.message)
    if folder.others:
        texts = sorted(path.relative_to(folder.path).as_posix() for path in folder.others)
        _log.warning("%s: %d texts and tables are passed over: %s", folder.path, len(texts), named(texts))
    return dict(sorted(found.items())), left_out


def _require_names(found: Mapping[str, Sequence[Path]], out: Path, *, own: Sequence[str]) -> None:
    """Every photograph has a label map of its own, whose name a file can bear.

    Raises:
        ValueError: some have none; names all of them.
    """
    problems = [problem.message for problem in name_problems({name: files[0] for name, files in found.items()}, out)]
    problems += [
        f"{files[0]} and {files[1]} would both become {name}.png; rename one"
        for name, files in found.items() if len(files) > 1
    ]  # fmt: skip
    problems += _like_frames(found)
    for name, (file, *_) in found.items():
        parents = [out / parent for parent in PurePosixPath(name).parents if parent.name]
        problems += [f"{file}: {path} is a file and would have to be a folder; choose another --out"
                     for path in parents if path.is_file() or path in [out / file for file in own]]  # fmt: skip
    if problems:
        heading = [f"{len(problems)} label maps cannot be written:"] if len(problems) > 1 else []
        raise ValueError("\n  ".join([*heading, *problems]))


def _like_frames(found: Mapping[str, Sequence[Path]]) -> Iterator[str]:
    """Photographs whose names are those of a frame of another file."""
    for name, (file, *_) in found.items():
        whole = whole_name(name)
        if whole and whole in found and _holds_several(found[whole][0]):
            yield f"{file} is called as a frame of {found[whole][0]}; rename one"


def _holds_several(path: Path) -> bool:
    """Whether a file has frames or pages, as far as it can be read."""
    if is_video(path) or path.suffix.lower() not in frames.SUFFIXES:
        return is_video(path)
    try:
        return len(frames.places(read_bytes(path), path)) > 1
    except ImageError:
        return False
