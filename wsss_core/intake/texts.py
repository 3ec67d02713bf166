"""Texts in the encodings that spreadsheets and annotation tools save."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from wsss_core.problems import layout_error

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""What a file begins with -> its encoding; that of UTF-32 begins as one of UTF-16 does, and stands before it."""
_WESTERN = "cp1252"
"""What Windows saves without asking, where a byte alone stands for a letter."""
_HEAD = 4096
_FEWEST_ZEROS = 1 / 8
"""Of the bytes of UTF-16 without a mark, where every other byte of a Latin letter is zero; one zero alone is a slip."""


def read_text(path: Path) -> tuple[str, str]:
    """The text of a file and the encoding in which it was found: Unicode's, else Windows' western one.

    Raises:
        DatasetError: it is no file, cannot be read, or is no text.
    """
    if path.exists() and not path.is_file():
        raise layout_error(path, "it is no file but a folder or a pipe; replace it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise layout_error(path, f"it cannot be read ({error.strerror}); make it readable") from None
    for encoding in _encodings(content):
        try:
            return content.decode(encoding).replace("\0", ""), encoding
        except UnicodeDecodeError:
            continue
    raise layout_error(path, "it is no text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8")


def first_words(path: Path) -> list[str]:
    """The first word of each line, where lists name photographs; blank lines are passed over. Errors as `read_text`."""
    return [line.split()[0] for line in read_text(path)[0].splitlines() if line.strip()]


def _encodings(content: bytes) -> list[str]:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return [encoding]
    head = content[:_HEAD]
    if head.count(0) > _FEWEST_ZEROS * len(head):
        return ["utf-16-le" if head[1:2] == b"\0" else "utf-16-be"]
    return ["utf-8", _WESTERN]


def note_on(path: Path, encoding: str) -> list[str]:
    """A sentence where the text was read in another encoding than UTF-8."""
    if encoding in ("utf-8", "utf-8-sig"):
        return []
    shown = "Windows-1252" if encoding == _WESTERN else encoding.upper()
    return [f"{path.name} is no UTF-8 and was read as {shown}: look whether letters with accents are right."]


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises DatasetError where it is none."""
    text, _ = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise layout_error(path, f"it is no valid JSON ({error}); replace the file") from None
