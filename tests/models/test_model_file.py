"""`model.pt`: one path is enough to have the trained network again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from wsss_core.artifacts import ArtifactError
from wsss_core.models import model_file, trained
from wsss_core.models.model_file import Description
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.training import start

BACKBONE = {"name": "resnet10t", "output_stride": 16, "weights": "none", "dilate": True, "batch_norm": "trained"}


def description(**changes) -> Description:
    values = {
        "method": "cam", "network": "cam", "classes": ("cat", "dôg"), "backbone": BACKBONE,
        "options": {"dropout": 0.5}, "params": {"batch": 8, "augment": {"scale": [0.5, 1.5]}},
    }  # fmt: skip
    return Description(**values | changes)


def saved(folder, **changes) -> torch.nn.Module:
    torch.manual_seed(0)
    model = start.build(description(**changes), CamNetwork)
    model_file.save(folder, model, description(**changes))
    return model


@pytest.mark.parametrize("name", ["cam", "cam/model.pt"])
def test_a_network_comes_back_with_its_weights_and_description(tmp_path, name):
    model = saved(tmp_path / "cam")
    loaded, described = trained.load(tmp_path / name)
    assert described == description()
    assert not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.state_dict().items())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded(images)["logits"], model.eval()(images)["logits"])


def test_a_checkpoint_holds_no_code_and_lies_alone(tmp_path):
    saved(tmp_path)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["classes"] == ["cat", "dôg"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_loading_needs_no_pretrained_weights(tmp_path):
    model = start.build(description(), CamNetwork)
    elsewhere = description(backbone={**BACKBONE, "weights": "nowhere/weights.pth"})
    model_file.save(tmp_path, model, elsewhere)
    assert trained.load(tmp_path)[1].backbone["weights"] == "nowhere/weights.pth"


def test_the_same_weights_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        saved(tmp_path / folder)
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"model\.pt is missing; run the stage"):
        trained.load(tmp_path / "models" / "cam")


def write_foreign(path, kind: str) -> None:
    if kind in ("text", "empty"):
        path.write_text({"text": "no model", "empty": ""}[kind])
        return
    contents = {"list": [1, 2], "code": {"net": torch.nn.Linear(1, 1)}, "others": {"state": {}, "classes": 5}}
    torch.save(contents.get(kind, {"fc8.weight": torch.zeros(1000)}), path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:1500])


@pytest.mark.parametrize("kind", ["state dict", "list", "code", "others", "text", "empty", "truncated"])
@pytest.mark.parametrize(("folder", "command"), [("models/deeplab", " (`dvc repro train_deeplab`)"), ("mine", "")])
def test_a_file_that_is_no_model_of_ours_is_named_in_our_own_words(tmp_path, kind, folder, command):
    file = tmp_path / folder / "model.pt"
    file.parent.mkdir(parents=True)
    write_foreign(file, kind)
    with pytest.raises(ArtifactError) as caught:
        trained.load(file)
    assert str(caught.value) == (
        f"{file} is no model of this project, or damaged; give the model.pt that a training stage wrote, or make it"
        f" anew{command}"
    )
    assert caught.value.__cause__ is not None


def test_a_flipped_byte_anywhere_is_refused_or_changes_no_weight(tmp_path):
    model = saved(tmp_path)
    file, state, refused = tmp_path / "model.pt", model.state_dict(), 0
    whole = file.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 85]) + whole[place + 1 :])
        try:
            loaded = trained.load(file)[0].state_dict()
        except ArtifactError:
            refused += 1
        else:
            assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert refused > 50


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["fc8.weight", "running_var"])
def test_weights_and_statistics_that_are_not_finite_are_refused(tmp_path, name, value):
    model = start.build(description(), CamNetwork)
    found = next(key for key in model.state_dict() if key.endswith(name))
    model.state_dict()[found].flatten()[0] = value
    model_file.save(tmp_path, model, description())
    with pytest.raises(ArtifactError, match=rf"weights that are not finite \(1 tensors, {found} first\)"):
        trained.load(tmp_path)


def test_a_description_that_was_changed_is_refused(tmp_path):
    saved(tmp_path)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save({**content, "classes": ["dog", "cat"]}, tmp_path / "model.pt")
    with pytest.raises(ArtifactError, match="no model of this project, or damaged"):
        trained.load(tmp_path)


def test_a_model_of_an_earlier_version_is_told_from_a_foreign_one(tmp_path):
    saved(tmp_path)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    del content["digest"]
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ArtifactError, match=r"of an earlier version .* no digest of its weights; make it anew"):
        trained.load(tmp_path)


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [
        ("cam", "train_cam"), ("affinity", "train_affinity"), ("rrm", "pipelines/rrm/dvc.yaml"),
        ("rrm_two_step", "pipelines/rrm/dvc.yaml"), ("auxsegnet/round_2", "pipelines/auxsegnet/dvc.yaml"),
    ],
)  # fmt: skip
def test_a_damaged_model_names_who_makes_it(tmp_path, monkeypatch, folder, remedy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / folder).mkdir(parents=True)
    (tmp_path / "models" / folder / "model.pt").write_bytes(b"")
    with pytest.raises(ArtifactError, match=f"make it anew .`chmod -R u.w models/{folder} && dvc repro {remedy}`"):
        trained.load(Path("models") / folder)


def test_weights_of_another_architecture_are_refused(tmp_path):
    model = start.build(description(classes=("cat", "dog", "cow")), CamNetwork)
    model_file.save(tmp_path, model, description())
    with pytest.raises(ArtifactError, match="no model of this project") as caught:
        trained.load(tmp_path)
    assert "fc8.weight" in str(caught.value.__cause__)


@pytest.mark.parametrize("value", [torch.zeros(40, 40), {"a": torch.zeros(40, 40)}, "x" * 9000, "\ud800"])
@pytest.mark.parametrize("key", ["name", "batch_norm", "output_stride"])
def test_what_a_file_holds_is_quoted_in_a_few_words(tmp_path, key, value):
    saved(tmp_path)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    del content["digest"]
    content["backbone"][key] = value
    model_file.save_state(tmp_path / "model.pt", content)
    with pytest.raises(ArtifactError) as refused:
        trained.load(tmp_path)
    assert len(str(refused.value).encode()) < 1000


def test_a_description_is_complete():
    assert {field.name for field in dataclasses.fields(Description)} == {
        "method", "network", "classes", "backbone", "options", "params",
    }  # fmt: skip
