"""A folder in which a test runs stages as a user would: parameters, data, artifacts, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from wsss_core import artifacts, graphs, layout, presets
from wsss_core.data.index import Index
from wsss_core.params import load_params
from wsss_core.sections.section import Section

ROOT = Path(__file__).parents[1]

LABEL_STAGES = (
    "prepare", "train_cam", "infer_cam", "cam_crf", "affinity_labels", "train_affinity", "random_walk", "saliency",
    "fuse", "refine_crf",
)  # fmt: skip
"""What turns tags into pseudo-labels, in order."""
STAGES = tuple(stage for stage in graphs.in_order(ROOT / layout.GRAPH) if stage != "digests")
"""The default graph's."""

TWO_BRANCH = {
    "dropout": 0.5,
    "batch": 4,
    "epochs": 1,
    "augment": {"crop": 64},
    "class_maps": {"scales": [1.0, 0.5]},
    "labels": {"iterations": 2},
    "moments": {"at": [0.5, 1.0], "num_images": 2},
}
SMALLEST = {
    "dataset": {"scenes": {"num_train": 6, "num_val": 3, "num_saliency": 3, "height": 64, "width": 80}},
    "train_cam": {"batch": 4, "epochs": 1},
    "train_affinity": {"batch": 4, "epochs": 1},
    "train_deeplab": {"batch": 4, "epochs": 1},
    "rrm": TWO_BRANCH,
    "rrm_two_step": {"crf": {"iterations": 2}},
    "aalr": copy.deepcopy(TWO_BRANCH),
    "ssnet": {"first": {"batch": 2}, "second": {"batch": 2}},
    "ssnet_two_step": {"crf": {"iterations": 2}},
    "auxsegnet": {"batch": 2, "head_channels": 16},
}
"""Over the preset scenes_tiny: as few and as small as shows that every stage works."""
QUIET = {"WSSS_WORKERS": "0", "WSSS_DEVICES": "cpu", "WSSS_PRECISION": "32-true", "WSSS_RESUME_DIR": None}


@dataclass(frozen=True)
class Step:
    """One run of a stage of a graph.

    Attributes:
        command: the stage and its options.
        makes: the artifacts that it declares.
    """

    command: list[str]
    makes: list[str]


def steps_of(graph: Path, *, rounds: Iterable[str]) -> list[Step]:
    """What a graph runs, in its order; its rounds one after the other."""
    stages = YAML(typ="safe").load(graph.read_text(encoding="utf-8"))["stages"]
    steps = []
    for in_rounds, group in groupby(stages.values(), key=lambda stage: "foreach" in stage):
        each = [stage.get("do", stage) for stage in group]
        for number in rounds if in_rounds else [""]:
            for stage in each:
                command = stage["cmd"].replace("${key}", number).removeprefix("python -m stages.").split()
                steps.append(Step(command, [name.replace("${key}", number) for name in graphs.outputs(stage)]))
    return steps


def graph_of(method: str) -> Path:
    """The dvc.yaml of a method."""
    return ROOT / f"pipelines/{method}/dvc.yaml"


def merge(target: dict, source: dict) -> dict:
    """Write the nested values of `source` over those of `target`."""
    for key, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = value
    return target


def tiny_params() -> dict:
    """The shipped parameters under the preset scenes_tiny under SMALLEST."""
    return merge(preset_params("scenes_tiny"), copy.deepcopy(SMALLEST))


def preset_params(name: str) -> dict:
    """What `wsss preset use` makes of the shipped parameters."""
    with contextlib.chdir(ROOT):
        return presets.over(presets.shipped(), presets.read_preset(name))


