"""The package without the repository: installed into an empty environment and used elsewhere."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from clone import copy_sources
from PIL import Image
from small_models import save_deeplab

pytestmark = pytest.mark.graphs
SEGMENT = """
import sys, wsss_core
segmenter = wsss_core.load("model")
print(segmenter.classes, segmenter.segment("a.png").shape, "site-packages" in wsss_core.__file__)
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder with a photograph and a model, whose environment holds the package's wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    pytest.importorskip("setuptools", reason="builds the wheel without a network")
    copy_sources(folder / "sources")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder / "wheels")]
    run([sys.executable, "-m", "pip", "wheel", "--quiet", *offline, str(folder / "sources")], folder)
    run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    python = folder / "venv/bin/python"
    (wheel,) = (folder / "wheels").glob("*.whl")
    run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], folder)
    site = run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    Path(site, "needs.pth").write_text(sysconfig.get_path("purelib"))  # its packages, and no link to these sources
    save_deeplab(folder / "work/model")
    Image.fromarray(np.full((40, 60, 3), 99, dtype=np.uint8)).save(folder / "work/a.png")
    return folder


def run(command: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_wheel_holds_templates_and_presets_and_no_test(elsewhere):
    (wheel,) = (elsewhere / "wheels").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("report.html.jinja") for name in names)
    assert any(name.endswith("share/wsss/presets/voc12.yaml") for name in names)
    assert not [name for name in names if name.startswith("tests")]


def test_a_photograph_is_segmented_by_the_command_and_by_the_library(elsewhere):
    bin_folder, work = elsewhere / "venv/bin", elsewhere / "work"
    run([str(bin_folder / "wsss"), "predict", "model", "a.png", "--out", "out"], work)
    assert (work / "out/a.png").is_file()
    said = run([str(bin_folder / "python"), "-c", SEGMENT], work)
    assert said.strip() == "('background', 'cat', 'dog') (40, 60) True"


def test_presets_can_be_listed_and_parameters_written(elsewhere):
    command = str(elsewhere / "venv/bin/wsss")
    assert "voc12" in run([command, "preset", "list"], elsewhere / "work")
    assert "backbone" in run([command, "preset", "show", "voc12"], elsewhere / "work")
