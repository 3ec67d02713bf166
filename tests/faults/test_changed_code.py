"""A stage that crashed and was mended: what it publishes is of the present code alone."""

import shutil
from pathlib import Path

import pytest
from processes import KILLED, run
from workspace import ROOT

from wsss_core import code_digest, layout

pytestmark = pytest.mark.faults


@pytest.fixture
def sources(tmp_path) -> Path:
    """A copy of the sources, to be changed."""
    for package in code_digest.PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "sources" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "sources"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} no longer says {old}: choose another change that shows in every result"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("stage", "folder", "file", "old", "new"),
    [
        ("refine_crf", layout.PSEUDO_LABELS, "wsss_core/artifacts.py", "fromarray(labels", "fromarray(1 + labels"),
        ("train_cam", layout.MODELS / "cam", "wsss_core/losses/classification.py", "return ", "return 2 * "),
    ],
)
def test_nothing_of_the_code_before_a_crash_is_published(pipeline, sources, tmp_path, stage, folder, file, old, new):
    kept = pipeline.files(str(folder))
    assert run(pipeline, stage, "kill", 2, sources=sources).code == KILLED
    edit(sources / file, old, new)
    expected = pipeline.copied_to(tmp_path / "fresh")
    shutil.rmtree(expected.folder / ".wsss")
    assert run(expected, stage, sources=sources).code == 0
    assert run(pipeline, stage, sources=sources).code == 0
    made = pipeline.files(str(folder))
    assert made == expected.files(str(folder))
    assert all(made[name] != content for name, content in kept.items()), "the change shows in every file"


def test_the_work_of_the_code_before_is_there_when_that_comes_back(finished, pipeline, sources):
    assert run(pipeline, "refine_crf", "kill", 3, sources=sources).code == KILLED
    module, text = sources / "wsss_core/ops/refinement.py", (sources / "wsss_core/ops/refinement.py").read_text()
    module.write_text(text + "\nCHANGED = True\n")
    assert run(pipeline, "refine_crf", "kill", 1, sources=sources).code == KILLED
    module.write_text(text)
    ended = run(pipeline, "refine_crf", sources=sources)
    assert "3/6" in ended.output, "three of six are there already"
    assert pipeline.files(str(layout.PSEUDO_LABELS)) == finished.files(str(layout.PSEUDO_LABELS))
