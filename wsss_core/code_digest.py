"""Which code a module runs, and what identifies it: read from the sources, without running them.

A file's digest is that of its syntax tree without docstrings: what cannot change a result (comments, layout, texts
that describe) changes no digest. It does not depend on the machine, nor on the folder in which the sources lie.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("wsss_core", "stages")

VALUES_ARE_PARAMS = {Path(f"wsss_core/{name}.py") for name in ("params", "sections", "joint_sections")}
"""They declare and check values, which are tracked as params: a new section must not change what a stage depends on."""

_COMPUTES_NOTHING = {"click", "filelock", "jinja2", "pydantic", "ruamel", "tqdm"}
"""Foreign packages on which no result depends; every other one that a module imports counts."""


def path_of(module: str) -> Path | None:
    """The file of a project module, relative to the repository; None for anything else."""
    base = Path(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.split(".")[0] in PACKAGES and (ROOT / path).is_file():
            return path
    return None


def direct(path: Path) -> frozenset[Path]:
    """The project files that a file imports itself, the packages that lie on the way included."""
    names = _imports(path)
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


def closure(*modules: str) -> list[Path]:
    """The project files on whose code these modules' results depend, ascending.

    Raises:
        ValueError: one is no module of this project.
    """
    found: set[Path] = set()
    for module in modules:
        path = path_of(module)
        if path is None:
            raise ValueError(f"{module} is no module of this project")
        found |= reachable(path)
    return sorted(found - VALUES_ARE_PARAMS)


def digests(*modules: str) -> dict[str, str]:
    """File -> digest of its code, for all that these modules import, directly or not, themselves included."""
    return {path.as_posix(): _digest(path) for path in closure(*modules)}


def packages(*modules: str) -> dict[str, str]:
    """Foreign packages with which these modules compute -> version; `absent` for an optional one that is not there."""
    names = {name.split(".")[0] for path in closure(*modules) for name in _imports(path)}
    foreign = names - {*PACKAGES, *_COMPUTES_NOTHING, *sys.stdlib_module_names, "__future__", ""}
    distributions = metadata.packages_distributions()
    found = {distribution for name in foreign for distribution in distributions.get(name, [name])}
    return {name: _version(name) for name in sorted(found)}


def module_of(file: str) -> str:
    """The module of a source file of this project, also of the one that runs as `__main__`: module_of(__file__)."""
    return ".".join(Path(file).resolve().relative_to(ROOT.resolve()).with_suffix("").parts)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@cache
def _imports(path: Path) -> frozenset[str]:
    """Names of what a file imports anywhere: modules, and what may be modules in packages."""
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path} imports relatively; write the full name")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256("".join(_written(_tree(path))).encode()).hexdigest()[:16]


def _written(value: object) -> Iterator[str]:
    """A syntax tree as text; fields that are empty are left out, for newer Pythons have more of them."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, field in ast.iter_fields(value):
            if field not in (None, []):
                yield f" {name}="
                yield from _written(field)
        yield ")"
    elif isinstance(value, list):
        for item in value:
            if not _describes(item):
                yield from _written(item)
    else:
        yield repr(value)


def _describes(node: object) -> bool:
    """Whether a statement is a text alone: a docstring, of a module, a function, a class or what stands above it."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