@dataclass
class Workspace:
    """A working folder and its params.yaml.

    Attributes:
        folder: what the stages see as the repository's root.
        params: the content of its params.yaml; change it through `set`.
        environment: of its stages, over QUIET.
    """

    folder: Path
    params: dict = field(default_factory=tiny_params)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.set()

    def set(self, **sections) -> Workspace:
        """Merge nested values over the parameters."""
        merge(self.params, sections)
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(self.params, file)
        return self

    def train_ids(self) -> tuple[str, ...]:
        """The ids of the training split that `prepare` indexed."""
        return Index.open(self.folder / layout.INDEX).ids("train")

    def section(self, name: str) -> Section:
        """The values that a stage gets, with all that the file leaves to the shared sections."""
        return getattr(load_params(self.folder / "params.yaml"), name)

    def invoke(self, command, *arguments: object, **environment: str) -> Result:
        """Run a click command in the folder."""
        error_message = {**QUIET, **self.environment, **environment}
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(command, [str(a) for a in arguments], env=error_message)

    def try_stage(self, stage: str, *arguments: object, **environment: str) -> Result:
        """Run a stage, however it ends."""
        return self.invoke(importlib.import_module(f"stages.{stage}").main, *arguments, **environment)

    def run(self, *stages: str) -> Workspace:
        """Run stages that must succeed."""
        for stage in stages:
            self.run_with(stage)
        return self

    def run_with(self, stage: str, *arguments: object) -> Workspace:
        """Run one stage that must succeed, with options."""
        result = self.try_stage(stage, *arguments)
        if result.exit_code:
            raise AssertionError(f"{stage} failed: {result.output}") from result.exception
        return self

    def refusal(self, stage: str, *arguments: object, code: int = 1, **environment: str) -> str:
        """The message of a stage that must refuse its input in a sentence and leave every artifact as it was."""
        before = self.artifacts()
        result = self.try_stage(stage, *arguments, **environment)
        message = error_message(result, code=code)
        assert self.artifacts() == before, f"{stage} refused its input, but changed artifacts"
        return message

    def files(self, folder: str) -> dict[str, bytes]:
        """Name -> content of every file below a folder; empty where there is none."""
        base = self.folder / folder
        return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}

    def artifacts(self) -> dict[str, bytes]:
        """What all stages have written, but the data set itself, how long trainings took and the records."""
        made = {f"{top}/{name}": content for top in ("data", "models", "reports") for name, content in
                self.files(top).items()}  # fmt: skip
        apart = ("data/raw/", f"{layout.TIMES.as_posix()}/", f"{layout.PROVENANCE.as_posix()}/")
        return {name: content for name, content in made.items() if not name.startswith(apart)}

    def copied_to(self, folder: Path) -> Workspace:
        """The same in another folder; models are linked, since they are large and only ever replaced."""
        shutil.copytree(self.folder, folder, copy_function=_copy_or_link)
        return Workspace(folder, copy.deepcopy(self.params), self.environment)


def run_graph(workspace: Workspace, method: str, *, without: tuple[str, ...] = ()) -> None:
    """Run all stages of a method's graph, with its own commands, or all but some."""
    for step in steps_of(graph_of(method), rounds=workspace.params["auxsegnet"]["rounds"]):
        stage, *options = step.command
        if stage not in without:
            workspace.run_with(stage, *options)


def _copy_or_link(source: str, target: str) -> None:
    Path(target).hardlink_to(source) if source.endswith(".pt") else shutil.copyfile(source, target)


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


def killer(function, *, at: int):
    """`function`, and a list of its calls; call number `at` ends the process instead."""
    calls = []

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == at:
            raise Killed
        return function(*args, **kwargs)

    return call, calls


KINDS = {"write_scores": "SCORES", "write_labels": "LABELS", "write_grey": "GREY"}
"""Function of `artifacts` -> the kind of file that it writes."""


def replace_writer(patch: pytest.MonkeyPatch, name: str, function) -> None:
    """Have all stages write by `function` where they write by `artifacts.<name>`."""
    patch.setattr(artifacts, name, function)
    kind = KINDS[name]
    patch.setattr(artifacts, kind, dataclasses.replace(getattr(artifacts, kind), write=function))


def error_message(result: Result, *, code: int) -> str:
    """The error message of a command that ended with `code`, as a user reads it: no traceback."""
    assert isinstance(result.exception, SystemExit), f"not told but raised: {result.exception!r}"
    assert result.exit_code == code, result.output
    _, marker, message = result.output.rpartition("Error: ")
    assert marker, result.output
    assert "Traceback" not in result.output
    return message.strip()
