"""Pretrained weights into a backbone: every kind of file, and what is said of one that does not fit."""

import logging
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from small_backbones import build
from torch import nn

from wsss_core.models.pretrained import pretrained_backbone

MOBILENET = Path(__file__).parents[2].parent / "shared/weights/mobilenetv2_100-imagenet.safetensors"
needs_mobilenet = pytest.mark.skipif(
    not MOBILENET.is_file(), reason="mobilenetv2 weights are not beside the repository"
)



@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": s}], ids=["bare", "wrapped"]
)
@pytest.mark.parametrize("prefix", ["", "module.", "backbone.net."])
def test_weights_load_from_every_torch_file(tmp_path, wrap, prefix):
    source = build()
    nn.init.constant_(source.net.bn1.running_mean, 0.25)
    state = {
        prefix + key: value for key, value in source.net.state_dict().items() if "num_batches" not in key
    }
    torch.save(wrap({**state, prefix + "fc.weight": torch.zeros(1000, 512)}), tmp_path / "w.pth")
    torch.manual_seed(1)
    loaded = pretrained_backbone(
        name="resnet10t", output_stride=8, weights=str(tmp_path / "w.pth"), batch_norm="frozen"
    )
    ours, theirs = loaded.net.state_dict(), source.net.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_dropped_tensors_are_logged(tmp_path, caplog):
    torch.save({**build().net.state_dict(), "fc.weight": torch.zeros(2, 2)}, tmp_path / "w.pth")
    with caplog.at_level(logging.INFO):
        build(weights=str(tmp_path / "w.pth"))
    assert "1 tensors are not part of resnet10t and are left out: fc.weight" in caplog.text


def test_weights_of_another_architecture_are_refused_in_one_sentence(tmp_path):
    file = tmp_path / "w.pth"
    torch.save(build("resnet18").net.state_dict(), file)
    with pytest.raises(ValueError) as caught:
        build("resnet10t", weights=str(file))
    message = str(caught.value)
    assert message.startswith(f"{file} does not hold the weights of resnet10t: ") and "\n" not in message
    assert "tensors are missing, conv1.0.weight the first" in message
    assert "(the file has conv1.weight)" in message and "set backbone.name to" in message


def test_weights_of_another_width_name_both_shapes(tmp_path):
    state = build().net.state_dict()
    state["layer4.0.conv1.weight"] = state["layer4.0.conv1.weight"][:7]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="layer4.0.conv1.weight is 7x256x3x3 and not 512x256x3x3"):
        build(weights=str(tmp_path / "w.pth"))


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.params"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>not found</html>, and a few more bytes of it")
    with pytest.raises(ValueError, match=f"{name} (cannot be read as weights|is no MXNet)"):
        build(weights=str(tmp_path / name))


def test_code_in_a_weights_file_does_not_run(tmp_path):
    torch.save({"net": nn.Linear(1, 1)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"damaged or holds more than tensors; .* a state_dict\(\)") as caught:
        build(weights=str(tmp_path / "w.pth"))
    assert "weights_only" in str(caught.value.__cause__)
    assert "weights_only" not in str(caught.value)  # torch advises to run the code after all


@pytest.mark.parametrize("content", [{"epoch": 3}, {0: torch.zeros(2)}, [torch.zeros(2)]], ids=str)
def test_a_file_without_tensors_by_name_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="holds no tensors by name"):
        build(weights=str(tmp_path / "w.pt"))


def test_weights_that_cannot_be_downloaded_name_the_remedy_once(monkeypatch, caplog):
    create = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s")
            raise OSError("no route to the hub\nRetry 5/5")
        return create(name, **options)

    monkeypatch.setattr("wsss_core.models.backbones.timm_cnn.timm.create_model", offline)
    with pytest.raises(
        ValueError, match=r"\(no route to the hub\); connect to the internet, or set backbone.weights"
    ):
        build(weights="imagenet")
    assert not caplog.messages  # of its tries, of which there are many
    logging.getLogger("huggingface_hub").warning("said to others")
    assert caplog.messages == ["said to others"]


@needs_mobilenet
def test_imagenet_mobilenet_loads_without_its_classifier():
    backbone = build("mobilenetv2_100", 16, weights=str(MOBILENET), batch_norm="frozen").eval()
    saved = load_file(MOBILENET)
    assert torch.equal(backbone.net.conv_head.weight, saved["conv_head.weight"])
    assert torch.equal(backbone.net.bn2.running_var, saved["bn2.running_var"])
    assert backbone.num_features == saved["classifier.weight"].shape[1]


@needs_mobilenet
def test_mobilenet_weights_do_not_fit_a_resnet():
    with pytest.raises(ValueError, match="does not hold the weights of resnet10t: .* tensors are missing"):
        build(weights=str(MOBILENET))
