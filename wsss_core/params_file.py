"""params.yaml as text, written from the classes of its sections: every key with its value and its comment.

A comment stands where its key is written first. A mapping without comments stays on one line where it fits.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from wsss_core.params import Params
from wsss_core.sections.section import Section, Shared
from wsss_core.yaml_text import NoYAMLError, parsed

HEADER = """\
# Every parameter of every stage. A stage reads its own section and the shared ones (seed, dataset, backbone,
# optimizer; a training's own list but what it sets differently). What decides where a run happens - devices, precision,
# workers - is environment: WSSS_DEVICES, WSSS_PRECISION, WSSS_WORKERS, WSSS_RESUME_DIR. Other settings, and this file
# anew: `wsss preset`.
"""
COLUMN = 29
"""Where the comments beside keys begin, from 0, unless a longer value pushes them."""
WIDTH = 120
"""Most columns of a mapping on one line."""

_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""Words that are no text without quotes, to one reader of YAML or another."""

Place = tuple[str, ...]
"""A key and those above it."""


@dataclass
class Comments:
    """Comments of a file, without their #, by the place of the key that they belong to.

    Attributes:
        above: lines of their own above it; those below the last key have the place ().
        beside: what stands behind it, or behind its value.
    """

    above: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    beside: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))

    def without(self, known: set[str]) -> Comments:
        """Those that are not among the known texts."""
        left = Comments()
        for part, kept in ((self.above, left.above), (self.beside, left.beside)):
            own = {place: [text for text in texts if text not in known] for place, texts in part.items()}
            kept.update({place: texts for place, texts in own.items() if texts})
        return left


def written(params: Params, old: str = "") -> str:
    """The text of params.yaml with these values; comments of the `old` text that the classes do not bring stay.

    Those of keys that are no more go to the end.

    Raises:
        YAMLError: the old text is none.
    """
    fresh = _Writer(Comments())
    text = fresh.text(params)
    if old in ("", text):
        return text
    return _Writer(comments_of(old).without(fresh.texts())).text(params)


def content_of(section: Section, above: Place = ()) -> dict:
    """What the text of params.yaml holds, or of a section that stands below the keys `above`."""
    return {key: _plain(getattr(section, key), (*above, key)) for key in _keys(section, above)}


