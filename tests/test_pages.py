"""The commands of README and docs/, typed as they stand there, in clones with small photographs and short trainings."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clone import Clone, copy_sources
from pages import script_of
from PIL import Image, ImageDraw
from ruamel.yaml import YAML
from workspace import ROOT

from wsss_core import layout
from wsss_core.data.index import Index
from wsss_core.intake.machine import WEIGHTS

pytestmark = pytest.mark.documents

SMALLEST = (
    "dataset.scenes={num_train: 6, num_val: 3, num_saliency: 3, height: 64, width: 80}", "train_cam.epochs=1",
    "train_affinity.epochs=1", "train_deeplab.epochs=1",
)  # fmt: skip
METHODS = ("rrm", "aalr", "ssnet", "auxsegnet")


def commit(clone: Clone, message: str) -> None:
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--allow-empty", "--message", message)


def fresh(folder: Path) -> Clone:
    """A clone as `git clone` makes it, with the environment where `make` would build one."""
    made = Clone(folder)
    copy_sources(folder)
    made.run("git", "init", "--quiet")
    commit(made, "Clone")
    (folder / ".venv").symlink_to(sys.prefix)
    commands = folder.parent / "bin"
    commands.mkdir()
    (commands / "open").write_text('#!/bin/sh\ntest -s "$1"\n')  # as macOS has it
    (commands / "open").chmod(0o755)
    made.environment["PATH"] = f"{commands}:{made.environment['PATH']}"
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the graph ran once on six scenes; nothing of that run is committed."""
    made = fresh(tmp_path_factory.mktemp("finished") / "wsss")
    made.run("wsss", "preset", "use", "scenes_tiny", *(f"--set={setting}" for setting in SMALLEST))
    made.run("dvc", "repro")
    return made


def copied(finished: Clone, folder: Path) -> Clone:
    """A copy of the finished clone, whose links into its cache become files."""
    shutil.copytree(finished.folder.parent, folder, symlinks=True)
    made = Clone(folder / "wsss")
    made.environment["PATH"] = f"{folder / 'bin'}:{made.environment['PATH']}"
    return made


def draw_photographs(folder: Path, *, count: int = 6) -> None:
    """`count` pictures in each of the sub-folders disc, square and background, noisy, of 80x64 pixels."""
    generator = np.random.default_rng(0)
    for name in ("disc", "square", "background"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            noise = generator.integers(90, 130, (64, 80, 3), dtype=np.uint8)
            picture = Image.fromarray(noise)
            x, y = generator.integers(5, 35, 2).tolist()
            pen, box = ImageDraw.Draw(picture), (x, y, x + 24, y + 24)
            if name == "disc":
                pen.ellipse(box, fill=(200, 40, 40))
            elif name == "square":
                pen.rectangle(box, fill=(40, 60, 200))
            picture.save(folder / name / f"{name}_{number}.png")


def bring_photographs(clone: Clone, name: str) -> None:
    """A folder of photographs, others to predict, and in the place of the preset that fits this machine a tiny one.

    The weights that the preset names are there too, so that none are fetched; nothing reads them.
    """
    draw_photographs(clone.folder / name)
    draw_photographs(clone.folder / "PHOTOGRAPHS", count=1)
    (clone.folder / WEIGHTS).parent.mkdir(parents=True)
    (clone.folder / WEIGHTS).write_bytes(b"")
    presets = clone.folder / "presets"
    tiny = YAML(typ="safe").load((presets / "scenes_tiny.yaml").read_text(encoding="utf-8"))
    for section in ("dataset", "ssnet"):
        del tiny[section]
    for preset in ("voc12_mini.yaml", "voc12_resnet50.yaml"):
        with (presets / preset).open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(tiny, file)
    commit(clone, "Make the presets tiny")


def with_photographs(name: str) -> Callable[[Clone], None]:
    return lambda clone: bring_photographs(clone, name)


def nothing(_: Clone) -> None:
    """No more than the clone."""


def with_a_commit(clone: Clone) -> None:
    commit(clone, "Run the graph")


def for_export(clone: Clone) -> None:
    draw_photographs(clone.folder / "drawn", count=1)
    shutil.copy(clone.folder / "drawn/disc/disc_0.png", clone.folder / "photograph.jpg")


def for_predict(clone: Clone) -> None:
    for_export(clone)
    draw_photographs(clone.folder / "PHOTOGRAPHS", count=1)
    known = Index.open(clone.folder / layout.INDEX).classes[0]
    rows = [f"{path.name},{known}" for path in (clone.folder / "PHOTOGRAPHS").rglob("*.png")]
    (clone.folder / "tags.csv").write_text("\n".join(["image,labels", *rows]), encoding="utf-8")


FRESH: dict[str, Callable[[Clone], None]] = {
    "README.md": with_photographs("FOLDER"),
    "tutorial.md": with_photographs("photographs"),
}
"""Pages that begin with a fresh clone, and what a reader brings."""
AFTER_A_RUN: dict[str, Callable[[Clone], None]] = {
    "running.md": nothing, "experiments.md": nothing, "parameters.md": nothing, "figures.md": nothing,
    "methods.md": nothing, "export.md": for_export, "predict.md": for_predict,
    **{f"{method}.md": with_a_commit for method in METHODS},
}  # fmt: skip
"""Pages whose reader has run the graph."""
PAGES = {**FRESH, **AFTER_A_RUN}


def page_of(name: str) -> Path:
    return ROOT / name if name == "README.md" else ROOT / "docs" / name


@pytest.mark.parametrize("name", FRESH)
def test_commands_run_in_a_fresh_clone(name, tmp_path):
    clone = fresh(tmp_path / "wsss")
    FRESH[name](clone)
    output = clone.run("bash", "-c", script_of(page_of(name)))
    assert re.search(r"Running stage 'train_deeplab'", output)
    assert (clone.folder / "reports/report.html").stat().st_size > 0


@pytest.mark.parametrize("name", AFTER_A_RUN)
def test_commands_run_after_the_graph(name, finished, tmp_path):
    clone = copied(finished, tmp_path / "copy")
    AFTER_A_RUN[name](clone)
    output = clone.run("bash", "-c", script_of(page_of(name)))
    assert "Traceback" not in output
