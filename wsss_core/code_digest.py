"""Which code a stage runs, and what identifies it: read from the sources, without running them.

A file's digest is that of its syntax tree without docstrings: what cannot change a result (comments, layout, texts
that describe) changes no digest. It does not depend on the machine, nor on the folder in which the sources lie.

The same digest is in DVC's dependencies (`stages.code` writes it), in the key of unfinished work and in the record of
what made an artifact. Nobody lists modules: imports are followed wherever they stand, and so are the lookups of
`registry`, by the method or the detector that the stage's command names.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from wsss_core import registry

ROOT = Path(__file__).parents[1]
PACKAGES = ("wsss_core", "stages")

_CHANGES_NO_RESULT = {path.relative_to(ROOT) for path in (ROOT / "wsss_core/sections").glob("*.py")} | {
    Path("wsss_core/params.py")
}
"""Files that no digest holds, with what they import for themselves. They declare and check values, which are tracked as
params: a new section must not change what a stage depends on."""

_COMPUTES_NOTHING = {"click", "filelock", "jinja2", "pydantic", "ruamel", "tqdm"}
"""Foreign packages on which no result depends; every other one that a module imports counts."""


@dataclass(frozen=True)
class Code:
    """What a stage runs.

    Attributes:
        module: of the stage.
        method: whose parts it asks the registry for; None where it asks for none.
        detector: of saliency, likewise.
    """

    module: str
    method: str | None = None
    detector: str | None = None

    def closure(self) -> list[Path]:
        """The project files on whose code the stage's results depend, ascending.

        Raises:
            ValueError: the module is none of this project, or asks the registry for what it is not told.
        """
        path = path_of(self.module)
        if path is None:
            raise ValueError(f"{self.module} is no module of this project")
        seen, waiting = {path}, [path]
        while waiting:
            file = waiting.pop()
            if file not in _CHANGES_NO_RESULT:
                new = (direct(file) | self._looked_up(file)) - seen
                seen |= new
                waiting += new
        return sorted(seen - _CHANGES_NO_RESULT)

    def digests(self) -> dict[str, str]:
        """File -> digest of its code, for the whole closure."""
        return {path.as_posix(): _digest(path) for path in self.closure()}

    def packages(self) -> dict[str, str]:
        """Foreign packages with which the stage computes -> version; `absent` for an optional one that is not there."""
        names = {name.split(".")[0] for path in self.closure() for name in _imports(path)}
        foreign = names - {*PACKAGES, *_COMPUTES_NOTHING, *sys.stdlib_module_names, "__future__", ""}
        distributions = metadata.packages_distributions()
        found = {distribution for name in foreign for distribution in distributions.get(name, [name])}
        return {name: _version(name) for name in sorted(found)}

    def _looked_up(self, path: Path) -> set[Path]:
        """What a file asks the registry for."""
        modules = {self._module(path, lookup, part) for lookup, part in _lookups(path)}
        return {file for module in modules if module and (file := path_of(module))}

    def _module(self, path: Path, lookup: str, part: str) -> str | None:
        """The module that a lookup finds; None where it finds nothing that is this stage's."""
        if lookup == "titles":
            return registry.module_of(self.method, part) if self.method in registry.names(part) else None
        chosen = self.method if lookup == "part" else self.detector
        if chosen is None:
            raise ValueError(f"{self.module} needs a method or a detector, for {path} looks one up by its name")
        if lookup == "part":
            return registry.module_of(registry.owner(chosen, part), part)
        return registry.module_of_detector(chosen) if chosen in registry.detectors() else None


def of_stage(file: str, *, method: str | None = None, detector: str | None = None) -> Code:
    """The code of a stage, from its own file, also where that runs as `__main__`: of_stage(__file__)."""
    module = ".".join(Path(file).resolve().relative_to(ROOT.resolve()).with_suffix("").parts)
    return Code(module, method, detector)


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
def _lookups(path: Path) -> tuple[tuple[str, str], ...]:
    """Calls of `registry.part(..., NAME)`, `registry.titles()` and `registry.detector(...)`: function, part's name."""
    return tuple(found for node in ast.walk(_tree(path)) if (found := _lookup(node, path)))


def _lookup(node: ast.AST, path: Path) -> tuple[str, str] | None:
    function = node.func if isinstance(node, ast.Call) else None
    if not (isinstance(node, ast.Call) and isinstance(function, ast.Attribute)):
        return None
    if not (isinstance(function.value, ast.Name) and function.value.id == "registry"):
        return None
    if function.attr != "part":
        return (function.attr, function.attr) if function.attr in ("titles", "detector") else None
    name = node.args[1] if len(node.args) == 2 else None
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        raise ValueError(f"{path}:{node.lineno} asks for a part that is not written out; write its name there")
    return ("part", name.value)


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
