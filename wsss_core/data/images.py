"""Photographs of every common kind as 8 bit RGB arrays, upright, or one clear error.

Colour profiles are not applied: networks are trained on the stored values, and so do the code bases of the
field. Everything else that a viewer does (palette, alpha, EXIF orientation) is done here and only here.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, features

from wsss_core.data import bit_depths
from wsss_core.problems import printable

with suppress(ImportError):  # Apple's photographs; Pillow itself does not open them
    import pillow_heif

    pillow_heif.register_heif_opener()

_KINDS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2", ".j2k"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}
"""Kinds of image by Pillow's names, and their suffixes."""
_MISSING = {
    kind
    for kind, is_there in {
        "WEBP": features.check("webp"),
        "JPEG2000": features.check("jpg_2000"),
        "AVIF": features.check("avif"),
        "HEIF": "HEIF" in Image.OPEN,
    }.items()
    if not is_there
}
_FORMATS = tuple(kind for kind in _KINDS if kind not in _MISSING)  # no other decoder ever sees a user's file

SUFFIXES = tuple(suffix for kind in _FORMATS for suffix in _KINDS[kind])
"""The suffixes of images that can be opened here."""

FOREIGN_SUFFIXES = (
    *(suffix for kind in _KINDS if kind in _MISSING for suffix in _KINDS[kind]),
    ".jxl", ".hif", ".psd", ".svg", ".ico", ".tga", ".exr", ".hdr", ".dcm", ".eps", ".pdf",
    ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2",
)  # fmt: skip
"""The suffixes of images that cannot."""

MAX_PIXELS = 100_000_000
MAX_BYTES = 2_000_000_000
"""More than MAX_PIXELS take in any kind, even with 16 bits a channel and no compression."""

# Pillow warns of a "decompression bomb" above 89 megapixels and stops above twice that. Phones and scanners
# deliver up to about 100, which as uint8 RGB is 300 MB and can be worked with; so the warning begins where we
# stop. A temporary change around each open would not be safe in a threaded loader.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

COLOURED = 16
"""Channels of grey pixels differ by no more than this, though JPEG blurs them."""

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders were seen to raise on damaged bytes (its own PNG reader raises SyntaxError).
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError, struct.error,
    zlib.error,
)  # fmt: skip
_HIGH_BYTE_OF_14_BITS = 1 << 6
_SWAPPED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
_ORIENTATION = 0x0112


class ImageError(ValueError):
    """An image is missing or cannot be decoded; the text names the file and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def read_image(path: Path) -> np.ndarray:
    """The photograph as it is meant to be seen.

    Args:
        path: a file of any kind in `SUFFIXES`: grey, palette, RGB, CMYK, with or without alpha, 1, 8 or 16
            bits. Of an animation or a multi-page file the first picture counts.

    Returns:
        (H, W, 3) uint8 RGB, turned as its EXIF orientation asks. Transparent pixels lie on white, as on paper
        or a web page (what is stored under them is arbitrary). More than 8 bits a channel are scaled by the bits
        that the picture uses, not clipped: see `bit_depths`.

    Raises:
        ImageError: the file is missing, truncated, no image, above MAX_PIXELS, or of a range that is not
            known (32 bit integers or floats).
    """
    return decode_image(read_bytes(path), path)


def read_grey(path: Path) -> np.ndarray:
    """(H, W) uint8 of a map or mask as it is stored, whatever EXIF and alpha say: 16 bits are divided by 257.

    Its values mean something by themselves, so the range is never guessed from them.

    Raises:
        ImageError: as `read_image`; or the picture has colours, so that it is a photograph.
    """
    with opened(read_bytes(path), path) as image:
        if image.mode.startswith("I"):
            values = np.asarray(image)
            bit_depths.used_bits(values, declared=16)  # refuses what 16 bits do not hold
            image = Image.fromarray(bit_depths.scaled(values, 16))
        elif image.mode == "F":
            image = to_rgb(image)
        elif image.mode in ("RGB", "RGBA") and _has_colours(image):
            raise ValueError("it has colours where grey is expected")
        return np.array(image.convert("L"))


def _has_colours(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("RGB")).astype(np.int16)
    return bool((np.ptp(pixels, axis=2) > COLOURED).any())


def read_bytes(path: Path) -> bytes:
    """The file's content; ImageError where there is none to read. Nothing but a file is opened: a pipe would hang."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path} is {_kind_of(status.st_mode)} and no file; replace it or leave it out")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"{path} has {status.st_size / 1e9:.1f} GB, more than any image; leave it out")
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist; put the image back or leave it out") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); make the file readable") from None


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def why_foreign(suffix: str) -> str:
    """Why images of this suffix (lower case) cannot be opened, and what helps; empty for other suffixes."""
    if suffix in _KINDS["HEIF"] and "HEIF" in _MISSING:
        return f"for Pillow alone does not open {suffix}: convert to JPEG, or `pip install pillow-heif`"
    return f"for {suffix} cannot be opened here: convert to JPEG or PNG" if suffix in FOREIGN_SUFFIXES else ""


