"""Labels in training, kept to look at: at which steps, of what size, and never half published."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wsss_core import artifacts, manifests
from wsss_core.cli.outputs import is_label_map
from wsss_core.data.index import Index, Record
from wsss_core.ops.images import normalise
from wsss_core.runtime.journal import Journal
from wsss_core.training import snapshots as module
from wsss_core.training.snapshots import Snapshots, SnapshotWriter
from wsss_core.voc import IGNORE_INDEX

SIZES = {"a": (40, 60), "sub/b c.d": (50, 36)}
TAGS = {"a": (1, 3), "sub/b c.d": ()}
CPU = torch.device("cpu")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return index_of(tmp_path, SIZES)


def index_of(root: Path, sizes: dict[str, tuple[int, int]]) -> Index:
    """Pictures of noise, of these sizes, with the tags above or none."""
    rng, records = np.random.default_rng(0), {}
    for image_id, (height, width) in sizes.items():
        path = root / f"{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        tags = TAGS.get(image_id, ())
        records[image_id] = Record(image_id, f"{image_id}.png", tags, height, width, manifests.file_digest(path))
    return Index("folder", str(root), ("cat", "dog", "owl"), {"train": tuple(sizes)}, records, "tags")


class Labeller:
    """Labels the upper half 2 and ignores the lower; keeps the batches and the modes it saw."""

    def __init__(self) -> None:
        self.batches, self.modes = [], []

    def __call__(self, model: nn.Module, batch: dict) -> torch.Tensor:
        self.batches.append(batch)
        self.modes.append((model.training, torch.is_grad_enabled()))
        labels = torch.full((1, *batch["image"].shape[-2:]), IGNORE_INDEX)
        labels[:, : labels.shape[1] // 2] = 2
        return labels


def open_writer(index: Index, out: Path, *, at=(1.0,), steps=20, key="k", label=None) -> SnapshotWriter:
    kept = Snapshots(index, index.ids("train"), at=at, label=label or Labeller(), out=out)
    journal = Journal(out.parent / "resume" / key / "files", out)
    return kept.open(journal, steps=steps, device=CPU)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_steps_of_the_moments_get_a_folder_each_with_every_photograph(tmp_path, index):
    writer = open_writer(index, tmp_path / "out", at=(0.05, 0.25, 0.5, 1.0))
    for steps in range(1, 21):
        writer.after_step(nn.Identity(), steps)
    writer.publish(params={}, supervised_by="I")
    assert names(tmp_path / "out") == ["manifest.json", *(
        f"step_{steps}/{image_id}.png" for steps in ("01", "05", "10", "20") for image_id in SIZES
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "steps", "expected"),
    [
        ((0.25, 1.0), 8, {2, 8}),
        ((0.001, 1.0), 10, {1, 10}),                                        # not before the first step
        ((0.5, 1.0), 1, {1}),
        ((0.33, 0.34), 10, {3}),
    ],
)
def test_moments_are_the_nearest_steps_to_their_shares(tmp_path, index, at, steps, expected):
    assert open_writer(index, tmp_path / "out", at=at, steps=steps).kept_steps == expected


def test_at_other_steps_nothing_is_labelled(tmp_path, index):
    label = Labeller()
    writer = open_writer(index, tmp_path / "out", at=(0.5,), steps=10, label=label)
    for steps in (1, 4, 6, 10):
        writer.after_step(nn.Identity(), steps)
    assert label.batches == []
    writer.after_step(nn.Identity(), 5)
    assert len(label.batches) == 2


@pytest.mark.parametrize("training", [True, False])
def test_the_network_labels_in_eval_mode_and_is_left_in_the_mode_it_had(tmp_path, index, training):
    label, network = Labeller(), nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1)).train(training)
    state = torch.get_rng_state()
    open_writer(index, tmp_path / "out", label=label).after_step(network, 20)
    assert label.modes == 2 * [(False, False)]
    assert all(part.training == training for part in network.modules())
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_in_half_precision_labels_in_float32_and_stays_as_it_is(tmp_path, index):
    seen, network = [], nn.Linear(1, 1).bfloat16()

    def label(model, batch):
        seen.append((model is network, model.weight.dtype))
        return torch.zeros(1, *batch["image"].shape[-2:])

    open_writer(index, tmp_path / "out", label=label).after_step(network, 20)
    assert seen == 2 * [(False, torch.float32)]
    assert network.weight.dtype == torch.bfloat16


def test_a_photograph_comes_as_a_batch_of_one_without_padding(tmp_path, index):
    label = Labeller()
    open_writer(index, tmp_path / "out", label=label).after_step(nn.Identity(), 20)
    first, second = label.batches
    assert [first["id"], second["id"]] == [["a"], ["sub/b c.d"]]
    torch.testing.assert_close(first["image"], normalise(index.image("a"))[None])
    assert first["tags"].tolist() == [[1, 0, 1]] and second["tags"].tolist() == [[0, 0, 0]]
    assert first["roi"].shape == (1, 40, 60) and first["roi"].dtype == torch.bool and first["roi"].all()


def test_labels_are_label_maps_of_the_photograph_s_size(tmp_path, index):
    writer = open_writer(index, tmp_path / "out")
    writer.after_step(nn.Identity(), 20)
    writer.publish(params={}, supervised_by="I")
    for image_id, (height, width) in SIZES.items():
        labels = artifacts.read_labels(tmp_path / "out/step_20", image_id)
        assert labels.shape == (height, width)
        assert (labels[: height // 2] == 2).all() and (labels[height // 2 :] == IGNORE_INDEX).all()
        assert is_label_map(artifacts.png_path(tmp_path / "out/step_20", image_id))


def test_a_large_photograph_is_labelled_smaller_and_its_labels_are_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_PIXELS", 40 * 50)
    label = Labeller()
    writer = open_writer(index_of(tmp_path, {"large": (80, 100), "small": (40, 50)}), tmp_path / "out", label=label)
    writer.after_step(nn.Identity(), 20)
    writer.publish(params={}, supervised_by="I")
    assert [batch["image"].shape for batch in label.batches] == [(1, 3, 40, 50)] * 2
    assert [batch["roi"].shape for batch in label.batches] == [(1, 40, 50)] * 2
    labels = artifacts.read_labels(tmp_path / "out/step_20", "large")
    assert labels.shape == (80, 100)
    assert set(np.unique(labels)) == {2, IGNORE_INDEX}                       # nothing in between
    assert (labels[:40] == 2).all()


def test_a_tiny_photograph_is_labelled_larger_and_its_labels_are_its_size(tmp_path):
    label = Labeller()
    writer = open_writer(index_of(tmp_path, {"tiny": (6, 9)}), tmp_path / "out", label=label)
    writer.after_step(nn.Identity(), 20)
    writer.publish(params={}, supervised_by="I")
    assert label.batches[0]["image"].shape == (1, 3, 32, 32)
    assert artifacts.read_labels(tmp_path / "out/step_20", "tiny").shape == (6, 9)


def test_nothing_is_published_before_the_end_and_then_everything_with_a_manifest(tmp_path, index):
    out = tmp_path / "out"
    artifacts.write_text(out / "old.txt", "of an earlier run")
    writer = open_writer(index, out, at=(0.25, 1.0))
    writer.after_step(nn.Identity(), 5)
    assert names(out) == ["old.txt"]
    writer.after_step(nn.Identity(), 20)
    writer.publish(params={"lr": 1}, supervised_by="I")
    assert names(out) == ["manifest.json", *(f"step_{k}/{name}.png" for k in ("05", "20") for name in SIZES)]
    manifest = artifacts.read_json(out / "manifest.json")
    assert (manifest["stage"], manifest["count"]) == ("snapshots", 4)
    assert manifest["params"] == manifests.digest_of({"lr": 1})

def test_an_writer_that_lacks_a_picture_is_not_published(tmp_path, index):
    writer = open_writer(index, tmp_path / "out", at=(0.25, 1.0))
    writer.after_step(nn.Identity(), 20)
    with pytest.raises(artifacts.ArtifactError, match=r"lacks 2 of 4 results \(step_05/a.png, .*: delete .*/k and run"):
        writer.publish(params={}, supervised_by="I")
    assert not (tmp_path / "out").exists()


def test_the_manifest_tells_other_labels_apart(tmp_path, index):
    def nothing(model, batch):
        return torch.zeros(1, *batch["image"].shape[-2:])

    contents = []
    for label in (Labeller(), Labeller(), nothing):
        writer = open_writer(index, tmp_path / "out", label=label)
        writer.after_step(nn.Identity(), 20)
        writer.publish(params={}, supervised_by="I")
        contents.append(artifacts.read_json(tmp_path / "out/manifest.json")["content"])
    assert contents[0] == contents[1] != contents[2]


def test_a_resumed_run_keeps_the_earlier_moments(tmp_path, index):
    open_writer(index, tmp_path / "out", at=(0.25, 1.0)).after_step(nn.Identity(), 5)
    resumed = open_writer(index, tmp_path / "out", at=(0.25, 1.0))
    resumed.after_step(nn.Identity(), 20)
    resumed.publish(params={}, supervised_by="I")
    assert names(tmp_path / "out") == [
        "manifest.json", *(f"step_{k}/{name}.png" for k in ("05", "20") for name in SIZES)
    ]  # fmt: skip


def test_what_a_killed_run_left_half_written_is_not_published(tmp_path, index):
    writer = open_writer(index, tmp_path / "out")
    writer.after_step(nn.Identity(), 20)
    (writer.folder / "step_20/.a.png.4711").write_bytes(b"half")
    writer.publish(params={}, supervised_by="I")
    assert names(tmp_path / "out") == ["manifest.json", *(f"step_20/{name}.png" for name in SIZES)]
