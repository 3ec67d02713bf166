"""Which project modules a module imports, directly or not, read from the sources without running them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("wsss_core", "stages")


def path_of(module: str) -> Path | None:
    """The file of a project module, relative to the repository; None for anything else."""
    base = Path(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.split(".")[0] in PACKAGES and (ROOT / path).is_file():
            return path
    return None


@cache
def direct(path: Path) -> frozenset[Path]:
    """The project files that a file imports itself, the packages that lie on the way included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{path} imports relatively; write the full name")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    parents = {name.rsplit(".", n)[0] for name in names for n in range(name.count(".") + 1)}
    found = {path_of(name) for name in parents}
    return frozenset(file for file in found if file is not None and (ROOT / file).stat().st_size > 0)


def reachable(path: Path) -> set[Path]:
    """All project files that a file imports, directly or not, itself included. Empty files are left out."""
    seen, waiting = {path}, [path]
    while waiting:
        for file in direct(waiting.pop()) - seen:
            seen.add(file)
            waiting.append(file)
    return seen
