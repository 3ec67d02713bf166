"""What the graphs say: which commands their dvc.yaml files run, and so which code."""

from __future__ import annotations

import graphlib
import re
from pathlib import Path

from wsss_core import layout
from wsss_core.code_digest import Code
from wsss_core.yaml_text import of_graph

DEFAULT = "affinitynet"
"""The method of the graph in the root's dvc.yaml."""


def files(root: Path = Path()) -> list[Path]:
    """The dvc.yaml of the default pipeline and of every graph in pipelines/, as far as they lie below `root`."""
    return [*root.glob(layout.GRAPH.name), *sorted((root / layout.GRAPHS).glob("*/dvc.yaml"))]


def by_method() -> dict[str, Path]:
    """Method -> its graph's file, of the working folder; that of the root is DEFAULT's."""
    return {file.parent.name or DEFAULT: file for file in files()}


def stages(file: Path) -> dict[str, dict]:
    """The stages of a graph by name; of those that are written once for many items, what is written."""
    content = of_graph(file.read_text(encoding="utf-8"))
    return {name: stage.get("do", stage) for name, stage in content["stages"].items()}


def in_order(file: Path) -> list[str]:
    """The names of a graph's stages, each after those of the graph whose outputs it reads.

    Raises:
        graphlib.CycleError: there is no such order.
    """
    return list(graphlib.TopologicalSorter(above(file)).static_order())


def above(file: Path) -> dict[str, set[str]]:
    """Each stage of a graph -> those of it whose outputs it reads."""
    found = stages(file)
    made = {f"{out}/": name for name, stage in found.items() for out in outputs(stage)}
    return {
        name: {made[out] for dep in stage.get("deps", ()) for out in made if _overlap(f"{dep}/", out)}
        for name, stage in found.items()
    }


def _overlap(one: str, other: str) -> bool:
    """Whether one of two paths with "/" at the end lies in the other, or is it."""
    return one.startswith(other) or other.startswith(one)


def outputs(stage: dict) -> list[str]:
    """The files and folders that a stage makes: outs, metrics and plots."""
    made = (out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ()))
    return [out if isinstance(out, str) else next(iter(out)) for out in made]


def commands(*, detector: str) -> list[Code]:
    """The code of every command of the graphs in the working folder, once each; see `code_of`."""
    found = (code_of(stage["cmd"], detector=detector) for file in files() for stage in stages(file).values())
    return list(dict.fromkeys(found))


def code_of(cmd: str, *, detector: str) -> Code:
    """What a command runs: its module, the method that it names, and the detector that `saliency.method` chooses."""
    module, method = re.search(r"-m (\S+)", cmd), re.search(r"--method (\S+)", cmd)
    if module is None:
        raise ValueError(f"{cmd!r} runs no module (`python -m stages.NAME`), so that its code is not known")
    return Code(module[1], method=method[1] if method else None, detector=detector)


def name_of(code: Code) -> str:
    """The name of the file that holds the digests of a command's code: STAGE, or STAGE-METHOD."""
    stage = code.module.removeprefix("stages.")
    return f"{stage}-{code.method}" if code.method else stage
