"""Part 5: forty photographs through the root graph's stages, in bf16 and in float32, the figures side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gpu import sample
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Setting
from wsss_core import artifacts, graphs, layout, presets
from wsss_core.code_digest import ROOT
from wsss_core.params_file import written
from wsss_core.runtime import devices

PRECISIONS = ("bf16-mixed", "32-true")
COMPUTE_NOTHING = {"digests", "report"}
"""Stages of the root graph that are not timed: one reads files, the other draws a page."""
FEWER = {
    "train_cam": {"epochs": 1, "augment": {"crop": 128}},
    "infer_cam": {"scales": [1.0]},
    "train_affinity": {"epochs": 0.5, "augment": {"crop": 128}},
    "train_deeplab": {"epochs": 0.5, "augment": {"crop": 129}},
}
"""The smallest settings of everything, for a rehearsal."""


def run(setting: Setting, record: Record) -> None:
    """Raises RuntimeError where a stage fails, or a figure is missing."""
    root, totals, figures = Path.cwd(), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        dataset = sample.made(setting, Path(folder) / "sample")
        for precision in _precisions(setting, record):
            work = Path(folder) / precision
            work.mkdir()
            _write_params(work, setting, dataset)
            totals[precision] = _stages(work, root, precision, record)
            figures[precision] = _figures(work)
            record.line(f"{precision}: figures", **figures[precision])
    if len(figures) > 1:
        half, whole = (figures[precision] for precision in PRECISIONS)
        record.line("bf16-mixed beyond 32-true, in mIoU", **differences(half, whole), tolerance="none is promised")
    record.line("all stages", **{f"seconds_{precision}": total for precision, total in totals.items()})


def differences(half: dict[str, float], whole: dict[str, float]) -> dict[str, float]:
    """How much larger each figure is in half the bits.

    Raises RuntimeError where the two do not have the same figures.
    """
    if half.keys() != whole.keys():
        raise RuntimeError(f"one precision alone has the figures {sorted(half.keys() ^ whole.keys())}")
    return {name: round(half[name] - whole[name], 1) for name in whole}


def _precisions(setting: Setting, record: Record) -> tuple[str, ...]:
    """Both, but in a rehearsal on a CPU that does not compute in bf16, where it takes ten times as long."""
    if setting.rehearse and not devices.cpu_has_bf16():
        record.line("bf16-mixed is left out: this CPU does not compute in it")
        return PRECISIONS[1:]
    return PRECISIONS


def _write_params(work: Path, setting: Setting, dataset: dict[str, object]) -> None:
    """The preset of voc12-mini, cut short, on what there is."""
    weights = str(Path(setting.weights).resolve()) if setting.weights else "none"
    own: dict = {"dataset": dataset, "backbone": {"weights": weights}}
    if setting.saliency_weights:
        saliency = str(Path(setting.saliency_weights).resolve())
        own |= {"saliency": {"method": "u2netp", "weights": saliency}, "fuse": {"soft": {"saliency_weight": 1.0}}}
    keys = presets.over(presets.read_preset("voc12_mini"), own)
    params = presets.params_with(presets.over(keys, FEWER if setting.rehearse else {}), source="the check")
    artifacts.write_text(work / layout.PARAMS, written(params))


def _stages(work: Path, root: Path, precision: str, record: Record) -> float:
    """Run all stages in one process, so that none is timed with the start of Python; the seconds of all."""
    environment = {**os.environ, "WSSS_PRECISION": precision, "PYTHONPATH": os.pathsep.join(
        [str(root), os.environ.get("PYTHONPATH", "")])}  # fmt: skip
    program = "import sys; from benchmarks.gpu.pipeline import stages; stages()"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=work, env=environment, stdout=subprocess.PIPE,
                               text=True)  # fmt: skip
    total = 0.0
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            stage = json.loads(line)
            record.line(f"{precision}: {stage['stage']}", seconds=stage["seconds"])
            total += stage["seconds"]
    if process.wait():
        raise RuntimeError(f"a stage failed in {precision}")
    return round(total, 1)


def computing() -> list[str]:
    """The stages of the root graph that compute, each after those whose outputs it reads."""
    return [stage for stage in graphs.in_order(ROOT / layout.GRAPH) if stage not in COMPUTE_NOTHING]


def stages() -> None:
    """In the working folder: each stage, and a line of JSON with its seconds."""
    import importlib
    import time

    for stage in computing():
        main = importlib.import_module(f"stages.{stage}").main
        began = time.perf_counter()
        main([], standalone_mode=False)
        print(json.dumps({"stage": stage, "seconds": round(time.perf_counter() - began, 2)}), flush=True)


def _figures(work: Path) -> dict[str, float]:
    """mIoU in per cent, of every artifact."""
    files = sorted((work / layout.METRICS).glob("*.json"))
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    figures = {name: round(100 * content["miou"], 1) for name, content in found.items() if "miou" in content}
    if not {"cam", "random_walk", "fused", "pseudo_labels", "deeplab"} <= figures.keys():
        raise RuntimeError(f"evaluate left only {sorted(figures)}")
    if not all(value > 0 for value in figures.values()):  # NaN is not, either
        raise RuntimeError(f"a figure says nothing: {figures}")
    return figures
