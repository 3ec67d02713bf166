"""Every file that stages exchange: how it is named, written and read.

All writes are atomic (a temporary file beside the target, then a rename), and the same content gives the
same bytes, so that DVC sees an artifact change only when it did.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from PIL import Image

from wsss_core import remedies, voc

MANIFEST = "manifest.json"
MAX_CELLS = 100_000_000
"""Most cells of the score maps of one image, where its size is not known: 200 MB."""
MANY_CLASSES = 254
"""All that a label map has room for beside background and IGNORE_INDEX."""
ROUNDING = 2**-10
"""How far float16 scores may lie outside [0, 1]."""

Size = tuple[int, int]

_DAMAGE = (
    OSError, EOFError, BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, SyntaxError,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
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


def read_json(path: Path, *, object_hook: Callable[[dict], object] | None = None):
    """What a JSON file holds, each object as `object_hook` gives it; ArtifactError says how a missing one is made."""
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"), object_hook=object_hook)


def scores_path(folder: Path, image_id: str) -> Path:
    """Where an image's score maps lie; an id may hold slashes."""
    return folder / f"{image_id}.npz"


def png_path(folder: Path, image_id: str) -> Path:
    """Where an image's label or grey map lies; an id may hold slashes."""
    return folder / f"{image_id}.png"


def write_scores(folder: Path, image_id: str, scores: Scores) -> None:
    """Write score maps as a compressed .npz; scores become float16.

    Raises:
        ArtifactError: a score is not finite, or far from [0, 1].
    """
    path, values = scores_path(folder, image_id), scores.scores.astype(np.float16)
    _check_range(path, values, lambda: f"the stage computed it so: please report it with {image_id}'s photograph")
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            classes=scores.classes.astype(np.uint8),
            scores=values,
            size=np.asarray(scores.size, dtype=np.int32),
        )


def read_scores(folder: Path, image_id: str, *, size: Size | None = None, num_classes: int = MANY_CLASSES) -> Scores:
    """The score maps of one image, read without pickle.

    Args:
        folder, image_id: whose.
        size: (H, W) of the photograph; None takes the file's word for it.
        num_classes: C, without the background.

    Raises:
        ArtifactError: the file is missing or damaged, or holds no maps of such a photograph and such classes.

    >>> of_class_3 = Scores(np.array([3]), np.array([[[0.25, 1.0]]]), size=(4, 7))  # cells of 4 x 4 pixels
    >>> write_scores(Path("data/cam"), "2007_000032", of_class_3)
    >>> read_scores(Path("data/cam"), "2007_000032").scores
    array([[[0.25, 1.  ]]], dtype=float16)
    """
    path = scores_path(folder, image_id)
    with reading(path), path.open("rb") as file:
        _check_arrays(path, size, num_classes)  # before a few bytes unpack to gigabytes
        with np.load(file, allow_pickle=False) as content:
            scores = Scores(content["classes"], content["scores"], tuple(content["size"].tolist()))
    if size and scores.size != tuple(size):
        raise _of_another_size(path, scores.size, size)
    if scores.classes.size and scores.classes[-1] > num_classes:
        raise ArtifactError(f"{path} has maps of class {scores.classes[-1]} of {num_classes}; {_anew(path)}")
    _check_range(path, scores.scores, lambda: _anew(path))
    return scores


def _check_arrays(path: Path, size: Size | None, num_classes: int) -> None:
    """Look at the headers of the arrays of a .npz alone: are they score maps that such a photograph may have?"""
    with ZipFile(path) as archive:
        (classes, labels), (scores, values), (pair, sides) = (
            _header(archive, name) for name in ("classes", "scores", "size")
        )
    height, width = size or (MAX_CELLS, MAX_CELLS)
    fits = len(scores) == 3 and scores[0] <= num_classes + 1 and scores[1] <= height and scores[2] <= width
    if not fits or classes != scores[:1] or pair != (2,) or math.prod(scores) > (MAX_CELLS, math.inf)[bool(size)]:
        of = f" of a photograph of {height} x {width} pixels" if size else ""
        raise ArtifactError(f"{path} holds an array of shape {scores}, which are no score maps{of}; {_anew(path)}")
    if (labels, values, sides) != (np.uint8, np.float16, np.int32):
        kinds = f"{labels} classes, {values} scores and a size of {sides}"
        raise ArtifactError(f"{path} holds {kinds}, not uint8, float16 and int32; {_anew(path)}")


