"""ONNX files byte by byte: protobuf messages by the numbers of their fields."""

from __future__ import annotations

from collections.abc import Sequence


def varint(value: int) -> bytes:
    groups = []
    while True:
        value, low = value >> 7, value & 0x7F
        groups.append(low | (0x80 if value else 0))
        if not value:
            return bytes(groups)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, shape: Sequence[int], data: bytes, *, kind: int = 1) -> bytes:
    return block(5, b"".join(number(1, side) for side in shape) + number(2, kind) + block(8, name.encode()) + data)


def node(op: str, *inputs: str) -> bytes:
    return block(1, b"".join(block(1, name.encode()) for name in inputs) + block(2, b"out") + block(4, op.encode()))


def model(*content: bytes) -> bytes:
    return number(1, 8) + block(7, b"".join(content))
