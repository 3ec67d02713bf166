"""The environment: defaults, and clear errors for values that cannot be had."""

import os
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from wsss_core.runtime import devices, environment


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("WORKERS", "DEVICES", "PRECISION", "RESUME_DIR", "ACCELERATOR", "NODES"):
        monkeypatch.delenv(f"WSSS_{name}", raising=False)


def test_defaults_hold_where_nothing_is_set_or_only_blanks(monkeypatch):
    for value in (None, "", "  "):
        if value is not None:
            for name in ("WSSS_WORKERS", "WSSS_DEVICES", "WSSS_PRECISION", "WSSS_RESUME_DIR"):
                monkeypatch.setenv(name, value)
        assert 1 <= environment.workers() <= 8
        assert environment.devices() == "auto"
        assert environment.precision() is None
        assert environment.resume_folder() == Path(".wsss")


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_trainings_compile_where_the_environment_asks(monkeypatch, value, expected):
    monkeypatch.delenv("WSSS_COMPILE", raising=False)
    if value is not None:
        monkeypatch.setenv("WSSS_COMPILE", value)
    assert environment.compiles() is expected


@pytest.mark.parametrize(("cores", "expected"), [(3, 3), (64, 8), (None, 1)])
def test_workers_are_the_cores_up_to_eight(monkeypatch, cores, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores or 1)), raising=False)
    assert environment.workers() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert environment.workers() == expected


def test_values_arrive(monkeypatch):
    monkeypatch.setenv("WSSS_WORKERS", " 0 ")
    monkeypatch.setenv("WSSS_DEVICES", "0,2")
    monkeypatch.setenv("WSSS_PRECISION", "bf16-mixed")
    monkeypatch.setenv("WSSS_RESUME_DIR", "/scratch/a b")
    assert environment.workers() == 0
    assert environment.devices() == "0,2"
    assert environment.precision() == "bf16-mixed"
    assert environment.resume_folder() == Path("/scratch/a b")


