"""Ways to break a file: any node of its structure replaced, and any byte changed. All choices are hypothesis' own."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
from hypothesis import strategies as st

VALUES = (
    None, "", 1.5, [], {}, float("nan"), float("inf"), 10**30, 10**400, -1, 0, True, "x" * 300, "\ud800", "a\0b",
    "../../x", [[[[]]]], {"a": None}, [None], "1", 64.0,
)  # fmt: skip
"""What stands in the place of a value."""

TEXTS = ("", "null", "1.5", "[]", "{}", "nan", "inf", "1" * 400, "-1", "x" * 300, "a\0b", "../../x", '"', ";", ",",
         "\t", "\u2028", "a\nb", "\ufeff", "é" * 90, "1e999")  # fmt: skip
"""What stands in the place of a text."""

Place = tuple[Any, ...]


def places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Every node of nested dicts and lists, the whole included."""
    yield place
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*place, key))


def replaced(tree: Any, place: Place, value: Any) -> Any:
    """A copy of the tree with another value at a place."""
    if not place:
        return value
    made = copy.deepcopy(tree)
    node = made
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return made


def without(tree: Any, place: Place) -> Any:
    """A copy of the tree without what stands at a place."""
    made = copy.deepcopy(tree)
    node = made
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    return made


def trees(tree: Any, values: tuple = VALUES) -> st.SearchStrategy:
    """The tree with one to three of its nodes replaced, left out, or exchanged for others of its own."""
    return st.integers(1, 3).flatmap(lambda count: _changed(st.just(tree), values, count))


def _changed(made: st.SearchStrategy, values: tuple, count: int) -> st.SearchStrategy:
    def change(tree: Any) -> st.SearchStrategy:
        found = list(places(tree))
        value = st.one_of(st.sampled_from(values), st.floats(), st.integers(), st.text(max_size=5))
        options = [st.builds(replaced, st.just(tree), st.sampled_from(found), value)]
        if len(found) > 1:
            options.append(st.builds(without, st.just(tree), st.sampled_from(found[1:])))
            swap = st.tuples(st.sampled_from(found), st.sampled_from(found))
            options.append(swap.map(lambda pair: replaced(tree, pair[0], copy.deepcopy(_at(tree, pair[1])))))
        return st.one_of(options)

    return made if not count else _changed(made.flatmap(change), values, count - 1)


def _at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some of them changed, put in or cut out."""
    place, byte = st.integers(0, max(len(content) - 1, 0)), st.integers(0, 255)
    edit = st.one_of(
        st.tuples(st.just("flip"), place, st.integers(0, 7)),
        st.tuples(st.just("set"), place, byte),
        st.tuples(st.just("put"), place, st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("cut"), place, st.integers(1, 64)),
        st.tuples(st.just("end"), place, st.none()),
    )
    return st.lists(edit, min_size=1, max_size=4).map(lambda edits: _edited(content, edits))


def _edited(content: bytes, edits: list[tuple[str, int, Any]]) -> bytes:
    made = bytearray(content)
    for kind, place, value in edits:
        if kind == "flip" and place < len(made):
            made[place] ^= 1 << value
        elif kind == "set" and place < len(made):
            made[place] = value
        elif kind == "put":
            made[place:place] = value
        elif kind == "cut":
            del made[place : place + value]
        elif kind == "end":
            del made[place:]
    return bytes(made)


def as_json(tree: Any) -> bytes:
    """JSON as Python writes it: NaN, infinities and halves of surrogate pairs included."""
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def cells(content: bytes, separator: str) -> list[list[str]]:
    """A table as nested lists, to be broken as a tree."""
    return [line.split(separator) for line in content.decode().splitlines()]


def as_table(tree: Any, separator: str) -> bytes:
    """What is left of a broken table as text."""
    rows = tree if isinstance(tree, list) else [tree]
    lines = (separator.join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def elements(content: bytes) -> list:
    """XML as nested lists of tag, text and children, to be broken as a tree."""

    def nested(node: ElementTree.Element) -> list:
        return [node.tag, node.text or "", [nested(child) for child in node]]

    return nested(ElementTree.fromstring(content))


def as_xml(tree: Any) -> bytes:
    """What is left of a broken tree as XML or nearly so; nothing is quoted."""
    if isinstance(tree, list) and len(tree) == 3 and isinstance(tree[2], list):
        tag, text, children = tree
        return f"<{tag}>{text}".encode("utf-8", "surrogatepass") + b"".join(map(as_xml, children)) + f"</{tag}>".encode(
            "utf-8", "surrogatepass"
        )
    return str(tree).encode("utf-8", "surrogatepass")


def as_npz(arrays: Any) -> bytes:
    """Arrays by name as NumPy keeps them, where they are arrays."""
    file = io.BytesIO()
    known = arrays if isinstance(arrays, dict) else {"a": arrays}
    np.savez_compressed(file, **{str(name): _array(value) for name, value in known.items()})
    return file.getvalue()


def _array(value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return np.array(0)
    return array if array.dtype != object else np.array(str(value)[:50])


Render = Callable[[Any], bytes]
