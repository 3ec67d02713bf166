"""From a description and a stream to `model.pt`: the whole of a training stage on four small pictures."""

import copy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wsss_core import artifacts, manifests
from wsss_core.code_digest import Code
from wsss_core.data.index import Index, Record
from wsss_core.data.training_set import TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.methods.cam.objective import classification
from wsss_core.models import trained
from wsss_core.models.model_file import Description
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.runtime import provenance
from wsss_core.training import loop, start, train
from wsss_core.training.history import DivergedError
from wsss_core.training.loop import Terms
from wsss_core.training.optim import two_phase_schedule
from wsss_core.training.snapshots import Snapshots

BACKBONE = {"name": "resnet10t", "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "trained"}
AUGMENT = {
    "long_side": None, "scale": (0.7, 1.3), "crop": 32, "flip": True, "color_jitter": (0.2, 0.2, 0.2, 0), "pad": "mean",
}  # fmt: skip
OPTIMIZER = {
    "name": "adamw", "lr": 0.002, "momentum": 0.0, "weight_decay": 0.01, "new_lr_factor": 1, "bias_lr_factor": 1,
    "poly_power": 0.9, "warmup": 0.1, "accumulate": 1, "activation_checkpointing": False,
}  # fmt: skip
STEPS = 4


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WSSS_RESUME_DIR", str(tmp_path / "resume"))
    monkeypatch.setenv("WSSS_DEVICES", "cpu")
    monkeypatch.setenv("WSSS_WORKERS", "0")
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    ids, rng = ("a", "b", "c", "d"), np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for image_id in ids:
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(tmp_path / f"images/{image_id}.png")
    found = {name: manifests.file_digest(tmp_path / f"images/{name}.png") for name in ids}
    records = {
        name: Record(name, f"images/{name}.png", (1 + k % 2,), 30, 40, found[name]) for k, name in enumerate(ids)
    }
    index = Index("folder", str(tmp_path), ("cat", "dog"), {"train": ids}, records, "tags")
    index.write(tmp_path / "index.json")
    return index


def description(**changes) -> Description:
    values = {
        "method": "cam", "network": "cam", "classes": ("cat", "dog"), "backbone": BACKBONE,
        "options": {"dropout": 0.5}, "params": {"batch": 2},
    }  # fmt: skip
    return Description(**values | changes)


def fit(index: Index, out: Path, *, losses=classification, seed=0, **changes) -> dict[str, torch.Tensor]:
    """Train two epochs of two steps; returns the weights."""
    settings = {
        "batch": 2, "epochs": 2.0, "optimizer": OPTIMIZER, "seed": seed, "inputs": [Path(index.root) / "index.json"],
        "code": Code("wsss_core.methods.cam.objective"), "out": out, "history": out.parent / f"{out.name}.tsv",
    }  # fmt: skip
    samples = TrainingSet(index, index.ids("train"), augmentation(**AUGMENT), seed=seed)
    train.train(description(), CamNetwork, samples, losses, **settings | changes)
    return trained.load(out)[0].state_dict()


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def killed_at(step: int):
    def losses(model, batch, progress):
        if round(progress * STEPS) == step:
            raise KeyboardInterrupt
        return classification(model, batch, progress)

    return losses


def counting(seen: list):
    def losses(model, batch, progress):
        seen.append(round(progress * STEPS))
        return classification(model, batch, progress)

    return losses


def test_a_stage_leaves_its_model_and_its_history_and_nothing_else(tmp_path, index):
    fit(index, tmp_path / "models/cam")
    assert sorted(p.name for p in (tmp_path / "models").rglob("*")) == ["cam", "cam.tsv", "manifest.json", "model.pt"]
    assert not any((tmp_path / "resume").iterdir())
    table = (tmp_path / "models/cam.tsv").read_text().splitlines()
    assert table[0] == "step\tlr\ttags"
    assert len(table) == 1 + STEPS
    assert trained.load(tmp_path / "models/cam")[1] == description()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, index):
    first = fit(index, tmp_path / "a/cam", epochs=1.0)
    fit(index, tmp_path / "b/cam", epochs=1.0)
    assert (tmp_path / "a/cam/model.pt").read_bytes() == (tmp_path / "b/cam/model.pt").read_bytes()
    assert not equal(first, fit(index, tmp_path / "c/cam", epochs=1.0, seed=1))


def test_a_killed_training_ends_with_the_weights_of_one_never_stopped(tmp_path, index):
    whole = fit(index, tmp_path / "whole/cam")
    out, seen = tmp_path / "killed/cam", []
    with pytest.raises(KeyboardInterrupt):
        fit(index, out, losses=killed_at(2))
    assert not out.exists()
    resumed = fit(index, out, losses=counting(seen))
    assert seen == [2, 3]
    assert equal(whole, resumed)
    assert (tmp_path / "whole/cam.tsv").read_text() == (tmp_path / "killed/cam.tsv").read_text()


