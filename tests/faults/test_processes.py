"""Commands that are killed or stopped leave no process behind, say what happened, and go on where they were."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workspace import QUIET, ROOT, Workspace

from wsss_core import layout

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc"),
]

HERE = Path(__file__).parent
NUM_PROCESSES = 4
"""The processes of a pool of three: they, and the one that Python starts to clean semaphores up."""


def start(*command: object, folder: Path, **environment: str) -> subprocess.Popen:
    """A command in a process group of its own, that takes SIGINT although the tests may run in the background."""
    variables = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={name: value for name, value in variables.items() if value is not None}, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for(condition, *, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.005)
    return met


def group(pid: int) -> list[str]:
    """The living processes of a group but its leader, by their command lines; one that ends has none any more."""
    found = [_words(path.parent) for path in Path("/proc").glob("[0-9]*/stat")
             if path.parent.name != str(pid) and _group_of(path) == pid]  # fmt: skip
    return [words for words in found if words]


def _group_of(path: Path) -> int | None:
    try:
        state, _, number = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
    except OSError:
        return None
    return int(number) if state not in "ZX" else None


def _words(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except OSError:
        return ""


def semaphores(pid: int) -> list[str]:
    return [path.name for path in Path("/dev/shm").glob(f"sem.wsss-{pid}-*")]


# ---- pools


@pytest.mark.parametrize("moment", range(1, NUM_PROCESSES + 1))
def test_a_killed_pool_leaves_no_process(tmp_path, moment):
    pool = start(HERE / "sleeping_pool.py", folder=tmp_path)
    assert wait_for(lambda: len(group(pool.pid)) >= moment)
    pool.kill()
    assert wait_for(lambda: not group(pool.pid)), group(pool.pid)
    pool.communicate()
    assert len(semaphores(pool.pid)) <= 1, "one that nobody had been told of yet"


def test_a_pool_that_is_killed_at_work_leaves_no_semaphore(tmp_path):
    pool = start(HERE / "sleeping_pool.py", folder=tmp_path)
    assert wait_for(lambda: len(group(pool.pid)) == NUM_PROCESSES and semaphores(pool.pid))
    pool.kill()
    assert wait_for(lambda: not group(pool.pid)), group(pool.pid)
    pool.communicate()
    assert wait_for(lambda: not semaphores(pool.pid))


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "group"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", [1, NUM_PROCESSES])
def test_a_pool_that_is_stopped_ends_in_order_with_one_sentence(tmp_path, moment, signum, send):
    pool = start(HERE / "sleeping_pool.py", folder=tmp_path)
    assert wait_for(lambda: len(group(pool.pid)) >= moment)
    send(pool.pid, signum)
    output, _ = pool.communicate(timeout=60)
    assert pool.returncode == 128 + signum, output
    assert output.startswith(f"Stopped by {signum.name}; ") and output.count("\n") == 1
    assert not group(pool.pid)
    assert not semaphores(pool.pid)


# ---- trainings


def test_a_training_ends_whenever_it_is_asked_to(tmp_path):
    signals = [signal.SIGINT] * 20 + [signal.SIGTERM, signal.SIGHUP]
    done = start(HERE / "interrupted_trainings.py", tmp_path, *[signum.name for signum in signals], folder=tmp_path)
    output, _ = done.communicate(timeout=300)
    lines = [line.split() for line in output.splitlines() if line.startswith("SIG")]
    assert [(name, int(code)) for name, code, _, _ in lines] == [
        ("SIGKILL", -9), *((signum.name, 128 + signum) for signum in signals)
    ], output  # fmt: skip
    assert {left for _, _, left, _ in lines} == {"0"}
    assert "Exception ignored" not in output and "Traceback" not in output
    assert output.count("Stopped by ") == len(signals)


def test_a_stage_of_training_that_is_stopped_goes_on_where_it_was(workspace: Workspace):
    workspace.set(train_cam={"epochs": 1000}).run("prepare")
    stage = start("-m", "stages.train_cam", folder=workspace.folder, WSSS_WORKERS="1")
    said = ""
    while "step/s, " not in said and stage.poll() is None:  # with a loss: a step is done
        said += stage.stdout.read(1)
    stage.terminate()
    output, _ = stage.communicate(timeout=60)
    assert stage.returncode == 128 + signal.SIGTERM, output
    assert not group(stage.pid)
    assert list((workspace.folder / ".wsss").rglob("checkpoint.pt"))


def test_a_stage_of_many_images_that_is_stopped_goes_on_where_it_was(workspace: Workspace):
    workspace.set(dataset={"scenes": {"num_train": 12}}).run("prepare")
    stage = start("-m", "stages.saliency", folder=workspace.folder, WSSS_WORKERS="2")
    made = lambda: list((workspace.folder / ".wsss").rglob("train_*.png"))  # noqa: E731
    assert wait_for(made)
    stage.terminate()
    output, _ = stage.communicate(timeout=60)
    assert (stage.returncode == 128 + signal.SIGTERM and not group(stage.pid)), output
    kept = {path.name: path.read_bytes() for path in made()}
    workspace.run("saliency")
    files = workspace.files(str(layout.SALIENCY))
    assert len(files) == 12 + 1
    assert kept.items() <= files.items()
