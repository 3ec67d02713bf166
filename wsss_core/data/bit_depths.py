"""Pictures of more than 8 bits a channel, scaled by the bits that they use.

A 16 bit file is a container: cameras, scanners and microscopes put 10, 12 or 14 bits into it, and divided by the
container's range their pictures are black. What a file declares counts; else the smallest usual number of bits that
holds the picture's brightest value is taken for its range. A dark picture of true 16 bits is thereby made brighter,
and pictures of one camera may be scaled differently; `prepare` and `wsss check` say so.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from PIL import Image

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that sensors deliver."""

_ORDERS = (("B", "L"), ("L", "B"), ("N", "B" if sys.byteorder == "little" else "L"))
_OTHER_ORDER = {f"{mode};16{one}": f"{mode};16{other}" for mode in ("RGB", "RGBA") for one, other in _ORDERS}
"""Pillow decodes 16 bits of colour to their high byte; read in the other order of bytes, it is the low one."""
_GREY_ALPHA, _FOUR_BYTES = "LA;16B", "RGBA"
"""Grey with alpha has no other order, but may be read as four bytes; the second and fourth are the low ones."""

_BITS_PER_SAMPLE = 258


def used_bits(values: np.ndarray, *, declared: int | None) -> int:
    """The bits that values are taken to have: as the file declares, else as the largest needs.

    Raises:
        ValueError: 16 do not hold them.
    """
    needed = next((bits for bits in DEPTHS if values.max() < 1 << bits), None)
    if needed is None or values.min() < 0:
        raise ValueError("its integers lie outside 0..65535; save it with 8 bits per channel")
    return declared or needed


def declared_bits(image: Any) -> int | None:
    """What the file says of its values' range, where its format or a tag does."""
    if image.format in ("PPM", "JPEG2000"):  # Pillow has scaled them to 16 bits by what they declare
        return 16
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] if image.format == "TIFF" else 16
    return bits if isinstance(bits, int) and 8 <= bits < 16 else None


def scaled(values: np.ndarray, bits: int) -> np.ndarray:
    """uint8: 0..2^bits - 1 as 0..255, rounded."""
    full = (1 << bits) - 1
    return ((values.astype(np.uint32) * 255 + full // 2) // full).astype(np.uint8)


def is_deep(image: Any) -> bool:
    """Whether an image not yet decoded has 16 bits a channel of colour, or of grey and alpha.

    Raises:
        ValueError: they lie in a plane for each channel, of which Pillow makes noise.
    """
    rawmodes = {_rawmode(tile) for tile in image.tile}
    if image.format == "TIFF" and "R" in rawmodes and 16 in image.tag_v2.get(_BITS_PER_SAMPLE, ()):
        raise ValueError("16 bits in separate planes; save it with 8 bits per channel")
    return bool(rawmodes) and rawmodes <= {*_OTHER_ORDER, _GREY_ALPHA}


def read_low_bytes(image: Any) -> None:
    """Make an image of which `is_deep` holds, not yet decoded, decode to its low bytes."""
    is_grey = any(_rawmode(tile) == _GREY_ALPHA for tile in image.tile)
    for place, tile in enumerate(image.tile):
        other = _FOUR_BYTES if is_grey else _OTHER_ORDER[_rawmode(tile)]
        image.tile[place] = tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))
    if is_grey:
        image.load()
        second, fourth = image.getchannel(1), image.getchannel(3)
        image.paste(Image.merge("RGBA", (second, second, second, fourth)))


def from_two_bytes(high: Image.Image, low: Image.Image, *, declared: int | None) -> tuple[Image.Image, int]:
    """A picture of 8 bits from both bytes of one of 16, and the bits that its colours use; alpha always uses all."""
    upper = np.asarray(high)
    values = upper.astype(np.uint32) * 256 + np.asarray(low)  # (H, W, 3 or 4)
    bits = used_bits(values[..., :3], declared=declared)
    return Image.fromarray(np.dstack([scaled(values[..., :3], bits), upper[..., 3:]])), bits


def _rawmode(tile: Any) -> str:
    return tile.args if isinstance(tile.args, str) else str(tile.args[0]) if tile.args else ""
