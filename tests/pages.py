"""The commands of README and docs/: their fenced blocks without a language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: "" for commands, else as the page says: `python`, `yaml`, `text`, ...
        text: its lines.
        reason: whether a comment before it says why no test runs it.
    """

    language: str
    text: str
    reason: bool


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in its order."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [Block(language, text, bool(reason)) for reason, language, text in found]


def commands_of(page: Path) -> list[Block]:
    """The blocks that a reader types and that are to be run."""
    return [block for block in blocks_of(page) if block.language == "" and not block.reason]


def script_of(page: Path) -> str:
    """A page's commands as one shell script that ends at the first that fails."""
    return "\n".join(["set -e", *(block.text for block in commands_of(page))])
