"""Steps of real graphs, and what small commands cost."""

import os

import pytest
from workspace import ROOT

from wsss_core.trials import work_copy
from wsss_core.trials.steps import Step, run, steps_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies") / "copy"
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        work_copy.make(folder, (ROOT / "params.yaml").read_text(encoding="utf-8"), cache="cache")
    finally:
        os.chdir(before)
    return folder


def test_the_root_graph_comes_in_an_order_in_which_it_can_run(copy):
    steps = steps_of(copy, "dvc.yaml")
    names = [step.name for step in steps]
    assert names[0] == "prepare" and len(names) == 15 and "digests" not in names
    assert names.index("train_cam") < names.index("infer_cam") < names.index("random_walk") < names.index("fuse")
    assert names.index("refine_crf") < names.index("train_deeplab") < names.index("predict") < names.index("evaluate")
    assert [step.name for step in steps if step.trains] == ["train_cam", "train_affinity", "train_deeplab"]
    assert "data/cam" in steps[names.index("infer_cam")].outs


def test_another_graph_brings_what_it_builds_on_and_its_rounds(copy):
    steps = {step.name: step for step in steps_of(copy, "pipelines/auxsegnet/dvc.yaml")}
    own = "pipelines/auxsegnet/dvc.yaml:"
    assert {"prepare", "train_cam", "infer_cam", "saliency", f"{own}train@1", f"{own}train@4"} <= steps.keys()
    assert "train_affinity" not in steps
    assert steps[f"{own}train@2"].command.endswith("--method auxsegnet --round 2")


def python(*lines: str) -> str:
    return f"python -c '{'; '.join(lines)}'"


def test_a_step_s_cost_counts_its_processes_and_its_outputs(tmp_path):
    child = f'"import time; x = bytearray({200 * MEGABYTE}); time.sleep(0.6)"'
    own = f'import subprocess, sys, pathlib; x = bytearray({100 * MEGABYTE})'
    start = f'subprocess.run([sys.executable, "-c", {child}])'
    write = 'pathlib.Path("out/below").mkdir(parents=True); pathlib.Path("out/below/a").write_bytes(bytes(1000))'
    cost = run(Step("one", python(own, start, write), ("out", "never")), tmp_path)
    assert cost.seconds > 0.6
    assert 300 * MEGABYTE < cost.memory < 450 * MEGABYTE
    assert cost.disk == 1000


def test_a_step_that_fails_says_how_it_ended(tmp_path):
    with pytest.raises(RuntimeError, match=r"bad ended with exit code 3:\nlast words"):
        run(Step("bad", python('print("last words")', "raise SystemExit(3)"), ()), tmp_path)


def test_a_step_keeps_its_unfinished_work_in_the_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("WSSS_RESUME_DIR", "/somewhere/real")
    write = 'import os; open("seen", "w").write(os.environ["WSSS_RESUME_DIR"])'
    run(Step("one", python(write), ("seen",)), tmp_path)
    assert (tmp_path / "seen").read_text() == ".wsss"
