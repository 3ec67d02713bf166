"""Every file that stages exchange: how it is named, written and read.

All writes are atomic (a temporary file beside the target, then a rename), and the same content gives the
same bytes, so that DVC sees an artifact change only when it did.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from wsss_core import layout, supervision, voc

MANIFEST = "manifest.json"
_DAMAGE = (OSError, EOFError, BadZipFile, zlib.error, KeyError, ValueError, RuntimeError)
"""What the readers of NumPy, Pillow and json were seen to raise on damaged or foreign files."""


class ArtifactError(ValueError):
    """An artifact is missing or unreadable; the text names the file and what makes it anew."""


@dataclass(frozen=True)
class Scores:
    """Per-class score maps of one image: class activation maps, walks, soft fusions.

    Attributes:
        classes: (K,) uint8, strictly ascending class ids; 0 first where the background has a map.
        scores: (K, h, w) float16 in [0, 1]; map k belongs to classes[k]. Their grid: `ops.grids`.
        size: (H, W) of the photograph.
    """

    classes: np.ndarray
    scores: np.ndarray
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.scores.ndim != 3 or len(self.classes) != len(self.scores):
            raise ValueError(f"{len(self.classes)} classes do not match scores of shape {self.scores.shape}")
        if np.any(np.diff(self.classes.astype(int)) <= 0):
            raise ValueError(f"class ids must ascend, got {self.classes.tolist()}")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; becomes `path` if the block ends well, else is removed.

    Raises:
        OSError: of the system, naming `path` and not the temporary.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.strerror and error.filename in (None, temporary, str(temporary)):  # a full disk names no file at all
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # it is gone, or could never be made, of which the error above tells
            temporary.unlink()


def temporary_path(path: Path) -> Path:
    """What this process calls `path` while it writes it."""
    # The process id stands behind the last dot: torch.save writes what lies before it into the file.
    return path.with_name(f".{path.name}.{os.getpid()}")


def half_written(folder: Path) -> list[Path]:
    """The temporary files below `folder` that `atomic` could not remove, since their process was killed."""
    return [path for path in folder.rglob(".*") if re.fullmatch(r"\..+\.\d+", path.name)]


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write JSON that people read too: indented, letters as they are."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path):
    """What a JSON file holds; ArtifactError says how a missing one is made."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def scores_path(folder: Path, image_id: str) -> Path:
    """Where an image's score maps lie; an id may hold slashes."""
    return folder / f"{image_id}.npz"


def png_path(folder: Path, image_id: str) -> Path:
    """Where an image's label or grey map lies; an id may hold slashes."""
    return folder / f"{image_id}.png"


def write_scores(folder: Path, image_id: str, scores: Scores) -> None:
    """Write score maps as a compressed .npz; scores become float16."""
    with atomic(scores_path(folder, image_id)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            classes=scores.classes.astype(np.uint8),
            scores=scores.scores.astype(np.float16),
            size=np.asarray(scores.size, dtype=np.int32),
        )


def read_scores(folder: Path, image_id: str) -> Scores:
    """The score maps of one image, read without pickle."""
    path = scores_path(folder, image_id)
    with reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        height, width = content["size"].tolist()
        return Scores(content["classes"], content["scores"], (height, width))


def write_labels(folder: Path, image_id: str, labels: np.ndarray) -> None:
    """Write an (H, W) uint8 label map (0 background, 255 ignore) as a palette PNG."""
    picture = Image.fromarray(labels.astype(np.uint8))
    picture.putpalette(voc.palette())
    with atomic(png_path(folder, image_id)) as temporary:
        picture.save(temporary, format="PNG")


def write_grey(folder: Path, image_id: str, values: np.ndarray) -> None:
    """Write an (H, W) float map in [0, 1] as 8 bit grey."""
    with atomic(png_path(folder, image_id)) as temporary:
        Image.fromarray(np.round(values * 255).astype(np.uint8)).save(temporary, format="PNG")


def read_labels(folder: Path, image_id: str) -> np.ndarray:
    """The (H, W) uint8 labels of one image."""
    path = png_path(folder, image_id)
    with reading(path), Image.open(path) as picture:
        if picture.mode not in ("P", "L"):
            raise ArtifactError(f"{path} is a {picture.mode} picture, not a palette or grey label map")
        return np.array(picture, dtype=np.uint8)


def is_label_map(path: Path) -> bool:
    """Whether a file is a PNG as `write_labels` makes it."""
    try:
        with Image.open(path) as picture:
            return picture.mode == "P" and picture.getpalette() == voc.palette()
    except OSError:
        return False


def read_grey(folder: Path, image_id: str) -> np.ndarray:
    """The (H, W) float32 map in [0, 1] of one image."""
    path = png_path(folder, image_id)
    with reading(path), Image.open(path) as picture:
        return np.asarray(picture.convert("L"), dtype=np.float32) / 255


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the errors of opening `path` into one sentence that names it and the remedy."""
    try:
        yield
    except FileNotFoundError:
        command = layout.made_by(path)
        raise ArtifactError(f"{path} is missing; run the stage that writes {path.parent} (`{command}`)") from None
    except ArtifactError:
        raise
    except _DAMAGE as error:
        reason = "damaged, or none of this project's"
        remedy = f"delete {path.parent} and run `{layout.made_by(path)}`"
        if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:  # not a decoder's word
            reason, remedy = error.strerror, "make it readable"
        raise ArtifactError(f"{path} cannot be read ({reason}); {remedy}") from error


def write_manifest(
    folder: Path, *, stage: str, params: object, paths: Iterable[Path], supervised_by: str = supervision.TAGS
) -> None:
    """Describe a finished folder: what made it, by what it was taught, how many files, and a digest of their bytes.

    `paths` are the folder's files, `supervised_by` is a key of `supervision.MEANING`. The digest makes one small file
    stand for the whole folder, so that a later stage can tell whether its input is still the one it began with.
    """
    digest = hashlib.sha256()
    count = 0
    for path in sorted(paths):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
        count += 1
    write_json(
        folder / MANIFEST,
        {
            "stage": stage,
            "supervision": supervised_by,
            "count": count,
            "content": digest.hexdigest(),
            "params": digest_of(params),
        },
    )


def supervision_of(*paths: Path) -> str:
    """The strongest supervision of finished folders and of files in them; what has no manifest knows at most tags.

    Raises:
        ArtifactError: a manifest is damaged.
    """
    manifests = {(path if path.is_dir() else path.parent) / MANIFEST for path in paths}
    return supervision.strongest(*(_supervision_in(path) for path in sorted(manifests) if path.is_file()))


def _supervision_in(manifest: Path) -> str:
    content = read_json(manifest)
    kind = content.get("supervision", supervision.TAGS) if isinstance(content, dict) else None
    if kind not in (*supervision.MEANING,):  # a tuple, since a list has no hash
        raise ArtifactError(
            f"{manifest} does not say by what it was supervised; delete {manifest.parent} and run"
            f" `{layout.made_by(manifest.parent)}`"
        )
    return kind


def is_empty(folder: Path) -> bool:
    """Whether a stage finished `folder` and had nothing to put there: a network without a saliency task has no maps."""
    return (folder / MANIFEST).exists() and read_json(folder / MANIFEST)["count"] == 0


def file_digest(path: Path) -> str:
    """A digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def digest_of(content: object) -> str:
    """A short digest of a JSON-like value, the same for the same value in every process."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