def test_a_killed_training_starts_anew_when_its_code_changed(tmp_path, index, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        fit(index, tmp_path / "models/cam", losses=killed_at(2))
    usual, seen = Code.digests, []
    monkeypatch.setattr(Code, "digests", lambda code: {**usual(code), "wsss_core/losses/classification.py": "other"})
    fit(index, tmp_path / "models/cam", losses=counting(seen))
    assert seen[0] == 0


def test_what_made_a_model_is_recorded_with_the_digests_of_its_figures(tmp_path, index):
    fit(index, Path("models/cam"), history=Path("reports/history/cam.tsv"))
    record = artifacts.read_json(Path("reports/provenance/models/cam.json"))
    assert {"wsss_core/losses/classification.py", "wsss_core/methods/cam/objective.py"} < set(record["code"]["files"])
    assert set(record["files"]) == {"reports/history/cam.tsv", "reports/times/cam.json"}
    provenance.check(Path("reports/history/cam.tsv"))
    with Path("reports/history/cam.tsv").open("a") as file:
        file.write("5\t0.1\t0.2\n")
    with pytest.raises(artifacts.ArtifactError, match=r"cam.tsv is not what its stage wrote: .*; `dvc repro` makes it"):
        provenance.check(Path("reports/history/cam.tsv"))


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 1.5}, {}], ids=["seed", "epochs", "inputs"])
def test_a_killed_training_starts_anew_when_something_changed(tmp_path, index, change):
    with pytest.raises(KeyboardInterrupt):
        fit(index, tmp_path / "models/cam", losses=killed_at(2))
    if not change:
        artifacts.write_text(tmp_path / "index.json", "other")
    seen = []
    fit(index, tmp_path / "models/cam", losses=counting(seen), **change)
    assert seen[0] == 0


def test_a_diverged_training_publishes_nothing_and_keeps_the_older_model(tmp_path, index):
    out = tmp_path / "models/cam"
    fit(index, out)
    before = (out / "model.pt").read_bytes()

    def broken(model, batch, progress):
        terms = classification(model, batch, progress)
        return Terms({"tags": terms.losses["tags"] * float("nan")})

    with pytest.raises(DivergedError, match=r"loss tags is not finite at step 1, images [abcd], [abcd];"):
        fit(index, out, losses=broken, seed=1)
    assert (out / "model.pt").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_at_the_end_names_the_file_and_the_training_goes_on_from_its_checkpoint(tmp_path, index):
    def filling(model, batch, progress):
        (folder,) = (tmp_path / "resume").glob("*/*/files")
        file = artifacts.temporary_path(folder / "model.pt")
        file.symlink_to("/dev/full") if not file.is_symlink() else None
        return classification(model, batch, progress)

    whole, seen = fit(index, tmp_path / "whole/cam"), []
    with pytest.raises(OSError, match="No space left on device") as caught:
        fit(index, tmp_path / "models/cam", losses=filling)
    assert caught.value.filename.endswith("/files/model.pt")
    assert not (tmp_path / "models/cam").exists()
    assert equal(whole, fit(index, tmp_path / "models/cam", losses=counting(seen)))
    assert seen == [], "no step is made again"


def test_a_network_can_start_from_the_backbone_of_another(tmp_path, index):
    trained = fit(index, tmp_path / "models/cam", epochs=0.5)
    torch.manual_seed(5)
    fresh = start.build(description(), CamNetwork)
    head = copy.deepcopy(fresh.fc8)
    start.start_of("cam", tmp_path / "models/cam").initialise(fresh)
    names = [name for name in trained if name.startswith("backbone.")]
    assert names
    assert all(torch.equal(fresh.state_dict()[name], trained[name]) for name in names)
    assert torch.equal(fresh.fc8.weight, head.weight)


def test_a_network_can_take_the_classifier_of_another_too(tmp_path, index):
    trained = fit(index, tmp_path / "models/cam", epochs=0.5)
    torch.manual_seed(5)
    fresh = start.build(description(), CamNetwork)
    taken = start.start_of("cam", tmp_path / "models/cam", parts=("backbone", "fc8"))
    taken.initialise(fresh)
    assert taken.inputs == (tmp_path / "models/cam/model.pt",)
    assert equal(dict(fresh.state_dict()), trained)


def test_another_schedule_replaces_the_usual_one(tmp_path, index):
    two_phases = partial(two_phase_schedule, share=0.5, first_lr=0.01, lr=OPTIMIZER["lr"], power=0.0)
    fit(index, tmp_path / "models/cam", schedule=two_phases)
    rows = [line.split("\t") for line in (tmp_path / "models/cam.tsv").read_text().splitlines()[1:]]
    assert [float(row[1]) for row in rows] == pytest.approx([0.01, 0.01, 0.002, 0.002])  # of each step


