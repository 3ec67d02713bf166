"""The weights in an ONNX file, read as data with NumPy alone: nothing in the file is run.

The `onnx` package would do it too, but is a compiled one, and the weights must load where it is not installed. The
format is protobuf (https://protobuf.dev/programming-guides/encoding) with the field numbers of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Wire types of protobuf. The groups, 3 and 4, are not used by ONNX."""

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
NODE_INPUT, NODE_OP_TYPE = 1, 4
VALUE_NAME = 1
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW, TENSOR_LOCATION = 1, 2, 8, 9, 14
TENSOR_FLOATS, TENSOR_INT32S, TENSOR_DOUBLES = 4, 5, 10

FLOAT, FLOAT16, DOUBLE, BFLOAT16 = 1, 10, 11, 16
"""The values of TensorProto.DataType that weights have; tensors of integers are shapes and indices."""
DTYPES = {FLOAT: "<f4", FLOAT16: "<f2", DOUBLE: "<f8", BFLOAT16: "<u2"}
"""How raw_data holds them; NumPy has no bfloat16, so these are its bits."""
LISTED_IN = {FLOAT: TENSOR_FLOATS, FLOAT16: TENSOR_INT32S, DOUBLE: TENSOR_DOUBLES, BFLOAT16: TENSOR_INT32S}
"""Where they stand one by one without raw_data: 16 bits as the integer of the same bits."""
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
    arrays, convolutions = {}, []
    with _telling_damage(path):
        for number, message in _graph(path):
            if number == GRAPH_INITIALIZER:
                arrays.update(_array(_tensor(message)))
            elif number == GRAPH_NODE:
                convolutions += _convolution(message)
    return OnnxWeights(arrays, convolutions)


def check_onnx(path: Path) -> None:
    """Look through a file that another program runs; what its initialisers hold is for that program to understand.

    Raises:
        ValueError: as `read_onnx`.
    """
    with _telling_damage(path):
        for number, message in _graph(path):
            if number == GRAPH_INITIALIZER:
                _tensor(message)


def inputs_and_outputs(path: Path) -> tuple[list[str], list[str]]:
    """The names of what the graph of an ONNX file takes and gives.

    Raises:
        ValueError: as `read_onnx`.
    """
    names: dict[int, list[str]] = {GRAPH_INPUT: [], GRAPH_OUTPUT: []}
    with _telling_damage(path):
        for number, message in _graph(path):
            if number in names:
                names[number] += [_text(value) for field, value in _fields(message) if field == VALUE_NAME]
    return names[GRAPH_INPUT], names[GRAPH_OUTPUT]


@contextmanager
def _telling_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (_FormatError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} cannot be read as an ONNX model ({error}); fetch the file again, or export the network anew"
            " with its weights inside"
        ) from None


def _graph(path: Path) -> Iterator[tuple[int, memoryview]]:
    """The number and the bytes of each part of a model's graph: nodes, initialisers, inputs, outputs."""
    content = memoryview(path.read_bytes())
    graphs = [value for number, value in _fields(content) if number == MODEL_GRAPH]
    if len(graphs) != 1:
        raise _FormatError("it holds no graph")
    for number, value in _fields(_bytes(graphs[0])):
        if number in (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT):
            yield number, _bytes(value)


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


@dataclass(frozen=True)
class _Tensor:
    """A TensorProto as it is written.

    Attributes:
        name, kind, shape: of it; the kind is a TensorProto.DataType.
        raw: raw_data, empty where there is none.
        listed: number -> values of each field in which they may stand one by one, or packed.
    """

    name: str
    kind: int
    shape: list[int]
    raw: memoryview
    listed: dict[int, list[Value]]


def _tensor(message: memoryview) -> _Tensor:
    """Its fields. Raises _FormatError where the values lie in another file."""
    name, kind, raw = "", 0, memoryview(b"")
    shape: list[int] = []
    listed: dict[int, list[Value]] = {number: [] for number in LISTED_IN.values()}
    for number, value in _fields(message):
        if number == TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else _integers(value).tolist()
        elif number == TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == TENSOR_NAME:
            name = _text(value)
        elif number == TENSOR_RAW:
            raw = _bytes(value)
        elif number in listed:
            listed[number].append(value)
        elif number == TENSOR_LOCATION and value == EXTERNAL:
            raise _FormatError(f"its weight {name or 'without a name'} lies in another file")
    return _Tensor(name, kind, shape, raw, listed)


def _array(tensor: _Tensor) -> dict[str, np.ndarray]:
    """A tensor's float32 values by its name; nothing if it is not one of floats."""
    if tensor.kind not in DTYPES:
        return {}
    content = tensor.raw or _listed(tensor)
    try:
        values = np.frombuffer(content, DTYPES[tensor.kind]).reshape(tensor.shape)
    except (ValueError, OverflowError):
        raise _FormatError(
            f"its weight {tensor.name} has {len(content)} bytes, which do not make the shape {tensor.shape}"
        ) from None
    if tensor.kind == BFLOAT16:
        values = (values.astype(np.uint32) << 16).view(np.float32)  # the upper half of a float32
    return {tensor.name: values.astype(np.float32)}


def _listed(tensor: _Tensor) -> bytes:
    """The bytes that raw_data would hold, of a tensor without it."""
    field = LISTED_IN[tensor.kind]
    values = tensor.listed[field]
    if field != TENSOR_INT32S:
        return b"".join(bytes(_bytes(value)) for value in values)
    packed = [np.array([value], np.uint64) if isinstance(value, int) else _integers(value) for value in values]
    bits = np.concatenate([np.zeros(0, np.uint64), *packed])
    if bits.size and bits.max() > np.iinfo(np.uint16).max:
        raise _FormatError(f"its weight {tensor.name} holds a number of more than 16 bits")
    return bits.astype("<u2").tobytes()


def _integers(packed: memoryview) -> np.ndarray:
    """Several integers in one field, as uint64; all at once, for a network may have millions."""
    content = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(content < 0x80)
    if content.size and not (ends.size and ends[-1] == content.size - 1):
        raise _FormatError("it ends within a number")
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    lengths = ends - starts + 1
    if lengths.max(initial=0) > 10:
        raise _FormatError("a number has more than ten bytes")
    values = np.zeros(len(ends), np.uint64)
    for place in range(lengths.max(initial=0)):
        longer = np.flatnonzero(lengths > place)
        values[longer] |= (content[starts[longer] + place] & np.uint64(0x7F)) << np.uint64(7 * place)
    return values
