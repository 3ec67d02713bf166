"""A network over photographs: batches of one size, no gradients, the device's precision, a file for each image."""

import threading
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

    def results(ids, greeting):
        assert greeting == [f"read {image_id}" for image_id in ids]
        value = network(torch.ones(1, 3))
        seen.append((list(ids), value.dtype, value.requires_grad))
        return [f"{image_id}: {value.sum():.3f}" for image_id in ids]

    def write(folder, image_id, result):
        artifacts.write_text(folder / f"{image_id}.txt", result)

    module.write_each(
        list(SIZES), results, artifacts.Kind(write, ".txt"), index=index,
        read=lambda ids: [f"read {image_id}" for image_id in ids],
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


def test_files_are_read_ahead_and_written_behind_by_threads(tmp_path, index, monkeypatch):
    monkeypatch.setenv("WSSS_WORKERS", "2")
    threads = {"read": set(), "make": set(), "write": set()}

    def noting(part, result):
        threads[part].add(threading.current_thread().name.split("_")[0])
        return result

    module.write_each(
        list(SIZES), lambda ids, read: noting("make", read),
        artifacts.Kind(lambda folder, name, text: noting("write", artifacts.write_text(folder / f"{name}.txt", text)),
                       ".txt"),
        read=lambda ids: noting("read", list(ids)), index=index, fabric=Fabric(accelerator="cpu", devices=1),
        stage="s", code=Code("wsss_core.voc"), out=tmp_path / "out", params={}, inputs=[tmp_path / "index.json"],
    )  # fmt: skip
    assert threads == {"read": {"ahead"}, "make": {"MainThread"}, "write": {"ahead"}}
    assert all((tmp_path / f"out/{name}.txt").read_text() == name for name in SIZES)


def test_what_threads_wrote_before_an_error_is_kept_and_not_made_again(tmp_path, index):
    made = []

    def write_each(broken: str | None):
        def make(ids, read):
            made.extend(ids)
            if broken in ids:
                raise ValueError("broken")
            return read

        module.write_each(
            list(SIZES), make, artifacts.Kind(lambda at, name, text: artifacts.write_text(at / f"{name}.txt", text),
                                              ".txt"),
            read=list, index=index, fabric=Fabric(accelerator="cpu", devices=1), stage="s",
            code=Code("wsss_core.voc"), out=tmp_path / "out", params={}, inputs=[tmp_path / "index.json"],
        )  # fmt: skip

    with pytest.raises(ValueError, match="broken"):
        write_each("sub/b")
    assert not (tmp_path / "out").exists() and made == ["a", "c", "d", "sub/b"]
    write_each(None)
    assert made[4:] == ["sub/b"]