@pytest.mark.parametrize(
    "value",
    ["data/cam", "data/cam/deep/er", "data/raw/../cam", "data/index", "models/cam", "models/cam/x", "data/linked",
     "{here}/data/saliency/x"],
)  # fmt: skip
def test_unfinished_work_is_not_kept_among_the_outputs(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/linked").symlink_to("random_walk")
    monkeypatch.setenv("WSSS_RESUME_DIR", value.format(here=tmp_path))
    with pytest.raises(ValueError, match=r"WSSS_RESUME_DIR is .*, which lies in (data|models).*, where stages put"):
        environment.resume_folder()


@pytest.mark.parametrize("value", ["data", "data/raw/x", "data/cam/../x", "data/camera", ".", "/else/data/cam"])
def test_it_may_be_kept_beside_them(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cam").mkdir(parents=True)
    monkeypatch.setenv("WSSS_RESUME_DIR", value)
    assert environment.resume_folder() == Path(value)


NO_NUMBER = "WSSS_WORKERS must be a whole number, not '{}'"
NO_SHARD = "WSSS_SHARD must be NUMBER/COUNT, from 1/16 to 16/16, not '{}'"


@pytest.mark.parametrize(
    ("name", "value", "read", "message"),
    [
        *[("WSSS_WORKERS", text, environment.workers, NO_NUMBER) for text in ("two", "1.5", "2 4")],
        ("WSSS_WORKERS", "-1", environment.workers, "WSSS_WORKERS must be at least 0, not -1"),
        *[("WSSS_SHARD", text, environment.shard, NO_SHARD) for text in ("0/4", "5/4", "3", "a/b", "1/0", "-1/4")],
        ("WSSS_SHARD", "1/4", environment.require_no_shard,
         "WSSS_SHARD=1/4 is for stages that make a result of each image"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_by_its_name(monkeypatch, name, value, read, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message.format(value)):
        read()


@pytest.mark.parametrize(
    ("name", "value"),
    [("WSSS_DEVICES", "tpus"), ("WSSS_DEVICES", "0,x"), ("WSSS_DEVICES", "99"), ("WSSS_PRECISION", "12-bit")],
)
def test_devices_and_precisions_that_cannot_be_had_stop_the_run(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=rf"{name}={value}.* cannot be used here"):
        devices.launch(seed=0)


@pytest.mark.parametrize(
    ("gpu", "bf16", "inference", "expected"),
    [(False, False, True, "32-true"), (True, True, False, "32-true"), (True, True, True, "bf16-mixed"),
     (True, False, True, "16-mixed")],
)  # fmt: skip
def test_gpus_infer_in_half_the_bits_and_train_in_all(monkeypatch, gpu, bf16, inference, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    assert devices._usual_precision(inference=inference) == expected


CPU, AUTO, GPU = ({"accelerator": kind} for kind in ("cpu", "auto", "gpu"))


@pytest.mark.parametrize(
    ("environment", "gpus", "expected"),
    [
        ({"WSSS_DEVICES": "cpu"}, 2, {**CPU, "devices": 1}),
        ({}, 0, {**CPU, "devices": 1}),
        ({}, 2, {**AUTO, "devices": "auto"}),
        ({"WSSS_ACCELERATOR": "gpu"}, 2, {**GPU, "devices": "auto"}),
        ({"WSSS_DEVICES": "1"}, 2, {**GPU, "devices": 1}),
        ({"WSSS_DEVICES": "2"}, 2, {**GPU, "devices": 2}),
        ({"WSSS_DEVICES": "0,3"}, 4, {**GPU, "devices": [0, 3]}),
        ({"WSSS_DEVICES": "2", "WSSS_ACCELERATOR": "cpu"}, 4, {**CPU, "devices": 2}),
        ({"WSSS_ACCELERATOR": "cpu"}, 4, {**CPU, "devices": 1}),
    ],
)
def test_devices_are_those_that_the_environment_names(monkeypatch, environment, gpus, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices._accelerator(None, cpu=False) == expected


def test_several_processes_train_networks_of_which_phases_leave_out_parts():
    wait = timedelta(hours=1)
    assert devices._strategy(1, wait) == "auto"
    assert devices._strategy(2, wait)._ddp_kwargs == {"find_unused_parameters": True}


def test_work_for_cpus_takes_a_process_of_each_machine_where_gpus_are_named(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices._accelerator(None, cpu=True) == {"accelerator": "cpu", "devices": 1}


def test_a_command_that_shares_nothing_takes_one_device(monkeypatch):
    for name, value in {"WSSS_DEVICES": "2", "WSSS_ACCELERATOR": "cpu", "WSSS_NODES": "2"}.items():
        monkeypatch.setenv(name, value)
    assert devices.launch(shared=False).world_size == 1


def test_inference_draws_nothing_and_takes_the_cpu_s_precision_there(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    fabric = devices.launch()
    assert torch.equal(torch.get_rng_state(), state)
    assert (fabric.device.type, fabric._precision.precision) == ("cpu", "32-true")


@pytest.mark.parametrize(("precision", "native", "warned"), [
    ("bf16-mixed", False, True), ("bf16-true", False, True), ("bf16-mixed", True, False), ("32-true", False, False),
])  # fmt: skip
def test_a_cpu_that_emulates_bf16_is_warned_of_once(monkeypatch, caplog, precision, native, warned):
    for name, value in {"WSSS_DEVICES": "cpu", "WSSS_PRECISION": precision}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: native)
    devices._warn_of_emulation.cache_clear()
    for _ in range(2):
        devices.launch()
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == warned
    assert all("ten times as long; set WSSS_PRECISION=32-true" in message for message in messages)


def test_inference_asks_for_no_slower_operators_even_after_a_training(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    devices.launch(seed=0)
    devices.launch()
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_cublas_reads_once_is_set_before_a_gpu_can_be_touched(monkeypatch):
    found = []
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)

    def fabric(**options) -> Mock:
        found.append(os.environ["CUBLAS_WORKSPACE_CONFIG"])
        return Mock()

    monkeypatch.setattr(devices, "Fabric", fabric)
    devices.launch()
    assert found == [":4096:8"]


def test_a_workspace_that_the_user_chose_for_cublas_stays(monkeypatch):
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    devices.launch()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize("seed", [3, 4])
def test_a_training_is_launched_with_its_seed_and_deterministic(monkeypatch, seed):
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    try:
        devices.launch(seed=seed)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.initial_seed() == seed


@pytest.mark.parametrize(("seed", "precision"), [(None, "bf16-mixed"), (0, "32-true")])
def test_on_a_gpu_only_inference_is_launched_with_half_the_bits(monkeypatch, seed, precision):
    asked = []
    monkeypatch.setenv("WSSS_DEVICES", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(devices, "Fabric", lambda **options: asked.append(options["precision"]) or Mock())
    try:
        devices.launch(seed=seed)
    finally:
        torch.use_deterministic_algorithms(False)
    assert asked == [precision]
