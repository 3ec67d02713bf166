"""The project's files and what they import, as the tests of the structure see them."""

from pathlib import Path

from wsss_core.code_digest import PACKAGES, ROOT, direct, path_of

__all__ = ["PACKAGES", "ROOT", "direct", "path_of", "reachable"]


def reachable(path: Path) -> set[Path]:
    """All project files that a file imports by statement, directly or not, itself included."""
    seen, waiting = {path}, [path]
    while waiting:
        for file in direct(waiting.pop()) - seen:
            seen.add(file)
            waiting.append(file)
    return seen
