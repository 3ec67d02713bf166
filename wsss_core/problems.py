"""What can be wrong with a data set or a file of others, and the error that says so."""

from __future__ import annotations

import difflib
import logging
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

_log = logging.getLogger(__name__)

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_NAMED = 10
_LISTED = 20  # problems that an error message spells out

FOREIGN = (
    UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError,
    ArithmeticError, struct.error,
)  # fmt: skip
"""What reading a file with `torch.load` was seen to raise where others wrote it, or where it is not whole."""


def printable(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or turns the direction of writing.

    Line feeds and other control characters, which names of files may hold, are written as Python writes them.
    """
    if text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) in _UNSEEN else sign for sign in text
    )


def excerpt(text: str, length: int = 300) -> str:
    """The text as `printable` gives it, cut where what others wrote would fill the screen."""
    shown = printable(text[: length + 1])
    return shown if len(shown) <= length else f"{shown[: length - 4]} ..."


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data set.

    Attributes:
        kind: what it is in a few words, the same for all of its kind ("unreadable image").
        file: the file or image id it concerns.
        message: a sentence that names the file and the remedy; what is not seen in names is escaped.
        severity: "error" stops `prepare`, or the stage that would read the file; "warning" is logged.
    """

    kind: str
    file: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message))


class DatasetError(ValueError):
    """A data set cannot be used; `problems` holds the reasons, the text the first of them."""

    def __init__(self, problems: Iterable[Problem], root: Path | str) -> None:
        self.problems = tuple(problems)
        self.root = root
        lines = [problem.message for problem in self.problems[:_LISTED]]
        if len(self.problems) == 1:
            super().__init__(lines[0])
            return
        if len(self.problems) > _LISTED:
            lines.append(f"... and {len(self.problems) - _LISTED} more")
        heading = f"{len(self.problems)} problems in data set {printable(str(root))} (`wsss check` lists all):"
        super().__init__("\n  ".join([heading, *lines]))

    def __reduce__(self) -> tuple:
        return type(self), (self.problems, self.root)  # so that it crosses from a worker process


def require_usable(problems: Sequence[Problem], root: Path | str) -> None:
    """Log the warnings among the problems of a data set.

    Raises:
        DatasetError: some are errors; nothing is logged then.
    """
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise DatasetError(errors, root)
    for problem in problems:
        _log.warning("%s", problem.message)


def layout_error(path: Path, reason: str) -> DatasetError:
    """The error for a file or folder without which nothing can be read."""
    return DatasetError([Problem("layout", str(path), f"{path}: {reason}")], path)


def named(ids: Sequence[str]) -> str:
    """The first ids of a list, for a message that gives their number too."""
    return ", ".join(map(printable, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")


def suggestion(name: str, among: Iterable[str]) -> str:
    """`; did you mean 'dog'?`, or nothing where no name is near."""
    by_lower = {known.lower(): known for known in among}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
