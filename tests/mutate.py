"""Mutation testing: does a test fail when an operator, a constant or a bound of the code is changed?

`python tests/mutate.py --count 400 > mutants.log` takes hours: run it by hand. Each mutation of a seeded sample is made
in a copy of the tree and shown to the tests that import its module, nearest first, until one fails. What survives is
either a property without a test or a change without a consequence. Texts, annotations and raised errors stay.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from wsss_core import code_digest
from wsss_core.code_digest import ROOT

SEARCHED = ("wsss_core/ops", "wsss_core/losses", "wsss_core/training", "wsss_core/data")
FAR = ("tests/stages", "tests/cli", "tests/test_end_to_end.py")  # minutes a mutation
BROKEN, TEST_SECONDS, WALL_SECONDS, MEMORY = 99, 90, 7200, 8 << 30
PYTEST = (
    "-x", "-p", "no:cacheprovider", "-m", "not graphs and not faults and not fuzz and not huge and not gpu",
    "-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
)  # fmt: skip
UNTOUCHED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
TEXT_CALLS = ("logger.", "logging.", "tqdm(", "bar.", "TypeVar(")
OPERATORS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PAIRS = ("min max", "amin amax", "argmin argmax", "minimum maximum", "any all", "floor ceil", "zeros ones", "sum mean")
MODULES = {
    "np", "torch", "F", "nn", "v2", "os", "math", "random", "shutil", "json", "artifacts", "layout", "cam", "grids",
    "lattice", "pairs", "fusion", "voc",
}  # fmt: skip
imports = cache(code_digest.direct)
NAMES = {a: b for pair in PAIRS for a, b in (pair.split(), pair.split()[::-1])}


def slots(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int, ast.AST]]:
    """(parent, field, place, node) of every node that may be replaced, in the order of the source."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for place, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or isinstance(node, UNTOUCHED):
                continue
            text = ast.unparse(node) if isinstance(node, (ast.Call, ast.keyword, ast.If)) else ""
            if not text.startswith((*TEXT_CALLS, "strict=", "if TYPE_CHECKING")):
                yield tree, field, place, node
                yield from slots(node)


def replacements(node: ast.AST) -> list[ast.AST]:
    """What may stand in a node's place."""
    match node:
        case ast.operator() | ast.cmpop() | ast.boolop():
            return [OPERATORS[type(node)]()] if type(node) in OPERATORS else []
        case ast.Constant(value=bool(value)):
            return [ast.Constant(not value)]
        case ast.Constant(value=int(value) | float(value)):
            return [ast.Constant(new) for new in {value + 1, value - 1, 0} - {value}]
        case ast.UnaryOp(operand=part):
            return [part]
        case ast.BoolOp(values=parts):
            return list(parts)
        case ast.IfExp(body=first, orelse=second):
            return [first, second]
        case ast.If(test=test):
            return [ast.If(ast.UnaryOp(ast.Not(), test), node.body, node.orelse)]
        case ast.Slice(lower=lower, upper=upper) if lower or upper:
            return [ast.Slice(*ends) for ends in ((None, upper), (lower, None)) if ends != (lower, upper)]
        case ast.Expr(value=ast.Call()):
            return [ast.Pass()]
        case ast.Call(func=func, args=args):
            name = getattr(func, "attr", getattr(func, "id", ""))
            if len(args) > 1:
                return [] if name in NAMES else [ast.Call(func, [args[1], args[0], *args[2:]], node.keywords)]
            of_module = not isinstance(func, ast.Attribute) or getattr(func.value, "id", "") in MODULES
            return args if of_module else [func.value]
        case ast.Attribute(attr=name) if name in NAMES:
            return [ast.Attribute(node.value, NAMES[name])]
        case ast.Name(id=name) if name in NAMES:
            return [ast.Name(NAMES[name])]
    return []


