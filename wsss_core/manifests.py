"""Digests, by which files and values are known again, and the manifest of a finished folder, which holds them.

A manifest says what made the folder, by what it was taught, and a digest of each of its files. A folder with one is
whole: it was published with its last file. The digests tell whether it still is what its stage wrote, and one of them
stands for all, so that a stage can tell whether its input is the one it began with.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Set
from functools import partial
from pathlib import Path

from wsss_core import artifacts, remedies, supervision
from wsss_core.artifacts import MANIFEST, ArtifactError

_NAMED = 3
_blake2b = partial(hashlib.blake2b, digest_size=16)


def file_digest(path: Path) -> str:
    """A digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _blake2b).hexdigest()


def bytes_digest(content: bytes | bytearray) -> str:
    """What `file_digest` says of a file with this content."""
    return _blake2b(content).hexdigest()


def digest_of(content: object) -> str:
    """A short digest of a JSON-like value, the same for the same value in every process."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def write(
    folder: Path, *, stage: str, params: object, names: Iterable[str], supervised_by: str = supervision.TAGS
) -> dict[str, str]:
    """Describe a finished folder, which holds the files `names`; `supervised_by` is a kind of `supervision`.

    Returns:
        name -> digest of each file.
    """
    files = {name: file_digest(folder / name) for name in sorted(names)}
    manifest = {
        "stage": stage,
        "supervision": supervised_by,
        "count": len(files),
        "content": _digest_of_files(files),
        "params": digest_of(params),
        "files": files,
    }
    artifacts.write_json(folder / MANIFEST, {**manifest, "digest": digest_of(manifest)})
    return files


def read(folder: Path) -> dict:
    """What the manifest of a folder says, none of it changed since it was written.

    Raises:
        ArtifactError: it is missing, damaged, or of an earlier version of this software.
    """
    path = folder / MANIFEST
    manifest = artifacts.read_json(path)
    if not isinstance(manifest, dict) or "digest" not in manifest:
        raise ArtifactError(
            f"{path} is damaged, or of an earlier version of this software, which kept no digest of each file;"
            f" `{remedies.made_anew(path)}` makes {folder} anew"
        )
    if manifest.pop("digest") != digest_of(manifest) or not _is_sound(manifest):
        remedy = remedies.made_anew(path)
        raise ArtifactError(f"{path} is damaged, or was changed by hand; `{remedy}` makes {folder} anew")
    return manifest


def _is_sound(manifest: dict) -> bool:
    """Whether it says all that `write` puts into one."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        return False
    texts = (manifest.get(name) for name in ("stage", "params"))
    return all(isinstance(text, str) for text in texts) and (manifest.get("content"), manifest.get("count")) == (
        _digest_of_files(files), len(files),
    )  # fmt: skip


def is_empty(folder: Path) -> bool:
    """Whether a stage finished `folder` and had nothing to put there: a network without a saliency task has no maps."""
    return (folder / MANIFEST).exists() and not read(folder)["files"]


def supervision_of(*paths: Path) -> str:
    """The strongest supervision of finished folders and of files in them; what has no manifest knows at most tags.

    Raises:
        ArtifactError: a manifest is damaged.
    """
    folders = {path if path.is_dir() else path.parent for path in paths}
    finished = (folder for folder in sorted(folders) if (folder / MANIFEST).is_file())
    return supervision.strongest(*map(_supervision_in, finished))


def _supervision_in(folder: Path) -> str:
    kind = read(folder).get("supervision")
    if not supervision.is_known(kind):
        raise ArtifactError(
            f"{folder / MANIFEST} does not say by what it was supervised;"
            f" `{remedies.made_anew(folder / MANIFEST)}` makes {folder} anew"
        )
    return kind


def check(folder: Path) -> str:
    """Read every file of a finished folder once: all are there, no other is, and each is what its stage wrote.

    Hidden files, which file managers leave, are passed over.

    Returns:
        one digest of the names and bytes of all.

    Raises:
        ArtifactError: a file is missing, foreign, damaged or changed by hand: names it and the ways out.
    """
    manifest = read(folder)
    known, found = manifest["files"], files_of(folder)
    wrong = {
        "missing": sorted(known.keys() - found),
        "foreign": sorted(found - known.keys()),
        "changed": sorted(name for name in found if name in known and _differs(folder / name, known[name])),
    }
    if any(wrong.values()):
        differing = [f"{len(names)} {kind} ({_few(folder, names)})" for kind, names in wrong.items() if names]
        adopt = "" if wrong["missing"] else _way_to_adopt(folder, found)
        raise ArtifactError(
            f"{folder} is not what {manifest['stage']} wrote: of {len(known)} files {', '.join(differing)},"
            f" by damage or by hand; `{remedies.made_anew(folder / MANIFEST)}` makes it anew{adopt}"
        )
    return manifest["content"]


def files_of(folder: Path) -> set[str]:
    """The names of all files below a folder but its manifest and hidden ones; "/" parts them.

    As names, since paths would take four times the memory.
    """
    found: set[str] = set()
    for place, _, names in os.walk(folder):
        below = Path(place).relative_to(folder).as_posix()
        visible = (name for name in names if not name.startswith(".") and os.path.isfile(os.path.join(place, name)))
        found.update(name if below == "." else f"{below}/{name}" for name in visible)
    return found - {MANIFEST}


def _way_to_adopt(folder: Path, found: Set[str]) -> str:
    labels = all(name.endswith(".png") for name in found)
    return f"; to go on with label maps that you changed, run `wsss adopt {folder}`" if labels else ""


def _differs(path: Path, digest: str) -> bool:
    with artifacts.reading(path):
        return file_digest(path) != digest


def _digest_of_files(files: Mapping[str, str]) -> str:
    lines = "".join(f"{name}\0{files[name]}\0" for name in sorted(files))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def _few(folder: Path, names: list[str]) -> str:
    return ", ".join(str(folder / name) for name in names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
