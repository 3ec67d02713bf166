"""Annotations in VOC's XML, as VOC, labelImg, CVAT and Roboflow write them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from wsss_core.data.names import composed
from wsss_core.problems import DatasetError, Problem

_DECLARED = re.compile(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][\w.-]*)[\"']")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}
"""What tools that declare the former write as soon as a name needs it; the latter holds both."""


def read_objects(path: Path) -> tuple[str, ...]:
    """The names of an image's objects, each once, difficult ones included; those of their parts (head, hand) are none.

    Raises:
        DatasetError: the file cannot be read, is no XML of this kind, or an object has no name.
    """
    if path.exists() and not path.is_file():
        raise _error(path, "is no file, and a pipe would hang; replace it")
    try:
        root = ElementTree.fromstring(_text(path.read_bytes()))
    except OSError as error:
        raise _error(path, f"cannot be read ({error.strerror}); make it readable or replace it") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # an encoding's errors are ValueErrors
        raise _error(path, f"is no valid XML ({error}); replace the file") from None
    if root.tag != "annotation":
        raise _error(path, f"is no annotation of VOC's kind (its root is <{root.tag}>); replace the file or remove it")
    names = [composed((item.findtext("name") or "").strip()) for item in root.findall("object")]
    if not all(names):
        raise _error(path, f"has no name for its object {names.index('') + 1}; add <name> or remove the object")
    return tuple(dict.fromkeys(names))


def _text(content: bytes) -> str:
    """The file as text: the parser itself knows no encoding of several bytes a letter but Unicode's."""
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    declared = _DECLARED.match(content)
    if encoding is None and declared:
        encoding = declared[1].decode().lower()
    return content.decode(_WIDER.get(encoding or "", encoding or "utf-8"))


def _error(path: Path, fault: str) -> DatasetError:
    return DatasetError([Problem("unreadable annotation", str(path), f"{path} {fault}")], path)
