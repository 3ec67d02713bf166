"""The prepared check for a GPU: parts that fail or hang, machines that lack packages, and what travels in a bundle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from workspace import ROOT

from benchmarks.gpu import __main__ as check
from benchmarks.gpu import bundle, origin, report, sample, wheels
from benchmarks.gpu.parts import PARTS, Part
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import BUNDLE, Setting
from wsss_core.data import scenes

REHEARSAL = Setting(rehearse=True, photographs=None, weights=None, saliency_weights=None)


@pytest.fixture
def part(monkeypatch):
    """A part whose end the test chooses, run as the check runs its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))

    def run(how: str, *, seconds: int = 30, needs: tuple[str, ...] = ()) -> dict:
        monkeypatch.setenv("HOW", how)
        return check._run(Part(7, "parts_for_gpu", "a part", seconds, seconds, needs), REHEARSAL)

    return run


def test_a_part_that_passes_leaves_its_lines(part):
    result = part("pass")
    assert result["outcome"] == "passed"
    assert result["lines"] == [{"what": "began", "rehearsal": True}, {"what": "ended", "number": 0.25}]


def test_a_part_that_fails_says_so_and_keeps_what_it_had(part):
    result = part("fail")
    assert result["outcome"] == "failed"
    began, failed = result["lines"]
    assert (began["what"], failed) == ("began", {"what": "failed", "error": "RuntimeError: this part fails"})


def test_a_part_that_hangs_is_ended_with_all_that_it_started(part, tmp_path, monkeypatch):
    monkeypatch.setenv("CHILD", str(tmp_path / "child"))
    result = part("hang", seconds=5)
    assert result["outcome"] == "timed out"
    assert [line["what"] for line in result["lines"]] == ["began"]
    assert _ends(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_check_that_is_stopped_ends_the_part_that_runs_and_keeps_its_lines(tmp_path, signum):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "HOW": "hang",
                   "CHILD": str(tmp_path / "child")}  # fmt: skip
    program = (
        "import signal, sys; from benchmarks.gpu import __main__ as check; from benchmarks.gpu.parts import Part;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # which a job in the background ignores
        "check.PARTS = tuple(Part(n, 'parts_for_gpu', 'a part', 60, 60, ()) for n in (7, 8));"
        "sys.argv = ['gpu', '--rehearse']; sys.exit(check.main())"
    )
    stopped = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
    child = tmp_path / "child"
    for _ in range(300):
        if child.is_file() and child.read_text():
            break
        time.sleep(0.1)
    stopped.send_signal(signum)
    assert stopped.wait(20) == 128 + signum
    assert _ends(int(child.read_text()))
    (left,) = json.loads((tmp_path / report.REHEARSAL).read_text())["parts"]  # and no other part began
    assert (left["part"], left["outcome"]) == (7, "interrupted")
    assert [line["what"] for line in left["lines"]] == ["began"]


def test_a_part_whose_packages_are_missing_is_left_out_and_the_command_that_brings_them_is_shown(part, capsys):
    result = part("pass", needs=("click", "no-such-package"))
    assert (result["outcome"], result["missing"]) == ("left out", ["no-such-package"])
    assert "pip download" in capsys.readouterr().out.partition("no-such-package missing; bring it with")[2]


