"""Photographs of every common kind as 8 bit RGB arrays, upright, or one clear error.

Colour profiles are not applied: networks are trained on the stored values, and so do the code bases of the
field. Everything else that a viewer does (palette, alpha, EXIF orientation) is done here and only here.
"""

from __future__ import annotations

import io
import os
import struct
import unicodedata
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from wsss_core.data.problems import layout_error

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")

MAX_PIXELS = 100_000_000

# Pillow warns of a "decompression bomb" above 89 megapixels and stops above twice that. Phones and scanners
# deliver up to about 100, which as uint8 RGB is 300 MB and can be worked with; so the warning begins where we
# stop. A temporary change around each open would not be safe in a threaded loader.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

COLOURED = 16
"""Channels of grey pixels differ by no more than this, though JPEG blurs them."""

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders were seen to raise on damaged bytes (its own PNG reader raises SyntaxError).
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, struct.error,
    zlib.error,
)  # fmt: skip
_SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
_ORIENTATION = 0x0112


class ImageError(ValueError):
    """An image is missing or cannot be decoded; the text names the file and the remedy."""


def read_image(path: Path) -> np.ndarray:
    """The photograph as it is meant to be seen.

    Args:
        path: a file of any kind in `SUFFIXES`: grey, palette, RGB, CMYK, with or without alpha, 1, 8 or 16
            bits. Of an animation or a multi-page file the first picture counts.

    Returns:
        (H, W, 3) uint8 RGB, turned as its EXIF orientation asks. Transparent pixels lie on white, as on paper
        or a web page (what is stored under them is arbitrary). 16 bit grey is divided by 257, not clipped.

    Raises:
        ImageError: the file is missing, truncated, no image, above MAX_PIXELS, or of a range that is not
            known (32 bit integers or floats).
    """
    return decode_image(read_bytes(path), path)


def read_grey(path: Path) -> np.ndarray:
    """(H, W) uint8 of a map or mask as it is stored, whatever EXIF and alpha say: 16 bits are divided by 257.

    Raises:
        ImageError: as `read_image`; or the picture has colours, so that it is a photograph.
    """
    with opened(read_bytes(path), path) as image:
        if image.mode in ("F", "I") or image.mode.startswith("I;"):
            image = _to_rgb(image)
        elif image.mode in ("RGB", "RGBA") and _has_colours(image):
            raise ValueError("it has colours where grey is expected")
        return np.array(image.convert("L"))


def _has_colours(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("RGB")).astype(np.int16)
    return bool((np.ptp(pixels, axis=2) > COLOURED).any())


def read_bytes(path: Path) -> bytes:
    """The file's content; ImageError where there is none to read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(
            f"{path} does not exist; put the image back or leave it out"
        ) from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); make the file readable") from None


def decode_image(content: bytes, path: Path) -> np.ndarray:
    """`read_image` for a file whose bytes are already here; path is used in errors only."""
    with opened(content, path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(_to_rgb(image))  # (H, W, 3)


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of `read_image(path)`, read from the header.

    PNG files without EXIF before their pixels are decoded: it may stand behind them.

    Raises:
        ImageError: as `read_image`, as far as the header tells.
    """
    with opened(read_bytes(path), path) as image:
        width, height = image.size
        # The TIFF reader exchanges the sides by itself.
        if image.format != "TIFF" and image.getexif().get(_ORIENTATION) in _SWAPPED:
            return width, height
        return height, width


@contextmanager
def opened(content: bytes, path: Path) -> Iterator[Image.Image]:
    """The image of these bytes, not yet decoded; what goes wrong with it in the block is an `ImageError`."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(_too_large(path))
            yield image
    except ImageError:
        raise
    except _BOMBS:
        raise ImageError(_too_large(path)) from None
    except _DAMAGE as error:
        reason = "no known image format" if isinstance(error, Image.UnidentifiedImageError) else error
        raise ImageError(
            f"{path} cannot be decoded ({reason}); replace the file or leave it out"
        ) from error


def find_images(folder: Path, *, skip: Collection[Path] = ()) -> dict[str, list[Path]]:
    """All image files below folder, by id: the path from folder, "/" between parts, without the suffix.

    Args:
        folder: searched with all its sub-folders; hidden files and folders are passed over.
        skip: folders that are not entered, by whatever path or link they are reached.

    Returns:
        id (Unicode NFC) -> its files, ascending; more than one where names differ only in the suffix or in
        how accents are coded.

    Raises:
        DatasetError: a file's name is not UTF-8, so that no list could name it.
    """
    found: dict[str, list[Path]] = {}
    skipped = {os.path.realpath(path) for path in skip}
    for parent, folders, names in os.walk(folder, followlinks=True):  # sub-folders are often links
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in skipped
        ]
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in SUFFIXES and not name.startswith("."):
                if not _is_utf8(name):
                    shown = os.path.join(parent, name).encode("utf-8", "backslashreplace").decode()
                    raise layout_error(Path(shown), "its name is not UTF-8; rename the file")
                image_id = (Path(parent).relative_to(folder) / stem).as_posix()
                found.setdefault(normalise(image_id), []).append(Path(parent) / name)
    return found


def normalise(name: str) -> str:
    """The name with accents in one code: macOS stores "é" as two characters, most text files as one."""
    return unicodedata.normalize("NFC", name)


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)  # how Python keeps odd bytes


def _too_large(path: Path) -> str:
    return f"{path} has more than {MAX_PIXELS // 1_000_000} megapixels; scale the image down"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating point pixels have no known range; save it with 8 bits per channel")
    if image.mode.startswith("I"):
        return _from_16_bits(np.asarray(image)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bits(values: np.ndarray) -> Image.Image:
    """Grey 0..65535 as 0..255, rounded: 65535 = 255 * 257."""
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its integers lie outside 0..65535; save it with 8 bits per channel")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
