"""Which code each stage of the graphs depends on; `python tests/stage_deps.py` writes it into every dvc.yaml."""

from __future__ import annotations

import io
import re
from pathlib import Path

from ruamel.yaml import YAML

from wsss_core import code_digest
from wsss_core.code_digest import ROOT

GRAPHS = [ROOT / "dvc.yaml", *sorted((ROOT / "pipelines").glob("*/dvc.yaml"))]

NETWORK_OF = {
    "models/cam": "wsss_core.models.cam_network",
    "models/affinity": "wsss_core.models.affinitynet",
    "models/deeplab": "wsss_core.models.deeplab",
    "models/full_supervision": "wsss_core.models.deeplab",
    "models/rrm": "wsss_core.models.two_branch",
    "models/rrm_two_step": "wsss_core.models.deeplab",
    "models/aalr": "wsss_core.models.two_branch",
    "models/ssnet": "wsss_core.models.ssnet",
    "models/auxsegnet": "wsss_core.models.auxsegnet",
}
"""The code of the network in each folder, which `models/build.py` imports by name; a round's lies below it."""


def stages_of(content: dict) -> dict[str, dict]:
    """The stages of a graph by name; one for each item of a list, as it is written once."""
    return {name: stage.get("do", stage) for name, stage in content["stages"].items()}


def code_of(stage: dict) -> set[str]:
    """Every project file that a stage's command imports, by statement or by name, but for those that hold params."""
    artifacts = "\n".join([*stage["deps"], *stage.get("outs", ())])
    networks = [module for folder, module in NETWORK_OF.items() if re.search(rf"^{folder}(/|$)", artifacts, re.M)]
    return {path.as_posix() for path in code_digest.closure(*named_modules(stage), *networks)}


def named_modules(stage: dict) -> list[str]:
    """The modules that a stage's command names: the stage's own and, of a joint training, the method's."""
    module = re.search(r"-m (stages\.\w+)", stage["cmd"])[1]
    method = re.search(r"--method (\w+)", stage["cmd"])
    return [module, f"wsss_core.methods.{method[1]}"] if module == "stages.train_joint" else [module]


def listed(stage: dict) -> set[str]:
    """The code among a stage's deps; the others are artifacts and data."""
    return {dep for dep in stage["deps"] if dep.endswith(".py")}


def write(graph: Path) -> None:
    """Replace the code among each stage's deps by what it imports; all else stays as it is."""
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(graph.read_text(encoding="utf-8"))
    for stage in stages_of(content).values():
        known = listed(stage)
        stage["deps"][:] = [dep for dep in stage["deps"] if dep not in known] + sorted(code_of(stage))
    text = io.StringIO()
    yaml.dump(content, text)
    graph.write_text(text.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    for path in GRAPHS:
        write(path)