@pytest.fixture
def run_check(tmp_path, monkeypatch):
    """run_check(options, ends): the check's exit code where its parts end so, and what its reports then hold."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "PARTS", PARTS[:2])

    def run(*options: str, ends: dict[int, str]) -> tuple[int, dict[str, dict[int, str]]]:
        monkeypatch.setattr(sys, "argv", ["gpu", *options])
        monkeypatch.setattr(check, "_run", lambda part, _: {"part": part.number, "outcome": ends[part.number],
                                                            "seconds": 1})  # fmt: skip
        code = check.main()
        held = {path.name: {part["part"]: part["outcome"] for part in json.loads(path.read_text())["parts"]}
                for path in Path("reports").glob("*.json")}  # fmt: skip
        return code, held

    return run


def test_a_failing_part_stops_no_other_and_the_report_holds_both(run_check, capsys):
    code, held = run_check(ends={1: "failed", 2: "passed"})
    assert (code, held) == (1, {"gpu.json": {1: "failed", 2: "passed"}})
    assert "part 2: passed" in capsys.readouterr().out


def test_a_part_that_runs_alone_takes_its_own_place_in_the_report(run_check):
    run_check(ends={1: "failed", 2: "passed"})
    assert run_check("--part", "1", ends={1: "passed"}) == (0, {"gpu.json": {1: "passed", 2: "passed"}})


def test_a_rehearsal_leaves_the_report_of_a_gpu_alone(run_check):
    run_check(ends={1: "passed", 2: "passed"})
    _, held = run_check("--rehearse", ends={1: "failed", 2: "failed"})
    assert held == {"gpu.json": {1: "passed", 2: "passed"}, "gpu_rehearsal.json": {1: "failed", 2: "failed"}}


def test_every_part_says_when_and_where_it_ran_and_with_which_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    monkeypatch.setenv("HOW", "pass")
    BUNDLE.write_text('{"paths": {}, "commit": "abc"}')
    monkeypatch.setattr(check, "PARTS", (Part(7, "parts_for_gpu", "a part", 30, 30, ()),))
    monkeypatch.setattr(sys, "argv", ["gpu", "--rehearse"])
    assert check.main() == 0
    (part,) = json.loads(report.REHEARSAL.read_text())["parts"]
    assert part["began"].endswith("+00:00") and part["host"]
    assert part["device"].startswith("CPU") and part["commit"] == "abc"


def test_the_commit_is_git_s_and_says_whether_files_were_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert origin.commit() is None
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], check=True)
    number = origin.commit()
    assert number is not None and len(number) == 40
    Path("new").touch()
    assert origin.commit() == f"{number}, changed since"


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(run_check, capsys):
    Path("reports").touch()
    assert run_check(ends={}) == (2, {})
    assert capsys.readouterr().err == (
        "Error: reports/gpu.json cannot be written (File exists); make its folder writable\n"
    )


def test_what_is_no_report_is_not_replaced(run_check, capsys):
    Path("reports").mkdir()
    report.REPORT.write_text("mine")
    with pytest.raises(json.JSONDecodeError):  # of this test's own reading
        run_check(ends={})
    assert "reports/gpu.json is no report of this check; move it away" in capsys.readouterr().err
    assert report.REPORT.read_text() == "mine"


def test_a_report_that_can_no_longer_be_written_ends_no_check(tmp_path, capsys):
    kept = report.Report.open(tmp_path / "reports/gpu.json")
    shutil.rmtree(tmp_path / "reports")
    (tmp_path / "reports").touch()
    assert not kept.keep({"part": 1, "outcome": "passed"})
    assert capsys.readouterr().err == (
        f"warning: part 1 is not in {kept.path} (File exists); its figures are the lines above\n"
    )


def test_parts_are_numbered_in_their_order_and_fit_the_time():
    assert [part.number for part in PARTS] == [1, 2, 3, 4, 5]
    assert sum(part.seconds for part in PARTS) <= 6 * 60
    assert sum(part.rehearsal_seconds for part in PARTS) <= 8 * 60
    assert all((ROOT / f"{part.module.replace('.', '/')}.py").is_file() for part in PARTS)


def test_a_path_that_is_given_must_exist(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpu", "--weights", "nowhere.pth"])
    assert check.main() == 2
    assert capsys.readouterr().err == "Error: WEIGHTS: nowhere.pth does not exist; correct it or leave it out\n"
    assert not Path("reports").exists()


def test_what_is_given_comes_before_the_bundles_and_that_before_the_usual(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data/raw/voc12-mini", "carried", "given"):
        Path(name).mkdir(parents=True)
    assert Setting.of(rehearse=True).photographs == "data/raw/voc12-mini"
    BUNDLE.write_text('{"paths": {"photographs": "carried"}}')
    assert Setting.of(rehearse=True).photographs == "carried"
    assert Setting.of(rehearse=True, photographs="given").photographs == "given"
    assert Setting.of(rehearse=True).weights is None


def test_a_bundle_for_another_python_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpu", "--rehearse"])
    BUNDLE.write_text('{"python": "3.99", "paths": {}}')
    assert check.main() == 2
    assert capsys.readouterr().err.startswith("Error: the bundle is for Python 3.99, and ")


def test_a_line_that_was_cut_off_is_no_line(tmp_path):
    record = Record(tmp_path / "lines")
    record.line("whole", value=1)
    with record.path.open("a") as file:
        file.write('{"what": "cu')
    assert record.lines() == [{"what": "whole", "value": 1}]


def test_wheels_are_unpacked_where_their_distribution_is_missing_and_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    wheels.WHEELS.mkdir()
    for name in ("no_such_package", "click"):
        with zipfile.ZipFile(wheels.WHEELS / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}_of_the_bundle.py", "VALUE = 1\n")
            archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    assert wheels.unpack_missing() == ["no_such_package"]
    assert [path.name for path in wheels.SITE.glob("*.py")] == ["no_such_package_of_the_bundle.py"]
    assert wheels.version_of("no-such-package") == "1.0"
    assert wheels.unpack_missing() == []  # it is there now


def test_all_that_a_package_needs_travels_and_torch_does_not():
    found = wheels.closure(["pydantic", "timm"], without=["torch", "torchvision", "numpy"])
    assert {"pydantic", "pydantic-core", "annotated-types", "timm", "safetensors"} <= found.keys()
    assert not {"torch", "torchvision", "numpy"} & found.keys()


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


def _ends(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to ask how it ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False
