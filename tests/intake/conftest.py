"""A project's folder and somebody's own folder beside it, in which a test puts a few files and runs `wsss init`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from workspace import ROOT, Workspace

from wsss_core import layout
from wsss_core.cli.main import main

HEIGHT, WIDTH = 6, 8


class Own:
    """Somebody's folder, `mine`, and the project beside it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.project = workspace.folder
        self.folder = workspace.folder.parent / "mine"
        self.folder.mkdir()
        self._count = 0

    def photos(self, *names: str, height: int = HEIGHT, width: int = WIDTH) -> Own:
        """Photographs of these names, each of other bytes."""
        for name in names:
            self._count += 1
            pixels = np.random.default_rng(self._count).integers(0, 256, (height, width, 3), dtype=np.uint8)
            path = self.path(name)
            Image.fromarray(pixels).save(path)
        return self

    def text(self, name: str, *lines: str, encoding: str = "utf-8") -> Own:
        """A text of these lines."""
        self.path(name).write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return self

    def json(self, name: str, content: object) -> Own:
        return self.text(name, json.dumps(content))

    def mask(self, name: str, values: np.ndarray) -> Own:
        Image.fromarray(values.astype(np.uint8)).save(self.path(name))
        return self

    def path(self, name: str) -> Path:
        """A place below the folder, whose own folder is there."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def init(self, *options: str) -> Result:
        """`wsss init` of the folder; the parameters but the data set stay those of small tests."""
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        result = self.workspace.invoke(main, "init", "../mine", *_with_preset(options))
        after = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        assert before == after, "the folder was changed"
        return result

    def said(self, *options: str) -> str:
        """What `wsss init` prints, which must succeed, and its data set must be clean."""
        result = self.init(*options)
        assert result.exit_code == 0, result.output
        checked = self.workspace.invoke(main, "check")
        assert checked.exit_code == 0, checked.output
        return " ".join(result.output.split())

    def refused(self, *options: str) -> str:
        """The message of an init that must be refused, and writes nothing."""
        before = {path.name: path.read_bytes() for path in self.project.iterdir() if path.is_file()}
        result = self.init(*options)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), repr(result.exception)
        assert {path.name: path.read_bytes() for path in self.project.iterdir() if path.is_file()} == before
        return result.output.partition("Error: ")[2].strip()

    def table(self) -> dict[str, tuple[str, str]]:
        """Image -> its labels and split, as they are written down."""
        with (self.project / "labels.csv").open(newline="", encoding="utf-8") as file:
            return {row["image"]: (row["labels"], row["split"]) for row in csv.DictReader(file)}

    def tags(self) -> dict[str, str]:
        """Image -> its labels, of those that are used."""
        return {name: labels for name, (labels, split) in self.table().items() if split in ("train", "val")}

    def dataset(self) -> dict:
        return self.workspace.section("dataset").model_dump()

    def splits(self) -> dict[str, list[str]]:
        """The splits of the index."""
        return json.loads((self.project / layout.INDEX).read_text())["splits"]

    def index(self) -> dict[str, tuple[str, ...]]:
        """id -> class names, as `prepare` reads the data set that was written."""
        self.workspace.run("prepare")
        content = json.loads((self.project / layout.INDEX).read_text())
        names = content["classes"]
        return {one["id"]: tuple(names[tag - 1] for tag in one["tags"]) for one in content["records"]}


def _with_preset(options: tuple[str, ...]) -> tuple[str, ...]:
    return options if "--preset" in options else (*options, "--preset", "none")


@pytest.fixture
def own(workspace: Workspace) -> Own:
    (workspace.folder / "presets").symlink_to(ROOT / "presets")
    return Own(workspace)
