"""A network over photographs: batches of one size, no gradients, the device's precision, a file for each image."""

from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from wsss_core import artifacts
from wsss_core.code_digest import Code
from wsss_core.data.index import Index, Record
from wsss_core.inference import run as module

SIZES = {"a": (20, 30), "sub/b": (30, 20), "c": (20, 30), "d": (20, 30)}


@pytest.fixture(autouse=True)
def _resume(tmp_path, monkeypatch):
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / "resume"))


@pytest.fixture
def index(tmp_path) -> Index:
    records = {name: Record(name, f"{name}.png", (), *size, "") for name, size in SIZES.items()}
    made = Index("folder", str(tmp_path), ("cat",), {"train": tuple(SIZES)}, records, "tags")
    made.write(tmp_path / "index.json")
    return made


def run(tmp_path: Path, index: Index, *, precision: str = "32-true", pixels: int = 0, monkeypatch=None) -> list:
    """The batches that the network saw, and what it computed with."""
    seen, network = [], torch.nn.Linear(3, 3)
    if monkeypatch:
        monkeypatch.setattr(module, "network_pixels", lambda device: pixels)

    def results(ids):
        value = network(torch.ones(1, 3))
        seen.append((list(ids), value.dtype, value.requires_grad))
        return [f"{image_id}: {value.sum():.3f}" for image_id in ids]

    def write(folder, image_id, result):
        artifacts.write_text(folder / f"{image_id}.txt", result)

    module.write_each(
        list(SIZES), results, artifacts.Kind(write, ".txt"), index=index,
        fabric=Fabric(accelerator="cpu", devices=1, precision=precision), stage="s", code=Code("wsss_core.voc"),
        out=tmp_path / "out", params={}, inputs=[tmp_path / "index.json"],
    )  # fmt: skip
    return seen


def test_every_image_gets_its_own_result(tmp_path, index):
    run(tmp_path, index)
    assert all((tmp_path / f"out/{name}.txt").read_text().startswith(f"{name}: ") for name in SIZES)


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_results_are_made_without_gradients_in_the_precision_of_the_device(tmp_path, index, precision, dtype):
    assert {(kind, grad) for _, kind, grad in run(tmp_path, index, precision=precision)} == {(dtype, False)}


def test_on_a_cpu_images_come_one_by_one(tmp_path, index):
    assert sorted(ids for ids, *_ in run(tmp_path, index)) == [["a"], ["c"], ["d"], ["sub/b"]]


def test_elsewhere_images_of_one_size_come_together_as_long_as_they_fit(tmp_path, index, monkeypatch):
    seen = run(tmp_path, index, pixels=1200, monkeypatch=monkeypatch)
    assert sorted(len(ids) for ids, *_ in seen) == [1, 1, 2]
    assert all(len({SIZES[name] for name in ids}) == 1 for ids, *_ in seen)
