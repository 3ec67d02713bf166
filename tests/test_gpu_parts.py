"""What the parts of the GPU's check measure: loaders that work ahead, tests that are skipped, two precisions."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from workspace import ROOT

from benchmarks.gpu import pipeline, sample, throughput
from benchmarks.gpu.networks import NETWORKS
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting
from wsss_core import graphs, layout
from wsss_core.data.source import Source
from wsss_core.scenes import generator as scenes
from wsss_core.sections.data import Dataset
from wsss_core.training.loop import Terms


def test_a_training_from_files_is_measured_for_four_times_what_its_loader_makes_ahead(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(throughput, "TrainingSet", lambda *args, **options: None)
    monkeypatch.setattr(throughput, "batches", lambda *args, **options: lambda first: iter([{"id": ["a"]}]))
    monkeypatch.setattr(throughput, "_seconds_of_bare_steps", lambda *args, warm, steps: 0.5 * steps)
    monkeypatch.setattr(throughput, "_seconds_of_kernels", lambda *args, table: 0.25)

    def fit(network, model, stream, fabric, *, warm, steps) -> float:
        asked[steps] = warm
        return 1.0 * steps

    monkeypatch.setattr(throughput, "_seconds_of_fit", fit)
    line = throughput._training(
        SimpleNamespace(batch=6, crop=32), None, SimpleNamespace(ids=lambda split: ("a",)),
        Fabric(accelerator="cpu", devices=1), warm=3, steps=12,
        workers=5, table=tmp_path / "table.txt",
    )  # fmt: skip
    assert asked == {12: 3, 4 * 5 * 2: 3}
    assert (line["workers"], line["steps"]) == (5, 40)
    assert (line["images_a_second"], line["share_of_bare"], line["device_busy"]) == (6, 0.5, 0.25)


def test_torch_makes_as_many_batches_ahead_as_the_check_takes_it_to():
    loader = torch.utils.data.DataLoader(torch.zeros(1), num_workers=1)
    assert loader.prefetch_factor == throughput.PREFETCH


def test_the_profile_begins_after_the_first_step(tmp_path):
    def losses(model, batch, progress) -> Terms:
        seen = batch["image"].erfinv() if progress == 0 else batch["image"].cos()
        return Terms({"mean": model(seen).square().mean()})

    def stream(first):
        return iter([{"id": ["a"], "image": torch.zeros(2, 4)}] * (1 + throughput.PROFILED))

    network = SimpleNamespace(losses=losses, name="test")
    fabric = Fabric(accelerator="cpu", devices=1)
    seconds = throughput._seconds_of_kernels(network, nn.Linear(4, 2), stream, fabric, table=tmp_path / "t.txt")
    table = (tmp_path / "t.txt").read_text()
    assert seconds == 0  # no GPU's kernels
    assert "aten::cos" in table and "erfinv" not in table


@pytest.mark.parametrize("network", [net for net in NETWORKS if net.rehearsed], ids=lambda net: net.method)
def test_inference_is_measured_for_each_network(network, tmp_path):
    scenes.ensure(tmp_path, seed=0, num_train=1, num_val=0, num_saliency=0, height=64, width=64)
    source = Source(
        format="scenes", root=tmp_path, classes=None, train="train", val="", labels=None, images=None, masks=None
    )
    index = sample.open_index(source)
    model = network.smaller().build(None, num_classes=len(index.classes))
    line = throughput._inference(network.smaller(), model, index, Fabric(accelerator="cpu", devices=1))
    assert line["share_of_network"] == pytest.approx(line["photographs_a_second"] / line["network_alone"])


def test_parts_share_a_sample_of_the_photographs_that_there_are_or_of_scenes(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "REHEARSED", {"num_train": 2, "num_val": 1})
    setting = Setting(rehearse=True, photographs=None, weights=None, saliency_weights=None)
    drawn = Dataset.model_validate(sample.made(setting, tmp_path / "drawn"))
    sample.write(Source(**drawn.source()), tmp_path / "photographs", num_train=2, num_val=1)
    setting = replace(setting, photographs=str(tmp_path / "photographs"))
    copied = Dataset.model_validate(sample.made(setting, tmp_path / "copied"))
    indices = [sample.open_index(Source(**dataset.source())) for dataset in (drawn, copied)]
    assert [index.format for index in indices] == ["scenes", "folder"]
    assert indices[0].splits == indices[1].splits and indices[0].classes == indices[1].classes
    assert [len(index.ids("train")) for index in indices] == [2, 2]


def test_files_of_tests_that_are_skipped_or_broken_leave_a_line_with_the_reason(tmp_path):
    folder = tmp_path / "tests/gpu"
    folder.mkdir(parents=True)
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\nmarkers =\n    gpu: on one\n")
    (folder / "test_a.py").write_text("import pytest\n\n@pytest.mark.gpu\ndef test_passes():\n    pass\n")
    (folder / "test_b.py").write_text("import pytest\n\npytest.importorskip('no_such_package')\n")
    (folder / "test_c.py").write_text("import no_such_package\n")
    program = ("import sys; from pathlib import Path; from benchmarks.gpu import checks, record;"
               "checks.run(None, record.Record(Path('lines')))")  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True)
    assert ended.returncode == 1
    lines = {line["what"]: line for line in Record(tmp_path / "lines").lines()}
    for what in ("skipped test_b.py", "failed test_c.py"):
        assert "No module named 'no_such_package'" in lines[what]["why"]


def test_all_stages_of_the_root_graph_are_timed_but_what_computes_nothing():
    timed = pipeline.computing()
    assert {"digests", *timed, "report"} == graphs.stages(ROOT / layout.GRAPH).keys()
    assert timed.index("train_cam") < timed.index("evaluate_tags") and timed[-1] == "evaluate"


def test_figures_of_two_precisions_are_held_beside_each_other():
    half, whole = {"cam": 40.5, "fused": 50.0}, {"cam": 40.0, "fused": 51.2}
    assert pipeline.differences(half, whole) == {"cam": 0.5, "fused": -1.2}
    with pytest.raises(RuntimeError, match=r"one precision alone has the figures \['fused'\]"):
        pipeline.differences({"cam": 40.5}, whole)
