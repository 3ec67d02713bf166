"""Several processes of one command: how each finds its place, and what the supervisor tells of their ends."""

import signal
import subprocess
import sys

import pytest

from wsss_core.runtime import cluster, devices, environment, supervisor

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SRUN = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_NODES": "2"}


@pytest.fixture
def places(monkeypatch):
    """A function that sets variables of the environment; without it, nobody has started several processes."""
    for name in (*TORCHRUN, *SRUN, cluster.SUPERVISOR, "WSSS_DEVICES", "WSSS_ACCELERATOR", "WSSS_NODES"):
        monkeypatch.delenv(name, raising=False)
    return lambda **variables: [monkeypatch.setenv(*item) for item in variables.items()]


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [(TORCHRUN, "torchrun"), (SRUN, "srun"), ({**TORCHRUN, cluster.SUPERVISOR: "1"}, "supervisor")],
)
def test_a_process_finds_its_place_among_those_of_every_launcher(places, variables, launcher):
    places(**variables)
    place = cluster.started()
    assert (place.launcher, place.rank, place.world, place.local_world, place.nodes) == (launcher, 5, 8, 4, 2)
    assert not cluster.is_first()
    assert cluster.shares_cpu()


@pytest.mark.parametrize(
    "variables",
    [{}, {**TORCHRUN, "RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, {"SLURM_NTASKS": "8"},
     {"WSSS_DEVICES": "2"}],
    ids=["by itself", "torchrun of one", "a script of sbatch", "two GPUs"],
)  # fmt: skip
def test_a_process_that_nobody_started_beside_others_is_alone(places, variables):
    places(**variables)
    assert cluster.started() is None
    assert cluster.is_first()
    assert not cluster.shares_cpu()


@pytest.mark.parametrize(
    "variables", [{"WSSS_ACCELERATOR": "cpu", "WSSS_DEVICES": "2"}, {"WSSS_NODES": "2"}], ids=["processes", "machines"]
)
def test_work_for_cpus_is_shared_where_that_is_asked_for(places, variables):
    places(**variables)
    assert cluster.shares_cpu()


def test_a_launcher_decides_how_many_processes_there_are(places):
    places(**TORCHRUN, WSSS_ACCELERATOR="cpu")
    assert devices._accelerator(cluster.started(), cpu=False) == {"accelerator": "cpu", "devices": 4}


def test_another_number_than_the_launcher_s_is_refused(places):
    places(**TORCHRUN, WSSS_ACCELERATOR="cpu", WSSS_DEVICES="2")
    with pytest.raises(ValueError, match="asks for 2 processes on each machine, and torchrun started 4; leave"):
        devices._accelerator(cluster.started(), cpu=False)


def test_processes_of_one_machine_share_its_cores(places, monkeypatch):
    monkeypatch.delenv("WSSS_WORKERS", raising=False)
    monkeypatch.setattr(environment, "cores", lambda: 8)
    assert environment.workers() == 8
    places(LOCAL_WORLD_SIZE="4")
    assert environment.workers() == 2


def test_several_machines_need_an_address(places, monkeypatch):
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    places(WSSS_NODES="2", MASTER_ADDR="first")
    with pytest.raises(ValueError, match="WSSS_NODES=2 needs NODE_RANK, MASTER_PORT too: "):
        supervisor.run(1)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [(RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:4"), True),
     (RuntimeError("read: Connection reset by peer"), True), (ValueError("a loss is not finite"), False)],
)  # fmt: skip
def test_the_loss_of_another_process_is_told_as_an_effect(places, error, is_lost):
    assert cluster.lost_sentence(error) is None, "where there is no other process"
    places(**TORCHRUN)
    assert (cluster.lost_sentence(error) is not None) == is_lost


def ended(places, monkeypatch, *programs: str) -> BaseException:
    """How the supervisor of processes that run these programs ends."""
    places(WSSS_NODES="1")
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 1.0)
    choose = "import os, sys, time, signal; exec(sys.argv[1 + int(os.environ['RANK'])])"
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", choose, *programs])
    with pytest.raises((SystemExit, RuntimeError)) as ending:
        supervisor.run(len(programs))
    return ending.value


def test_processes_that_end_well_end_well_together(places, monkeypatch):
    assert ended(places, monkeypatch, "pass", "time.sleep(0.1)").code == 0


@pytest.mark.parametrize("number", [0, 1])
def test_a_process_that_is_killed_ends_the_others_with_a_sentence(places, monkeypatch, number):
    programs = ["time.sleep(500)", "time.sleep(500)"]
    programs[number] = "os.kill(os.getpid(), signal.SIGKILL)"
    told = str(ended(places, monkeypatch, *programs))
    assert told.startswith(f"process {number} of the 2 of this run was ended by SIGKILL, most likely by the system")


def test_what_another_process_than_the_first_said_is_shown_where_it_fails_alone(places, monkeypatch, capfd):
    ending = ended(places, monkeypatch, "time.sleep(500)", "sys.exit('Error: photograph b is damaged')")
    assert ending.code == 1
    assert capfd.readouterr().err == "Error: photograph b is damaged\n"


def test_what_all_processes_say_is_shown_once(places, monkeypatch, capfd):
    assert ended(places, monkeypatch, *["sys.exit('Error: diverged')"] * 3).code == 1
    assert capfd.readouterr().err == "Error: diverged\n"


def test_a_signal_reaches_all_processes(places, monkeypatch):
    answer = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); time.sleep(500)"
    monkeypatch.setattr(supervisor.interruption, "arrived", lambda: signal.SIGTERM)
    send, sent = subprocess.Popen.send_signal, []
    monkeypatch.setattr(subprocess.Popen, "send_signal", lambda own, number: sent.append(number) or send(own, number))
    assert ended(places, monkeypatch, answer, answer).code == 143
    assert sent[:2] == [signal.SIGTERM] * 2
