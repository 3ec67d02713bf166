"""A clone of the repository in which a test runs its commands as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML
from workspace import ROOT

STAGE_LINE = re.compile(r"^Running stage '([^']+)'", re.MULTILINE)
ALWAYS = {"digests"}
"""What runs each time, since it looks whether files outside the graph are still the same."""
LABELS = "data/pseudo_labels/affinitynet"


class Clone:
    """A clone of the repository as a user has it, with this environment's commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_folder = str(Path(sys.executable).parent)
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONDONTWRITE")}
        self.environment = {
            **variables,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),  # the clone's code, not the installed package's
            "OMP_NUM_THREADS": "1",
            "WSSS_WORKERS": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{name}": "test@example.org" for name in
               ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")},
        }

    def run(self, *command: str, **environment: str) -> str:
        """The output of a command that must succeed."""
        result = self._ended(*command, **environment)
        assert result.returncode == 0, f"{' '.join(command)}:\n{result.stdout[-4000:]}"
        return result.stdout

    def fail(self, *command: str, **environment: str) -> str:
        """The output of a command that must end in an error."""
        result = self._ended(*command, **environment)
        assert result.returncode != 0, f"{' '.join(command)} succeeded:\n{result.stdout[-4000:]}"
        return result.stdout

    def _ended(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env={**self.environment, **environment}, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def stages_run_by(self, *command: str, **environment: str) -> set[str]:
        """The stages that a dvc command ran anew but ALWAYS; those taken from its cache do not count."""
        return set(STAGE_LINE.findall(self.run(*command, **environment))) - ALWAYS

    def labels(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / LABELS).iterdir()}


def sources() -> list[str]:
    """Every file of the repository that Git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_sources(folder: Path) -> None:
    for name in sources():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def keep_stages(folder: Path, names: Iterable[str]) -> None:
    """Leave these stages of a clone's default graph, and no other graph: what DVC does shows with few as well."""
    for graph in (folder / "pipelines").glob("*/dvc.yaml"):
        graph.unlink()
    graph = folder / "dvc.yaml"
    stages = YAML(typ="safe").load(graph.read_text(encoding="utf-8"))["stages"]
    with graph.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"stages": {name: stages[name] for name in names}}, file)
