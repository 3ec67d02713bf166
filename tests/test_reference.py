"""`make docs`: the reference of all modules is made of their docstrings, without a warning."""

import re
import shlex
import subprocess
import sys

import pytest
from workspace import ROOT

pytestmark = pytest.mark.documents


def test_the_reference_is_made_without_a_warning(tmp_path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = re.search(r"^\t\$\(BIN\)/python (.+-m pdoc.+)$", makefile, re.MULTILINE)
    command = [sys.executable, *(str(tmp_path) if word == ".reference" else word for word in shlex.split(line[1]))]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    for module in ("wsss_core/ops/random_walk", "stages/predict", "wsss_core/methods/rrm/recipe"):
        assert (tmp_path / f"{module}.html").stat().st_size > 0