def decode_image(content: bytes, path: Path) -> np.ndarray:
    """`read_image` for a file whose bytes are already here; path is used in errors only."""
    return decode_with_bits(content, path)[0]


def decode_with_bits(content: bytes, path: Path, *, page: int = 0) -> tuple[np.ndarray, int | None]:
    """As `decode_image`, and of a picture of 16 bits a channel those that it uses (`bit_depths`); else None.

    `page` counts the pictures of a file from 0.
    """
    with opened(content, path) as image:
        image.seek(page)
        declared, is_deep = bit_depths.declared_bits(image), bit_depths.is_deep(image)
        ImageOps.exif_transpose(image, in_place=True)
        bits = 16 if is_deep else None
        if image.mode.startswith("I"):
            values = np.asarray(image)
            bits = bit_depths.used_bits(values, declared=declared)
            image = Image.fromarray(bit_depths.scaled(values, bits))
        elif is_deep and np.asarray(image.convert("RGB")).max() < _HIGH_BYTE_OF_14_BITS:
            with opened(content, path) as low:
                low.seek(page)
                bit_depths.read_low_bytes(low)
                ImageOps.exif_transpose(low, in_place=True)
                image, bits = bit_depths.from_two_bytes(image, low, declared=declared)
        return np.array(to_rgb(image)), bits  # (H, W, 3)


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


def why_exchanged(path: Path, *, size: tuple[int, ...], shown: tuple[int, int]) -> str:
    """What helps where a mask or map has the height and width of its photograph exchanged; empty where it has not.

    Args:
        path: the photograph.
        size: (H, W) of what was made for it.
        shown: (H, W) of `read_image(path)`.
    """
    if size != shown[::-1] or size == shown:
        return ""
    try:
        with opened(read_bytes(path), path) as image:
            is_turned = image.getexif().get(_ORIENTATION) in _SWAPPED
    except ImageError:
        is_turned = False
    if not is_turned:
        return "height and width are exchanged, so turn it by 90 degrees (scaled, it would be wrong) or replace it"
    return (
        "the photograph is shown turned, as its EXIF orientation asks, and this is as the pixels are stored: turn it as"
        " the photograph is shown (scaled, it would be wrong), or save the photograph without its EXIF orientation"
    )


@contextmanager
def opened(content: bytes, path: Path) -> Iterator[Image.Image]:
    """The image of these bytes, not yet decoded; what goes wrong with it in the block is an `ImageError`."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
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


def _too_large(path: Path) -> str:
    return f"{path} has more than {MAX_PIXELS // 1_000_000} megapixels; scale the image down"


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of 8 bits a channel in RGB, what is transparent on white. ValueError: its range is not known."""
    if image.mode == "F":
        raise ValueError("floating point pixels have no known range; save it with 8 bits per channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