def _header(archive: ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array of a .npz. A header of another version may be as long as it likes."""
    with archive.open(f"{name}.npy") as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError("the array's format is of another version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        return shape, dtype


def _check_range(path: Path, scores: np.ndarray, remedy: Callable[[], str]) -> None:
    if scores.size and not (scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING):  # False of NaN
        raise ArtifactError(f"{path} has scores that are not finite or not in [0, 1]; {remedy()}")  # slow to find


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


@dataclass(frozen=True)
class Kind:
    """A kind of file that an image has in an artifact: how it is written, write(folder, id, value), and its suffix."""

    write: Callable[[Path, str, Any], None]
    suffix: str


SCORES, LABELS, GREY = Kind(write_scores, ".npz"), Kind(write_labels, ".png"), Kind(write_grey, ".png")


def read_labels(
    folder: Path, image_id: str, *, size: Size | None = None, num_classes: int = MANY_CLASSES
) -> np.ndarray:
    """The (H, W) uint8 labels of one image: 0..C and IGNORE_INDEX.

    Args:
        folder, image_id: whose.
        size: (H, W) of the photograph; None takes the file's word for it.
        num_classes: C, without the background.

    Raises:
        ArtifactError: the file is missing or damaged, or no label map of such a photograph and such classes.

    >>> write_labels(Path("data/fused"), "2007_000032", np.array([[0, 3, 255]]))
    >>> read_labels(Path("data/fused"), "2007_000032")
    array([[  0,   3, 255]], dtype=uint8)
    """
    path = png_path(folder, image_id)
    labels = _read_png(path, size, modes=("P", "L"), kind="palette or grey label map")
    known = np.arange(256) <= num_classes
    known[voc.IGNORE_INDEX] = True
    if not known[labels].all():
        value = labels[~known[labels]].max()
        raise ArtifactError(f"{path} holds the label {value}, and there are {num_classes} classes; {_anew(path)}")
    return labels


def read_grey(folder: Path, image_id: str, *, size: Size | None = None) -> np.ndarray:
    """The (H, W) float32 map in [0, 1] of one image, whose (H, W) `size` is; see `read_labels`."""
    grey = _read_png(png_path(folder, image_id), size, modes=("L",), kind="8 bit grey map")
    return grey.astype(np.float32) / 255


def _read_png(path: Path, size: Size | None, *, modes: Sequence[str], kind: str) -> np.ndarray:
    with reading(path), Image.open(path, formats=("PNG",)) as picture:
        if picture.mode not in modes:
            raise ArtifactError(f"{path} is a {picture.mode} picture, not a {kind}")
        if size and picture.size != (size[1], size[0]):  # known before a pixel is decoded
            raise _of_another_size(path, (picture.height, picture.width), size)
        return np.array(picture, dtype=np.uint8)


def _of_another_size(path: Path, found: Size, size: Size) -> ArtifactError:
    now, expected = f"{found[0]} x {found[1]}", f"{size[0]} x {size[1]}"
    return ArtifactError(f"{path} is of {now} pixels, its photograph of {expected} (height x width); {_anew(path)}")


def _anew(path: Path) -> str:
    if not remedies.is_made(path):
        return "put a sound one there or give another path"
    return f"make it anew: `{remedies.made_anew(path)}`"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the errors of opening `path` into one sentence that names it and the remedy."""
    try:
        yield
    except FileNotFoundError:
        command = remedies.made_by(path)
        remedy = f"run the stage that writes {path.parent} (`{command}`)"
        if not remedies.is_made(path):
            remedy = "put it there or correct the path"
        raise ArtifactError(f"{path} is missing; {remedy}") from None
    except ArtifactError:
        raise
    except _DAMAGE as error:
        reason = "damaged, or none of this project's"
        remedy = _anew(path)
        if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:  # not a decoder's word
            reason, remedy = error.strerror, "make it readable"
        raise ArtifactError(f"{path} cannot be read ({reason}); {remedy}") from error