def test_pictures_of_labels_appear_with_the_model_and_their_restart_changes_nothing(tmp_path, index):
    def snapshots(out: Path) -> Snapshots:
        def label(model, batch):
            return (model.cams(batch["image"]).amax(dim=1) > 0).long()

        return Snapshots(index, ("b", "d"), at=(0.25, 0.5, 1.0), label=label, out=out)

    plain = fit(index, tmp_path / "plain/cam")
    whole = fit(index, tmp_path / "whole/cam", snapshots=snapshots(tmp_path / "whole/pictures"))
    with pytest.raises(KeyboardInterrupt):
        fit(index, tmp_path / "killed/cam", losses=killed_at(2), snapshots=snapshots(tmp_path / "killed/pictures"))
    assert not (tmp_path / "killed/pictures").exists()
    resumed = fit(index, tmp_path / "killed/cam", snapshots=snapshots(tmp_path / "killed/pictures"))
    assert equal(plain, whole) and equal(whole, resumed)
    pictures = [
        {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}
        for folder in (tmp_path / "whole/pictures", tmp_path / "killed/pictures")
    ]
    assert sorted(pictures[0]) == [f"step_{k}/{image_id}.png" for k in (1, 2, 4) for image_id in ("b", "d")]
    assert pictures[0] == pictures[1]
    assert not any((tmp_path / "resume").iterdir())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_pictures_of_labels_can_be_made_in_every_precision(tmp_path, index, monkeypatch, precision):
    def label(model, batch):
        return (model.cams(batch["image"]).amax(dim=1) > 0).long()

    monkeypatch.setenv("WSSS_PRECISION", precision)
    kept = Snapshots(index, ("b",), at=(1.0,), label=label, out=tmp_path / "pictures")
    fit(index, tmp_path / "models/cam", epochs=0.5, snapshots=kept)
    assert artifacts.read_labels(tmp_path / "pictures/step_1", "b").shape == (30, 40)


def test_the_backbone_of_another_architecture_is_refused(tmp_path, index):
    fit(index, tmp_path / "models/cam", epochs=0.5)
    other = start.build(description(backbone={**BACKBONE, "name": "resnet14t"}), CamNetwork)
    with pytest.raises(ValueError, match=r"models/cam \(cam, resnet10t, 2 classes\) does not fit this stage's network"):
        start.start_of("cam", tmp_path / "models/cam").initialise(other)


def test_a_loss_that_was_nothing_all_along_is_told(tmp_path, index, caplog):
    def losses(model, batch, progress):
        tags = model(batch["image"])["logits"].square().mean()
        return Terms.weighted({"tags": tags, "foreground": 0 * tags}, {}, {})

    fit(index, tmp_path / "models/cam", losses=losses)
    assert "loss foreground was 0 at every step" in caplog.text
    assert "loss tags" not in caplog.text


def test_a_network_of_another_kind_is_refused_as_a_start(tmp_path, index):
    fit(index, tmp_path / "models/cam", epochs=0.5)
    with pytest.raises(ValueError, match="does not fit this stage's network"):
        start.start_of("cam", tmp_path / "models/cam", parts=("backbone", "head")).initialise(
            start.build(description(), CamNetwork)
        )


@pytest.fixture
def compilations(monkeypatch) -> list[str]:
    """Each compilation of a network; by a compiler that leaves its operators alone, and so takes no minute."""
    seen: list[str] = []

    def leave(graph, inputs):
        seen.append("network")
        return graph.forward

    monkeypatch.setattr(train, "COMPILER", leave)
    torch.compiler.reset()
    return seen


def test_a_network_is_compiled_where_the_environment_asks(tmp_path, index, monkeypatch, compilations):
    plain = fit(index, tmp_path / "plain/cam", epochs=0.5, history=Path("plain.tsv"))
    assert compilations == []
    assert artifacts.read_json(Path("reports/times/plain.json"))["compiled"] is False
    monkeypatch.setenv("WSSS_COMPILE", "1")
    compiled = fit(index, tmp_path / "compiled/cam", epochs=0.5, history=Path("compiled.tsv"))
    assert compilations
    assert artifacts.read_json(Path("reports/times/compiled.json"))["compiled"] is True
    assert plain.keys() == compiled.keys()
    for name, weights in plain.items():
        torch.testing.assert_close(compiled[name], weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", [{"accumulate": 2}, {"activation_checkpointing": True}])
def test_what_is_computed_again_is_not_compiled(tmp_path, index, monkeypatch, way):
    monkeypatch.setenv("WSSS_COMPILE", "1")
    with pytest.raises(ValueError, match="WSSS_COMPILE=1 does not go with optimizer.accumulate"):
        fit(index, tmp_path / "models/cam", optimizer={**OPTIMIZER, **way})


@pytest.mark.huge
def test_the_compiler_of_trainings_makes_what_the_network_makes(tmp_path, index, monkeypatch):
    plain = fit(index, tmp_path / "plain/cam", epochs=0.5)
    monkeypatch.setenv("WSSS_COMPILE", "1")
    compiled = fit(index, tmp_path / "compiled/cam", epochs=0.5)
    for name, weights in plain.items():
        torch.testing.assert_close(compiled[name], weights, rtol=1e-3, atol=1e-4)