def mutated(path: Path, number: int, draw: random.Random) -> tuple[str, str]:
    """What one mutation changes, and the file's source with it."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    parent, field, place, node = list(slots(tree))[number]
    shown = parent if isinstance(parent, (ast.expr, ast.AugAssign, ast.keyword, ast.Slice)) else node
    before, line = ast.unparse(shown), getattr(node, "lineno", getattr(parent, "lineno", 0))
    new = draw.choice(replacements(node))
    if isinstance(getattr(parent, field), list):
        getattr(parent, field)[place] = new
    else:
        setattr(parent, field, new)
    after = ast.unparse(parent if shown is parent else new)
    before, after = (text.splitlines()[0] for text in (before, after))
    return f"{path}:{line}  {before}  ->  {after}", ast.unparse(ast.fix_missing_locations(tree))


def tests_of(path: Path, *, reach: int) -> list[str]:
    """The test files that import a module by the fewest steps, or by up to `reach` more; its namesakes first.

    Those that run whole stages only where no other does.
    """
    found: list[tuple] = []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        test, steps = test.relative_to(ROOT), 0
        seen = level = {test}
        while level and path not in level:
            level, steps = {file for one in level for file in imports(one)} - seen, steps + 1
            seen = seen | level
        far = test.as_posix().startswith(FAR)
        if level:
            found.append((far, steps, path.parts[1] != test.parts[1], path.stem not in test.stem, test.as_posix()))
    far, least, *_ = min(found, default=(False, 0))
    return [test for kind, steps, *_, test in sorted(found) if kind == far and steps <= least + reach]


def _run(tests: list[str], copy: Path) -> int:
    os.setsid()
    signal.alarm(WALL_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, TEST_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)  # of the processes that tests start
    sys.path[:0] = [str(copy)]
    for name in [name for name in sys.modules if name.startswith("wsss_core")]:
        del sys.modules[name]  # this process's own
    for stream in (1, 2):
        os.dup2(os.open(copy / f"output.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    return int(pytest.main([*PYTEST, *tests], plugins=[_Limit()]))


class _Limit:
    """Ends the process when a test has taken TEST_SECONDS of its time: a loop may have lost its end."""

    def pytest_runtest_logstart(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, TEST_SECONDS)


def outcome(tests: list[str], copy: Path) -> str:
    """`survived` or `killed`, perhaps by a signal: the end of a process that runs the tests until one fails."""
    if not tests:
        return "survived"
    child = os.fork()
    if not child:
        try:
            os._exit(_run(tests, copy))
        except BaseException:
            traceback.print_exc()
            os._exit(BROKEN)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it left behind
    code = os.waitstatus_to_exitcode(status)
    if code > 2:
        raise RuntimeError(f"pytest ended with {code}:\n{(copy / 'output.1').read_text()[-2000:]}")
    return "survived" if code == 0 else "killed" if code > 0 else f"killed by {signal.Signals(-code).name}"


def main() -> None:
    """Draw, run, print one line a mutation and the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="default: all of ops, losses, training and data")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reach", type=int, default=1, help="further steps of import that a test may be away")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    files = options.files or sorted(path.relative_to(ROOT) for part in SEARCHED for path in (ROOT / part).rglob("*.py"))
    sites = [(path, n) for path in files for n, slot in enumerate(slots(ast.parse((ROOT / path).read_text())))
             if replacements(slot[-1])]
    sample, survived = draw.sample(sites, min(options.count, len(sites))), 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                                   capture_output=True, text=True).stdout.splitlines():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        for path, number in sample:
            description, source = mutated(path, number, draw)
            (copy / path).write_text(source)
            end = outcome(tests_of(path, reach=options.reach), copy)
            survived += end == "survived"
            print(f"{end:17} {description}", flush=True)
            shutil.copy(ROOT / path, copy / path)
    print(f"{len(sample) - survived} of {len(sample)} killed, of {len(sites)} places")


if __name__ == "__main__":
    for heavy in ("timm", "torchvision", "skimage.segmentation", "lightning_fabric", "scipy.stats", "pydantic"):
        importlib.import_module(heavy)  # once for all mutations: each runs in a fork of this process
    main()
