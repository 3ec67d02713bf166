"""The prepared check for a GPU: parts that fail or hang, machines that lack packages, and its report."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from workspace import ROOT

from benchmarks.gpu import __main__ as check
from benchmarks.gpu import bundle, core, machine, origin, report
from benchmarks.gpu.parts import PARTS, Part
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import BUNDLE, Setting

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
    said = capsys.readouterr().out.partition("no-such-package missing; bring ")[2]
    assert said.startswith("`python -m pip install --no-deps -c constraints.txt no-such-package`, or without an index")
    assert "pip download" in said


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


@pytest.mark.parametrize(("option", "path", "why"), [
    ("--photographs", "file", "is no folder"), ("--photographs", "lists", "holds no photographs"),
    ("--weights", "lists", "is a folder, and one file of weights is needed"),
    ("--saliency-weights", "none.onnx", "is empty"),
])  # fmt: skip
def test_a_path_that_cannot_be_what_it_is_given_for_is_told_before_anything_runs(
    tmp_path, monkeypatch, capsys, option, path, why
):
    monkeypatch.chdir(tmp_path)
    Path("lists").mkdir()
    Path("lists/labels.csv").write_text("image,labels\n")
    Path("file").write_text("content")
    Path("none.onnx").touch()
    monkeypatch.setattr(sys, "argv", ["gpu", option, path])
    assert check.main() == 2
    name = option.strip("-").replace("-", "_").upper()
    assert capsys.readouterr().err == f"Error: {name}: {path} {why}; correct it or leave it out\n"
    assert CliRunner().invoke(bundle.main, [option, path]).output == (
        f"Error: {name}: {path} {why}; correct it or leave it out\n"
    )


@pytest.mark.parametrize(("table", "said"), [
    (None, "mine/labels.csv: there is no table of tags; add it"),
    ("image,labels,split\na,cat,train\n", "has no photographs in the split val"),
])  # fmt: skip
def test_photographs_that_are_no_data_set_are_told_before_anything_runs(tmp_path, monkeypatch, capsys, table, said):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Image.new("RGB", (8, 8)).save("mine/a.png")
    if table:
        Path("mine/labels.csv").write_text(table)
    monkeypatch.setattr(sys, "argv", ["gpu", "--rehearse", "--photographs", "mine"])
    assert check.main() == 2
    assert said in capsys.readouterr().err
    result = CliRunner().invoke(bundle.main, ["--photographs", "mine"])
    assert result.exit_code == 1 and said in result.output and result.output.startswith("Error: ")
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "reports"]


def test_a_product_that_autocast_left_alone_or_that_is_too_far_off_is_no_bf16():
    exact = torch.tensor([1.0, 3.0], dtype=torch.float64)
    assert machine.bf16_error(exact.bfloat16(), exact) == 0
    with pytest.raises(RuntimeError, match="autocast makes products in torch.float32"):
        machine.bf16_error(exact.float(), exact)
    with pytest.raises(RuntimeError, match="is off by 1.0e-02 of its size"):
        machine.bf16_error((exact * (1 + 2**-7)).bfloat16(), exact)


def test_the_core_computes_on_the_gpu_first_and_image_by_image_before_all_that_is_slow(tmp_path, monkeypatch, capsys):
    order = []

    def prepared(batch, device):
        return lambda: order.append((device.type, batch)) or [np.ones(2)] * batch

    def reference(device):
        return lambda: order.append((device.type, "reference"))

    claims = [core.Claim(name, prepared, tolerance=0, reference=reference, on_gpu=name == "a") for name in "ab"]
    monkeypatch.setattr(core, "_claims", lambda: claims)
    monkeypatch.setattr(core, "seconds", lambda function, device: 1.0)
    monkeypatch.setattr(core.threshold_sweep, "rows", lambda device: [])
    record = Record(tmp_path / "lines")
    core.run(replace(REHEARSAL, rehearse=False), record)
    gpu = [("cuda", 1), ("cuda", 16)] * 2 + [("cuda", "reference")]
    assert order == [*gpu, ("cpu", 1), ("cpu", 1), *[("cpu", "reference")] * 2, ("cpu", 16), ("cpu", 16)]
    result = [line["what"] for line in record.lines() if "difference" in line]
    held = [(name, batch, "cuda") for name in "ab" for batch in (1, 16)] + [("a", 16, "cpu"), ("b", 16, "cpu")]
    assert result == [f"{name}, batch {batch}, {device}: from the CPU's of the image alone"
                    for name, batch, device in held]  # fmt: skip


def test_results_that_are_not_the_cpu_s_fail_the_core(tmp_path, monkeypatch):
    def prepared(batch, device):
        return lambda: [np.full(2, 1.0 if batch == 1 else float("nan"))] * batch

    monkeypatch.setattr(core, "_claims", lambda: [core.Claim("a", prepared, tolerance=0.1)])
    monkeypatch.setattr(core.threshold_sweep, "rows", lambda device: [])
    with pytest.raises(RuntimeError, match="a differs by nan, batch 4, cpu"):
        core.run(REHEARSAL, Record(tmp_path / "lines"))


def test_what_is_given_comes_before_the_bundles_and_that_before_the_usual(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data/raw/voc12-mini", "carried", "given"):
        Path(name).mkdir(parents=True)
        Path(name, "a.jpg").touch()
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


def test_saliency_maps_that_cannot_be_made_are_told_before_any_part_runs(run_check, monkeypatch, capsys):
    part = Part(5, "parts_for_gpu", "a part", 30, 30, ("click",), without_saliency_weights=("no-such-package",))
    monkeypatch.setattr(check, "PARTS", (PARTS[0], part))
    run_check("--rehearse", ends={1: "passed", 5: "left out"})
    assert capsys.readouterr().out.startswith("part 5 will be left out: no-such-package missing\n")
    Path("net.onnx").write_bytes(b"weights")
    run_check("--rehearse", "--saliency-weights", "net.onnx", ends={1: "passed", 5: "passed"})
    assert "left out" not in capsys.readouterr().out


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
