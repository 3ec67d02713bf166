"""Which code a stage runs, and what identifies it: read from the sources, without running them.

A file's digest is that of its syntax tree without docstrings: what cannot change a result (comments, layout, texts
that describe) changes no digest. It does not depend on the machine, nor on the folder in which the sources lie.

The same digest is in DVC's dependencies (`stages.digests` writes it), in the key of unfinished work and in the record
of what made an artifact. Nobody lists modules: imports are followed wherever they stand, and so are the lookups of
`registry`, by the method or the detector that the stage's command names.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from wsss_core import registry

ROOT = Path(__file__).parents[1]
PACKAGES = ("wsss_core", "stages")

_SAYS = re.compile(
    r"wsss_core/(__init__|params|sections/\w+|methods/\w+/section|code_digest|graphs|problems|remedies|yaml_text"
    r"|runtime/(shard_record|sharing))\.py"
)
"""Files that declare and check parameters, whose values DVC tracks, and that say what the library offers, which code
counts, what went wrong and who shares work: neither they count nor what they import."""

_FRAMES = re.compile(
    r"wsss_core/(frame/(dvc_run|stage|truth)|runtime/(cluster|environment|interruption|locks|provenance|shortage"
    r"|supervisor|worker))\.py"
)
"""Files that start and end a command, and open its inputs: what they import counts, and they do not."""

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
            if not _SAYS.fullmatch(file.as_posix()):
                new = (direct(file) | self._looked_up(file)) - seen
                seen |= new
                waiting += new
        return sorted(file for file in seen if not any(kind.fullmatch(file.as_posix()) for kind in (_SAYS, _FRAMES)))

    def digests(self) -> dict[str, str]:
        """File -> digest of its code, for the whole closure."""
        return {path.as_posix(): _facts(path).digest for path in self.closure()}

    def packages(self) -> dict[str, str]:
        """Foreign packages with which the stage computes -> version; `absent` for an optional one that is not there."""
        names = {name.split(".")[0] for path in self.closure() for name in _facts(path).imports}
        foreign = names - {*PACKAGES, *_COMPUTES_NOTHING, *sys.stdlib_module_names, "__future__", ""}
        distributions = metadata.packages_distributions()
        found = {distribution for name in foreign for distribution in distributions.get(name, [name])}
        return {name: _version(name) for name in sorted(found)}

    def _looked_up(self, path: Path) -> set[Path]:
        """What a file asks the registry for."""
        modules = {self._module(path, lookup, part) for lookup, part in _facts(path).lookups}
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


@cache
def path_of(module: str) -> Path | None:
    """The file of a project module, relative to the repository; None for anything else."""
    base = Path(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module.split(".")[0] in PACKAGES and (ROOT / path).is_file():
            return path
    return None


@cache
def direct(path: Path) -> frozenset[Path]:
    """The project files with code that a file imports itself, the packages that lie on the way included."""
    names = _facts(path).imports
    parents = {name.rsplit(".", n)[0] for name in names for n in range(name.count(".") + 1)}
    found = {path_of(name) for name in parents}
    return frozenset(file for file in found if file is not None and _facts(file).has_code)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@dataclass(frozen=True)
class Facts:
    """What a file of sources says of itself.

    Attributes:
        digest: of its code.
        has_code: whether it has any: a package may hold its description alone.
        imports: names of what it imports anywhere: modules, and what may be modules in packages.
        lookups: its calls of the registry, each with the name of the part that it asks for.
    """

    digest: str
    has_code: bool
    imports: tuple[str, ...]
    lookups: tuple[tuple[str, str], ...]


def recall(kept: object) -> None:
    """Take over what `remembered` said in an earlier process; nothing of it where its version was another.

    Raises:
        ValueError, TypeError, KeyError: it never said that.
    """
    if kept["version"] == _version_of_facts():  # type: ignore[index]
        for name, (digest, has_code, imports, lookups) in kept["facts"].items():  # type: ignore[index]
            asked = tuple((lookup, part) for lookup, part in lookups)
            _recalled[name] = Facts(digest, has_code, tuple(imports), asked)


def remembered() -> dict:
    """JSON-like: what the sources that this process looked at say of themselves, known by their bytes.

    Parsing all of them takes a second or two. It tells nothing that the bytes, this module and Python do not.
    """
    facts = {name: [found.digest, found.has_code, found.imports, found.lookups] for name, found in _found.items()}
    return {"version": _version_of_facts(), "facts": facts}


def _version_of_facts() -> str:
    known = json.dumps([sys.version, Path(__file__).read_text(encoding="utf-8")])
    return hashlib.sha256(known.encode()).hexdigest()


_recalled: dict[str, Facts] = {}
_found: dict[str, Facts] = {}
"""The facts of an earlier process and of this one, by the digest of a source's path and bytes."""


@cache
def _facts(path: Path) -> Facts:
    source = (ROOT / path).read_bytes()
    key = hashlib.sha256(path.as_posix().encode() + b"\0" + source).hexdigest()
    _found[key] = _recalled.get(key) or _parsed(source, path)
    return _found[key]


def _parsed(source: bytes, path: Path) -> Facts:
    tree = ast.parse(source)
    nodes = list(_run(tree))
    lookups = tuple(found for node in nodes if (found := _lookup(node, path)))
    digest = hashlib.sha256("".join(_written(tree)).encode()).hexdigest()[:16]
    has_code = not all(map(_describes, tree.body))
    return Facts(digest, has_code, tuple(sorted(_imported(nodes, path))), lookups)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree that can run: not what is imported for types alone."""
    for child in ast.iter_child_nodes(tree):
        only_types = isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"
        if not only_types:
            yield child
            yield from _run(child)


def _imported(nodes: Sequence[ast.AST], path: Path) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path} imports relatively; write the full name")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _lookup(node: ast.AST, path: Path) -> tuple[str, str] | None:
    """The registry's function that a call asks, and the part's name; None for anything else."""
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
