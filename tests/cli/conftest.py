"""The folder in which tests of presets work."""

import shutil
from pathlib import Path

import pytest
from preset_files import ROOT


@pytest.fixture
def params(tmp_path, monkeypatch) -> Path:
    """params.yaml of a copy of the repository's parameters and presets, which is the working directory."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"
