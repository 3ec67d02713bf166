"""Which preset a machine and a number of photographs get."""

from pathlib import Path

import pytest
from workspace import ROOT, preset_params

from wsss_core import presets
from wsss_core.intake import machine
from wsss_core.intake.machine import Machine, fit

CPU = Machine(cores=2, memory=16)
GPU = Machine(cores=8, memory=64, gpu="A100", gpu_memory=80)


def test_the_numbers_of_the_small_preset_are_its():
    keys = preset_params(machine.SMALL)
    for name, epochs in machine._EPOCHS.items():
        assert keys[name]["epochs"] == epochs
        assert keys[name]["batch"] == machine._BATCHES[name]
    assert keys["backbone"]["weights"] == machine.WEIGHTS.as_posix()


@pytest.mark.parametrize("name", [machine.SMALL, machine.LARGE])
def test_the_presets_are_there(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    assert name in presets.names()


@pytest.mark.parametrize(
    ("on", "images", "preset"),
    [
        (CPU, 100, machine.SMALL), (CPU, 50_000, machine.SMALL), (GPU, 500, machine.SMALL), (GPU, 2000, machine.LARGE),
        (Machine(8, 64, "T400", 4), 5000, machine.SMALL),
    ],
)  # fmt: skip
def test_the_larger_network_wants_a_gpu_with_memory_and_thousands_of_photographs(on, images, preset):
    chosen = fit(on, num_train=images, num_images=images)
    assert chosen.preset == preset
    assert chosen.reasons[0].startswith(f"{preset}, a ")


@pytest.mark.parametrize(("num_train", "epochs"), [(647, 8), (324, 16), (10, 40), (1294, 4), (100_000, 4)])
def test_epochs_give_as_many_steps_as_were_measured_within_bounds(num_train, epochs):
    settings = fit(CPU, num_train=num_train, num_images=num_train).settings
    assert settings.get("train_cam", {"epochs": 8})["epochs"] == epochs


@pytest.mark.parametrize(("num_train", "epochs"), [(10, 3), (647, 3), (1294, 2)])
def test_an_affinitynet_is_trained_no_longer_on_few_photographs(num_train, epochs):
    settings = fit(CPU, num_train=num_train, num_images=num_train).settings
    assert settings.get("train_affinity", {"epochs": 3})["epochs"] == epochs


def test_little_memory_halves_the_batches():
    settings = fit(Machine(2, 2.0), num_train=647, num_images=849).settings
    assert [settings[name]["batch"] for name in ("train_cam", "train_affinity", "train_deeplab")] == [8, 4, 4]
    assert "batch" not in str(fit(CPU, num_train=647, num_images=849).settings)


def test_weights_that_are_there_are_taken(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert fit(CPU, num_train=647, num_images=849).settings == {"backbone": {"weights": "imagenet"}}
    Path(machine.WEIGHTS).parent.mkdir(parents=True)
    Path(machine.WEIGHTS).touch()
    assert fit(CPU, num_train=647, num_images=849).settings == {}


def test_the_time_is_that_which_was_measured_on_the_same_set():
    assert "about 35 minutes on 2 cores" in fit(CPU, num_train=647, num_images=849).reasons[-1]
    assert "about 26 hours" in fit(CPU, num_train=38_000, num_images=50_000).reasons[-1]
