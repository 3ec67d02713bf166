"""Label maps, score maps and saliency maps drawn over a small copy of their photograph."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from wsss_core.artifacts import Scores
from wsss_core.ops import grids
from wsss_core.report import palette
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

MAX_HEIGHT, MAX_WIDTH = 200, 320
"""Pixels: pictures of any photograph fit into this box, small ones are enlarged to it."""

_LABEL_OPACITY = 0.68
_HEAT_OPACITY = 0.92
_OUTLINE = (30, 30, 30)
_HATCH_WIDTH = 4  # pixels of a stripe
_STRIPES = np.array([[250, 250, 250], [190, 192, 198]], dtype=np.float32)
_JPEG_QUALITY = 86


class Canvas:
    """A photograph to draw on. All its pictures are (h, w, 3) uint8 RGB of one size: by default h <= 200, w <= 320.

    Labels have their class's colour and pattern of `palette`. What is not an object is faded to light grey, so that
    they stand out.
    """

    def __init__(self, photo: np.ndarray, *, box: tuple[int, int] = (MAX_HEIGHT, MAX_WIDTH)) -> None:
        """`photo` is (H, W, 3) uint8 RGB; pictures fill a box of (height, width) pixels."""
        self.size = photo.shape[:2]
        self.shape = fitted(self.size, box)
        height, width = self.shape
        small = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS)
        self.photo = np.asarray(small)  # (h, w, 3)
        grey = np.asarray(small.convert("L"), dtype=np.float32)[..., None]
        self._faded = np.repeat(0.55 * grey + 0.45 * 255, 3, axis=-1)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Draw an (H, W) uint8 label map: classes in colour with a dark outline in a white one, IGNORE_INDEX hatched.

        Raises:
            ValueError: it has another size than the photograph.
        """
        self._check("a label map", labels.shape)
        small = nearest(labels, self.shape)
        colours = (1 - _LABEL_OPACITY) * self.photo + _LABEL_OPACITY * palette.painted(small)
        drawn = np.where((small == BACKGROUND)[..., None], self._faded, colours)
        rows, columns = np.indices(self.shape)
        stripes = _STRIPES[(rows + columns) // _HATCH_WIDTH % 2]
        drawn = np.where((small == IGNORE_INDEX)[..., None], 0.15 * self._faded + 0.85 * stripes, drawn)
        borders = outline(small)
        drawn[borders] = 255
        drawn[_beside(borders)] = _OUTLINE
        return _as_bytes(drawn)

    def heat(self, scores: Scores) -> np.ndarray:
        """Draw class score maps: each pixel in the colour of its strongest class, as opaque as it is strong.

        Raises:
            ValueError: they belong to an image of another size.
        """
        self._check("a score map", tuple(scores.size))
        if not len(scores.classes):
            return _as_bytes(self._faded)
        maps = grids.read(scores.scores, scores.size)  # (K, H, W)
        strongest = nearest(scores.classes[maps.argmax(axis=0)], self.shape)
        opacity = _HEAT_OPACITY * np.clip(grids.resize(maps.max(axis=0), self.shape), 0, 1)[..., None]
        return _as_bytes((1 - opacity) * self._faded + opacity * palette.painted(strongest))

    def grey(self, values: np.ndarray) -> np.ndarray:
        """Draw an (H, W) float map in [0, 1] as brightness.

        Raises:
            ValueError: it has another size than the photograph.
        """
        self._check("a grey map", values.shape)
        return _as_bytes(np.repeat(255 * grids.resize(values, self.shape)[..., None], 3, axis=-1))

    def _check(self, name: str, size: tuple[int, ...]) -> None:
        if size != self.size:
            raise ValueError(
                f"{name} of {size} pixels does not belong to a photograph of {self.size}; delete the folder"
                " that holds it and run `dvc repro`"
            )


def fitted(size: tuple[int, int], box: tuple[int, int] = (MAX_HEIGHT, MAX_WIDTH)) -> tuple[int, int]:
    """The largest (h, w) of the proportions of `size` = (H, W) in the box of pictures, at least 1 x 1."""
    height, width = size
    scale = min(box[0] / height, box[1] / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def nearest(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) values at the centres of (h, w) pixels."""
    rows, columns = (
        ((np.arange(small) + 0.5) * full / small).astype(int) for small, full in zip(shape, values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]


def jpeg(picture: np.ndarray) -> bytes:
    """An (h, w, 3) uint8 picture as a JPEG file."""
    file = io.BytesIO()
    # No chroma subsampling: it blurs the borders of coloured labels.
    Image.fromarray(picture).save(file, format="JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


def data_uri(picture: np.ndarray) -> str:
    """An (h, w, 3) uint8 picture as a JPEG in a `data:` address, for a page that is one file."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture)).decode("ascii")


def outline(labels: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels whose right or lower neighbour has another label."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def _beside(borders: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels right of an outline or below it, and not on it."""
    beside = np.zeros(borders.shape, dtype=bool)
    beside[:, 1:] |= borders[:, :-1]
    beside[1:] |= borders[:-1]
    return beside & ~borders


def _as_bytes(drawn: np.ndarray) -> np.ndarray:
    return np.clip(np.round(drawn), 0, 255).astype(np.uint8)
