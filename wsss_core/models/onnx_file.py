"""The weights in an ONNX file, read as data with NumPy alone: nothing in the file is run.

The `onnx` package would do it too, but is a compiled one, and the weights must load where it is not installed. The
format is protobuf (https://protobuf.dev/programming-guides/encoding) with the field numbers of onnx.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Wire types of protobuf. The groups, 3 and 4, are not used by ONNX."""

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OP_TYPE = 1, 4
TENSOR_DIMS, TENSOR_TYPE, TENSOR_FLOATS, TENSOR_NAME, TENSOR_RAW, TENSOR_LOCATION = 1, 2, 4, 8, 9, 14

DTYPES: dict[int, np.dtype] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}
"""Those of TensorProto.DataType that weights have; tensors of integers are shapes and indices."""
EXTERNAL = 1

Value = int | memoryview


@dataclass(frozen=True)
class OnnxWeights:
    """What a graph computes with.

    Attributes:
        arrays: the float initialisers by name, which an exporter may have replaced by numbers.
        convolutions: of each Conv node, in the graph's order, the names of its inputs: data, weight and, where it has
            one, bias.
    """

    arrays: dict[str, np.ndarray]
    convolutions: list[tuple[str, ...]]


def read_onnx(path: Path) -> OnnxWeights:
    """The float initialisers of an ONNX file and where its convolutions use them.

    Raises:
        ValueError: the file is no ONNX model, is cut short, or keeps its weights in another file.
    """
    content = memoryview(path.read_bytes())
    try:
        graphs = [value for number, value in _fields(content) if number == MODEL_GRAPH]
        if len(graphs) != 1:
            raise _FormatError("it holds no graph")
        arrays, convolutions = {}, []
        for number, value in _fields(_bytes(graphs[0])):
            if number == GRAPH_INITIALIZER:
                arrays.update(_array(_bytes(value)))
            elif number == GRAPH_NODE:
                convolutions += _convolution(_bytes(value))
    except (_FormatError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} cannot be read as an ONNX model ({error}); fetch the file again, or export the network anew"
            " with its weights inside"
        ) from None
    return OnnxWeights(arrays, convolutions)


class _FormatError(Exception):
    """What is wrong with the bytes."""


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The number and the value of each field of a protobuf message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == BYTES:
            size, position = _varint(message, position)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise _FormatError(f"field {number} has the unknown wire type {kind}")
        if size > len(message) - position:
            raise _FormatError(f"field {number} needs {size} bytes, {len(message) - position} are left")
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """An integer, seven bits a byte, the lowest first; and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise _FormatError("it ends within a number")
        byte, position = message[position], position + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _FormatError("a number has more than ten bytes")


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise _FormatError("a number stands where a message is expected")
    return value


def _text(value: Value) -> str:
    return bytes(_bytes(value)).decode()


def _convolution(node: memoryview) -> list[tuple[str, ...]]:
    """The inputs of a node, if it is a convolution."""
    fields = list(_fields(node))
    kinds = [_text(value) for number, value in fields if number == NODE_OP_TYPE]
    return [tuple(_text(value) for number, value in fields if number == NODE_INPUT)] if kinds == ["Conv"] else []


def _array(tensor: memoryview) -> dict[str, np.ndarray]:
    """A tensor by its name; nothing if it is not one of floats."""
    shape: list[int] = []
    name, kind, raw, floats = "", 0, None, []
    for number, value in _fields(tensor):
        if number == TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else _packed(value)
        elif number == TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == TENSOR_NAME:
            name = _text(value)
        elif number == TENSOR_RAW:
            raw = _bytes(value)
        elif number == TENSOR_FLOATS:
            floats.append(bytes(_bytes(value)))
        elif number == TENSOR_LOCATION and value == EXTERNAL:
            raise _FormatError(f"its weight {name or 'without a name'} lies in another file")
    if kind not in DTYPES:
        return {}
    content, dtype = (b"".join(floats), DTYPES[1]) if raw is None else (raw, DTYPES[kind])
    if math.prod(shape) * dtype.itemsize != len(content):
        raise _FormatError(f"its weight {name} has {len(content)} bytes, which do not make the shape {shape}")
    return {name: np.frombuffer(content, dtype).reshape(shape).astype(np.float32)}


def _packed(values: memoryview) -> list[int]:
    """Several integers in one field."""
    numbers, position = [], 0
    while position < len(values):
        number, position = _varint(values, position)
        numbers.append(number)
    return numbers