def _plain(value: Any, place: Place) -> Any:
    if isinstance(value, Section):
        return content_of(value, place)
    if isinstance(value, dict):
        return {str(key): _plain(item, (*place, str(key))) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


class _Writer:
    """Writes one file; knows which comments stand already."""

    def __init__(self, own: Comments) -> None:
        self.own = own
        self.comments: set[tuple[str, str]] = set()
        self.places: set[Place] = {()}

    def texts(self) -> set[str]:
        """The comments of the classes that it has written."""
        return {text for _, text in self.comments} | {line.removeprefix("#").strip() for line in HEADER.splitlines()}

    def text(self, params: Params) -> str:
        """The whole file; what the user wrote beside keys that are no more stands at its end."""
        lines: list[str] = []
        for name in type(params).model_fields:
            section = isinstance(getattr(params, name), Section)
            lines += ["", *self._entry(params, name, ())] if section or not lines else self._entry(params, name, ())
        homeless = [text for part in (self.own.above, self.own.beside) for place, texts in part.items()
                    if place not in self.places for text in texts]  # fmt: skip
        end = [f"# {text}".rstrip() for text in [*self.own.above.get((), []), *homeless]]
        return "\n".join([HEADER.rstrip("\n"), *lines, *([""] if end else []), *end, ""])

    def _entry(self, section: Section, name: str, above: Place) -> Iterator[str]:
        """The lines of a key of a section, and of what it holds."""
        place, indent, value = (*above, name), "  " * len(above), getattr(section, name)
        self.places.add(place)
        comment = self._comment(section, name, place)
        yield from (f"{indent}# {text}".rstrip() for text in self.own.above.get(place, ()))
        flow = f"{indent}{name}: {_flow(value)}"
        fits = len(flow) <= WIDTH and (above or not isinstance(value, Section))
        if isinstance(value, Section) and not (fits and self._is_plain(value, place)):
            yield _beside(f"{indent}{name}:", comment)
            for key in _keys(value, place):
                yield from self._entry(value, key, place)
        elif isinstance(value, dict):  # sections by name
            yield _beside(f"{indent}{name}:", comment)
            for key, item in value.items():
                yield from (f"{indent}  # {text}" for text in self.own.above.get((*place, str(key)), ()))
                yield _beside(f"{indent}  {_scalar(str(key))}: {_flow(item)}", self._own_beside((*place, str(key))))
        else:
            yield _beside(flow, comment)

    def _comment(self, section: Section, name: str, place: Place) -> str:
        """What stands beside a key: the user's, else that of its class where it did not stand before."""
        comment = _shipped_comment(section, name)
        new = comment and (name, comment) not in self.comments
        self.comments.add((name, comment))
        return self._own_beside(place) or (comment if new else "")

    def _own_beside(self, place: Place) -> str:
        self.places.add(place)
        return "; ".join(self.own.beside.get(place, ()))

    def _is_plain(self, section: Section, place: Place) -> bool:
        """Whether nothing inside has a comment that is still to be written."""
        for key in _keys(section, place):
            inner, value, comment = (*place, key), getattr(section, key), _shipped_comment(section, key)
            if (comment and (key, comment) not in self.comments) or inner in self.own.above or inner in self.own.beside:
                return False
            if isinstance(value, Section) and not self._is_plain(value, inner):
                return False
        return True


def _keys(section: Section, place: Place) -> list[str]:
    """The keys that are written: of a shared section inside another those that it sets differently."""
    partial = isinstance(section, Shared) and len(place) > 1
    return [key for key in type(section).model_fields if not partial or key in section.model_fields_set]


def _shipped_comment(section: Section, name: str) -> str:
    """The comment of a field, or else the first line of its section's docstring."""
    described, value = type(section).model_fields[name].description, getattr(section, name)
    if described is None and isinstance(value, Section):
        described = (type(value).__doc__ or "").partition("\n")[0].removesuffix(".")
    return described or ""


def _beside(line: str, comment: str) -> str:
    return f"{line:<{COLUMN - 1}} # {comment}" if comment else line


def _flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Section):
        keys = _keys(value, ("", ""))
        return "{" + ", ".join(f"{key}: {_flow(getattr(value, key))}" for key in keys) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))  # 1e-07 is text to older readers of YAML
    if not isinstance(value, str):
        return str(value)
    return value if _reads_as_itself(value) else json.dumps(value, ensure_ascii=False)


def _reads_as_itself(text: str) -> bool:
    """Whether YAML reads a text without quotes as it stands, beside others in lists and mappings."""
    if re.fullmatch(r"[A-Za-z_][\w./-]*", text, flags=re.ASCII) and text.lower() not in _WORDS:
        return True
    try:
        return parsed(f"k: {text} # c\nl: [{text}, {{{text}: {text}}}]") == {"k": text, "l": [text, {text: text}]}
    except NoYAMLError:
        return False


def comments_of(text: str) -> Comments:
    """The comments of a YAML mapping; what stands inside a value belongs to its key."""
    yaml = YAML(typ="safe", pure=True)
    ends: dict[int, int] = {}  # line -> column behind its last token
    for token in yaml.scan(text):
        if token.end_mark.index > token.start_mark.index:
            ends[token.end_mark.line] = token.end_mark.column
    root = yaml.compose(text)
    starts = sorted((line, place) for place, line in _lines(root, ()))
    found, first = Comments(), [line for line, _ in starts]
    for number, line in enumerate(text.splitlines()):
        rest = line[ends.get(number, 0):].strip()
        if not rest.startswith("#"):
            continue
        next_key = bisect_right(first, number)
        comment = rest.removeprefix("#").strip()
        if number in ends:
            found.beside[starts[max(next_key - 1, 0)][1]].append(comment)
        else:
            found.above[starts[next_key][1] if next_key < len(starts) else ()].append(comment)
    return found


def _lines(node: Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    """Each key of a mapping and the line on which it stands; of a line with several the first."""
    if isinstance(node, MappingNode):
        seen: set[int] = set()
        for key, value in node.value:
            line = key.start_mark.line
            if line not in seen and not (node.flow_style and line == node.start_mark.line):
                yield (*place, str(key.value)), line
            seen.add(line)
            yield from _lines(value, (*place, str(key.value)))
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _lines(item, place)
