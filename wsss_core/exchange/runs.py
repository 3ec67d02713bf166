"""Run lengths, as COCO and Label Studio write them."""

from __future__ import annotations

import numpy as np

MOST = 1 << 16
"""Of equal values in one chunk of Label Studio's."""
_WIDTHS = (3, 4, 8, 16)
"""Bits in which the length of a chunk may be written, less 1."""
_WORD = 8
_CHANNELS = 4


def coco_counts(mask: np.ndarray) -> list[int]:
    """Lengths of alternating runs of 0 and 1 down the columns of an (H, W) bool mask, 0 first; the first may be 0.

    `data.formats.coco_masks.decode_runs` reads them.
    """
    return _lengths(mask.ravel(order="F"))


def _lengths(flat: np.ndarray) -> list[int]:
    """Of alternating runs of False and True, False first."""
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *ends, len(flat)]).tolist()
    return [0, *lengths] if flat[:1].any() else lengths


def brush_bytes(mask: np.ndarray) -> list[int]:
    """The bytes of Label Studio's brush for an (H, W) bool mask: its rows as RGBA, 255 in all four where it is set.

    A bit stream, the highest bit first: the number of values in 32 bits; the bits of a value less 1 in 5; four widths
    less 1 in 4 bits each; then chunks: 1 for a run or 0 for single values, which of the widths in 2 bits, the length
    less 1 in that many, and the value, or each of the values. Zeros fill the last byte, or one more where none is left
    to fill: Label Studio's own writer adds it.
    """
    flat = mask.ravel()
    bits = [f"{_CHANNELS * len(flat):032b}{_WORD - 1:05b}", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for place, length in enumerate(_lengths(flat)):
        value, values = 255 * (place % 2), length * _CHANNELS
        for begin in range(0, values, MOST):
            bits.append(_run(min(MOST, values - begin), value))
    stream = "".join(bits)
    size = len(stream) // 8 + 1
    return list(int(stream.ljust(8 * size, "0"), 2).to_bytes(size, "big"))


def _run(length: int, value: int) -> str:
    index = next(place for place, width in enumerate(_WIDTHS) if length <= 1 << width)
    return f"1{index:02b}{length - 1:0{_WIDTHS[index]}b}{value:0{_WORD}b}"


def read_brush(data: bytes, *, height: int, width: int) -> np.ndarray:
    """(H, W) bool: where the alpha of Label Studio's brush is more than half; see `brush_bytes`.

    Raises:
        ValueError: the bytes break off, or are of another number of pixels.
    """
    bits = _Bits(data)
    count, word = bits.number(32), bits.number(5) + 1
    widths = [bits.number(4) + 1 for _ in _WIDTHS]
    if count != height * width * _CHANNELS:
        raise ValueError(f"its brush is of {count // _CHANNELS} pixels, not of {height} x {width}")
    values = np.zeros(count, dtype=np.uint8)
    filled = 0
    while filled < count:
        is_run, chosen = bits.number(1), bits.number(2)
        length = bits.number(widths[chosen]) + 1
        if filled + length > count:
            raise ValueError("its brush holds more pixels than it says")
        chunk = bits.number(word) if is_run else [bits.number(word) for _ in range(length)]
        values[filled : filled + length] = chunk
        filled += length
    return values.reshape(height, width, _CHANNELS)[..., -1] > 127


class _Bits:
    """Reads numbers of some bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
        self._at = 0

    def number(self, bits: int) -> int:
        """The next one. Raises ValueError where the stream ends before it does."""
        text = self._bits[self._at : self._at + bits]
        self._at += bits
        if len(text) < bits:
            raise ValueError("its brush breaks off")
        return int(text, 2)
