"""What travels to a machine that nothing else reaches: packages, photographs, and the bundle that holds them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from workspace import ROOT

from benchmarks.gpu import bundle, origin, report, sample, wheels
from benchmarks.gpu.parts import BESIDE, PARTS
from benchmarks.gpu.setting import BUNDLE
from wsss_core.scenes import generator as scenes


def test_wheels_are_unpacked_where_their_distribution_is_missing_and_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    wheels.WHEELS.mkdir()
    for name in ("no_such_package", "click"):
        with zipfile.ZipFile(wheels.WHEELS / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}_of_the_bundle.py", "VALUE = 1\n")
            archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    calls = []
    monkeypatch.setattr(wheels.importlib, "invalidate_caches", lambda: calls.append("look again"))
    assert wheels.unpack_missing() == ["no_such_package"]
    assert calls == ["look again"]
    assert [path.name for path in wheels.SITE.glob("*.py")] == ["no_such_package_of_the_bundle.py"]
    assert wheels.version_of("no-such-package") == "1.0"
    assert wheels.unpack_missing() == []  # it is there now


def test_all_that_a_package_needs_travels_and_torch_does_not():
    found = wheels.closure(["pydantic", "timm"], without=["torch", "torchvision", "numpy"], python="3.12")
    assert {"pydantic", "pydantic-core", "annotated-types", "timm", "safetensors"} <= found.keys()
    assert not {"torch", "torchvision", "numpy"} & found.keys()


@pytest.mark.parametrize("name", sorted({need for part in PARTS for need in part.all_needs(saliency_weights=False)}))
def test_what_a_package_needs_in_turn_is_known_where_it_is_missing(name):
    found = wheels.closure([name], without=(*bundle.NEVER, *bundle.OF_TORCH), python="3.11")
    assert found.keys() - {wheels._plain(name)} == set(BESIDE.get(name, ()))


def test_what_is_brought_is_named_with_all_that_it_needs_and_torch_by_itself(monkeypatch):
    there = {"packaging": "1", "click": "1"}
    monkeypatch.setattr(wheels, "version_of", there.get)
    said = wheels.remedy(["lightning-fabric", "tqdm", "torchvision", "torch"])
    assert said.startswith("`python -m pip install torch torchvision` (as PyTorch's site has it for this driver)")
    assert "`python -m pip install --no-deps -c constraints.txt lightning-fabric lightning-utilities tqdm`" in said


def test_markers_are_those_of_the_python_that_the_bundle_is_for(monkeypatch):
    needs = {"a": ["b; python_version < '3.12'", "c; python_version >= '3.12'", "d; sys_platform == 'win32'"]}
    monkeypatch.setattr(wheels, "version_of", {"a": "1", "b": "2"}.get)
    monkeypatch.setattr(wheels.metadata, "requires", needs.get)
    assert wheels.closure(["a"], without=[], python="3.11") == {"a": "1", "b": "2"}
    assert wheels.closure(["a"], without=[], python="3.13") == {"a": "1", "c": None}


def test_packages_in_other_versions_than_the_bundle_s_or_the_constraints_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheels.CONSTRAINTS.write_text("# versions\nclick==8.0\ntorch==2.15.0\nruamel.yaml==0.1\n")
    wheels.WHEELS.mkdir()
    (wheels.WHEELS / "ruamel_yaml-0.2-py3-none-any.whl").touch()
    there = {"click": "7.0", "torch": "2.15.0+cu132", "ruamel.yaml": "0.1", "tqdm": "1"}
    monkeypatch.setattr(wheels, "version_of", there.get)
    assert wheels.other_versions([*there, "timm"]) == {
        "click": "7.0, tested with 8.0", "ruamel.yaml": "0.1, tested with 0.2"
    }  # fmt: skip


def test_few_photographs_spread_over_the_splits_travel_with_tags_and_masks(tmp_path):
    scenes.ensure(tmp_path / "scenes", seed=0, num_train=7, num_val=3, num_saliency=0, height=64, width=80)
    whole = sample.Source(format="scenes", root=tmp_path / "scenes", classes=None, train="train", val="val",
                          labels=None, images=None, masks=None)  # fmt: skip
    sample.write(whole, tmp_path / "few", num_train=3, num_val=2)
    known, few = sample.open_index(whole), sample.open_index(sample.source_of(tmp_path / "few"))
    ids = known.ids("train")
    assert few.ids("train") == (ids[0], ids[2], ids[4])
    assert len(few.ids("val")) == 2
    for name in few.ids("train", "val"):
        assert few[name] == known[name] or few[name].tags == known[name].tags
        np.testing.assert_array_equal(few.image(name), known.image(name))
        mask = np.asarray(Image.open(tmp_path / "few/masks" / f"{name}.png"))
        np.testing.assert_array_equal(mask, np.asarray(Image.open(tmp_path / f"scenes/SegmentationClass/{name}.png")))


def test_a_bundle_holds_code_and_data_and_replaces_no_folder_of_anybodys(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bundle, "_fetch", lambda folder, version: 0)
    weights = tmp_path / "net.pth"
    weights.write_bytes(b"weights")
    arguments = ["--out", str(tmp_path / "out"), "--weights", str(weights)]
    result = CliRunner().invoke(bundle.main, arguments)
    assert result.exit_code == 0, result.output
    made = tmp_path / "out"
    assert json.loads((made / BUNDLE).read_text())["paths"] == {"weights": "weights/net.pth"}
    assert (made / "weights/net.pth").read_bytes() == b"weights"
    for name in ("Makefile", "params.yaml", "benchmarks/gpu/part.py", "tests/workspace.py", "pipelines/rrm/dvc.yaml"):
        assert (made / name).read_bytes() == (ROOT / name).read_bytes()
    assert json.loads((made / BUNDLE).read_text())["commit"] == origin.commit()
    assert CliRunner().invoke(bundle.main, arguments).exit_code == 0  # it is replaced
    (made / "reports").mkdir()
    (made / report.REPORT).write_text("{}")
    kept = CliRunner().invoke(bundle.main, arguments)
    assert (kept.exit_code, (made / report.REPORT).read_text()) == (1, "{}")
    assert kept.output.startswith(f"Error: {made} holds reports of a check; move {made / 'reports'} away")
    (tmp_path / "theirs").mkdir()
    refused = CliRunner().invoke(bundle.main, ["--out", str(tmp_path / "theirs")])
    assert (refused.exit_code, refused.output) == (
        1, f"Error: {tmp_path / 'theirs'} exists and is no bundle; choose another --out\n"
    )  # fmt: skip


def test_a_bundle_that_is_too_large_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bundle, "_fetch", lambda folder, version: 0)
    monkeypatch.setattr(bundle, "LARGEST", 1000)
    result = CliRunner().invoke(bundle.main, ["--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "may travel" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_needs_no_git(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "_fetch", lambda folder, version: 0)
    tarball = tmp_path / "tarball"
    for name in ("Makefile", "benchmarks/gpu/part.py", "benchmarks/__pycache__/part.pyc", "tests/.cache", ".git"):
        (tarball / name).parent.mkdir(parents=True, exist_ok=True)
        (tarball / name).touch()
    monkeypatch.chdir(tarball)  # .git, damaged, is of no use
    result = CliRunner().invoke(bundle.main, ["--out", "out"])
    assert result.exit_code == 0, result.output
    copied = {path.relative_to(tarball / "out").as_posix() for path in (tarball / "out").rglob("*")
              if path.is_file()}  # fmt: skip
    assert copied == {"Makefile", "benchmarks/gpu/part.py", "bundle.json"}


@pytest.mark.parametrize(("arguments", "said"), [
    (["--out", "file/out"], "Error: file: "),
    (["--python-version", "3"], "Error: PYTHON_VERSION is 3; give it as 3.12"),
    ([], "Error: this is not the repository's folder; run `make gpu-bundle` there"),
])  # fmt: skip
def test_what_cannot_become_a_bundle_is_told_in_a_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    result = CliRunner().invoke(bundle.main, arguments)
    assert result.exit_code == 1
    assert result.output.startswith(said) and result.output.count("\n") == 1
    assert os.listdir() == ["file"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_bundle_that_is_stopped_leaves_nothing_and_one_that_was_killed_is_tidied_away(tmp_path, monkeypatch, signum):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".out.{ended.pid}/bundle").mkdir(parents=True)
    (tmp_path / ".out.1").mkdir()  # of a process that runs
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bundle, "_fetch", lambda folder, version: signal.raise_signal(signum))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(bundle.main, ["--out", str(tmp_path / "out")])
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 128 + signum
    assert os.listdir(tmp_path) == [".out.1"]
