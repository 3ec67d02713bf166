"""Which code each stage of the graphs depends on; `python tests/stage_deps.py` writes it into every dvc.yaml."""

from __future__ import annotations

import io
import re
from pathlib import Path

import import_graph
from import_graph import ROOT
from ruamel.yaml import YAML

GRAPHS = [ROOT / "dvc.yaml", *sorted((ROOT / "pipelines").glob("*/dvc.yaml"))]

VALUES_ARE_PARAMS = {Path("wsss_core/params.py"), Path("wsss_core/sections.py")}
"""They declare and check values that DVC tracks as params: a new section must not retrain everything."""


def code_of(stage: dict) -> set[str]:
    """Every project file that a stage's command imports, but for those that hold params."""
    module = re.search(r"-m (stages\.\w+)", stage["cmd"])[1]
    return {path.as_posix() for path in import_graph.reachable(import_graph.path_of(module)) - VALUES_ARE_PARAMS}


def listed(stage: dict) -> set[str]:
    """The code among a stage's deps; the others are artifacts and data."""
    return {dep for dep in stage["deps"] if dep.endswith(".py")}


def write(graph: Path) -> None:
    """Replace the code among each stage's deps by what it imports; all else stays as it is."""
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(graph.read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        known = listed(stage)
        stage["deps"][:] = [dep for dep in stage["deps"] if dep not in known] + sorted(code_of(stage))
    text = io.StringIO()
    yaml.dump(content, text)
    graph.write_text(text.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    for path in GRAPHS:
        write(path)
