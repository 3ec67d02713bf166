"""Reader of MXNet `.params` files, in NumPy: MXNet no longer installs, and ResNet38d's weights exist only so.

The format is `NDArray::Save` and `NDArray::Load` of MXNet 1.x (src/ndarray/ndarray.cc), all little endian.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

import numpy as np

LIST_MAGIC = 0x112
V1_MAGIC = 0xF993FAC8
V2_MAGIC = 0xF993FAC9
DENSE_STORAGE = 0
MAX_NUM_AXES = 32
"""More axes than this is no legacy header but some other number."""
DTYPES = {flag: np.dtype(code) for flag, code in enumerate(("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8"))}

PREFIX = re.compile(r"^(arg|aux):")
BLOCK_KEY = re.compile(r"^(res|bn)(\d+)(?:a|b(\d+))_(branch\w+?)_(weight|gamma|beta|moving_mean|moving_var)$")
PLAIN_KEY = re.compile(r"^(conv1a|bn7)_(weight|gamma|beta|moving_mean|moving_var)$")
CLASSIFIER_KEY = re.compile(r"^linear1000_")
FIELDS = {
    "weight": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
}


class _Reader:
    """A position in the file's bytes that tells where reading failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = path.read_bytes()
        self.offset = 0

    def integers(self, code: str, count: int, what: str) -> tuple[int, ...]:
        """The next `count` integers of a `struct` code."""
        size = struct.calcsize(f"<{code}") * count
        return struct.unpack(f"<{count}{code}", self.content[self._advance(size, what) : self.offset])

    def integer(self, code: str, what: str) -> int:
        return self.integers(code, 1, what)[0]

    def text(self, size: int, what: str) -> str:
        start = self._advance(size, what)
        content = self.content[start : self.offset]
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise self.error(start, f"{what} is not text: {content[:20]!r}") from None

    def array(self, shape: tuple[int, ...], dtype: np.dtype, what: str) -> np.ndarray:
        count = math.prod(shape)
        start = self._advance(count * dtype.itemsize, what)
        return np.frombuffer(self.content, dtype, count, start).reshape(shape).copy()

    def _advance(self, size: int, what: str) -> int:
        start, left = self.offset, len(self.content) - self.offset
        if size > left:
            raise self.error(start, f"{what} needs {size} bytes, {left} are left")
        self.offset += size
        return start

    def error(self, offset: int, found: str) -> ValueError:
        return ValueError(
            f"{self.path} is no MXNet .params file that can be read: at byte {offset}, {found};"
            " fetch the file again, or give a .pth state dict instead"
        )


def read_params(path: Path) -> dict[str, np.ndarray]:
    """Every array of an MXNet `.params` file under its name, `arg:` and `aux:` kept.

    Reads the dense forms that MXNet wrote: V2 (0.12 on), V1, and the legacy one without a version.

    Raises:
        ValueError: the file is cut short, holds sparse or empty arrays, unknown types, another format, or
            arrays without names; says at which byte and what is there.
    """
    reader = _Reader(path)
    magic, _reserved = reader.integers("Q", 2, "the header")
    if magic != LIST_MAGIC:
        raise reader.error(0, f"the magic number is {magic:#x}, expected {LIST_MAGIC:#x}")
    num_arrays = reader.integer("Q", "the number of arrays")
    arrays = []
    for k in range(num_arrays):
        arrays.append(_read_array(reader, f"array {k} of {num_arrays}"))
    start = reader.offset
    num_names = reader.integer("Q", "the number of names")
    if num_names != num_arrays:
        raise reader.error(start, f"{num_names} names follow {num_arrays} arrays")
    names = [reader.text(reader.integer("Q", "a name's length"), "a name") for _ in range(num_names)]
    if reader.offset != len(reader.content):
        raise reader.error(reader.offset, f"{len(reader.content) - reader.offset} bytes follow the last name")
    return dict(zip(names, arrays, strict=True))


def _read_array(reader: _Reader, what: str) -> np.ndarray:
    shape = _read_shape(reader, what)
    _device_type, _device_id = reader.integers("i", 2, f"the device of {what}")
    start = reader.offset
    flag = reader.integer("i", f"the type of {what}")
    if flag not in DTYPES:
        raise reader.error(start, f"{what} has type flag {flag}, known are 0 to {max(DTYPES)}")
    return reader.array(shape, DTYPES[flag], f"the data of {what}")


def _read_shape(reader: _Reader, what: str) -> tuple[int, ...]:
    start = reader.offset
    version = reader.integer("I", f"the header of {what}")
    if version == V2_MAGIC:
        storage = reader.integer("i", f"the storage of {what}")
        if storage != DENSE_STORAGE:
            raise reader.error(
                start + 4, f"{what} has storage type {storage}, known is {DENSE_STORAGE} (dense)"
            )
    num_axes, code = version, "I"  # the legacy form has no version: the number of axes stands in its place
    if version in (V1_MAGIC, V2_MAGIC):
        start, code = reader.offset, "q"
        num_axes = reader.integer("I", f"the number of axes of {what}")
    if not 1 <= num_axes <= MAX_NUM_AXES:
        raise reader.error(start, f"{what} starts with {num_axes:#x}, no known version or number of axes")
    start = reader.offset
    shape = reader.integers(code, num_axes, f"the shape of {what}")
    if min(shape) <= 0:  # beside a side of 0, NumPy refuses others as too large
        raise reader.error(start, f"{what} has shape {shape}")
    return shape


def resnet38d_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same arrays under the names of `ResNet38d`; the ImageNet classifier is dropped.

    `res4b3_branch2a_weight` becomes `b4_3.conv_branch2a.weight`, `bn4a_branch2a_gamma` becomes
    `b4.bn_branch2a.weight`. A name that fits no rule stays, and so shows up as unexpected when it is loaded.
    """
    named = ((PREFIX.sub("", name), array) for name, array in arrays.items())
    return {_translate(name): array for name, array in named if not CLASSIFIER_KEY.match(name)}


def _translate(name: str) -> str:
    if match := BLOCK_KEY.match(name):
        kind, stage, number, branch, field = match.groups()
        block = f"b{stage}" if number is None else f"b{stage}_{number}"
        return f"{block}.{'conv' if kind == 'res' else 'bn'}_{branch}.{FIELDS[field]}"
    if match := PLAIN_KEY.match(name):
        return f"{match[1]}.{FIELDS[match[2]]}"
    return name
