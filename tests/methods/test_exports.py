"""Each kind of network in a file of its own computes what it does in PyTorch, at any size."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch

from wsss_core import registry
from wsss_core.models import exports
from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone

CLASSES = ["cat", "dog", "cow"]
SHAPES = [(1, 3, 64, 80), (2, 3, 97, 131), (1, 3, 131, 300)]
"""Sides that strides divide, or do not, and one larger than that of the example with which a graph is traced."""
HEADS = ("largefov", "aspp_v2", "deeplabv3")
JOINT = [("rrm",), ("aalr",), ("ssnet", 1), ("ssnet", 2), ("auxsegnet", 1)]


@pytest.fixture
def network(request, build) -> torch.nn.Module:
    """A network of new weights: of DeepLab by its head and backbone, else of a method and its round."""
    first, *others = request.param
    if first not in HEADS:
        return build(*request.param).network.eval()
    torch.manual_seed(0)
    backbone = pretrained_backbone(
        name=others[0] if others else "test_resnet", output_stride=8, weights="none", batch_norm="frozen"
    )
    options = {"head": first, "atrous_rates": [2] if first == "largefov" else [2, 3]}
    return build_network(registry.part("deeplab", "network").NETWORK, backbone, num_classes=3, options=options).eval()


def require_equal(run: Callable[[torch.Tensor], np.ndarray], network: torch.nn.Module, *, share: float) -> None:
    """The same logits for all SHAPES, to a share of the largest."""
    for shape in SHAPES:
        image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = network(image)["seg"].numpy()
        computed = run(image)
        assert computed.shape == expected.shape
        np.testing.assert_allclose(computed, expected, rtol=0, atol=share * abs(expected).max())


def of(*kinds: tuple) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "network", kinds, indirect=True, ids=lambda kind: "-".join(map(str, kind))
    )  # fmt: skip


@of(*((head,) for head in HEADS), ("largefov", "test_convnext"), *JOINT)
def test_as_onnx_it_computes_the_same_at_any_size(network, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    exports.write_onnx(tmp_path / "net.onnx", network, CLASSES)
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    require_equal(lambda image: session.run(None, {"image": image.numpy()})[0], network, share=1e-5)
    assert json.loads(session.get_modelmeta().custom_metadata_map["wsss"]) == exports.facts(network, CLASSES)
    assert exports.is_onnx(tmp_path / "net.onnx")


@pytest.mark.graphs
@of(("deeplabv3",), ("aspp_v2", "test_convnext"), *JOINT)
def test_as_a_program_it_computes_the_same_at_any_size(network, tmp_path):
    exports.write_program(tmp_path / "net.pt2", network, CLASSES)
    extra = {"wsss.json": ""}
    program = torch.export.load(tmp_path / "net.pt2", extra_files=extra).module()
    require_equal(lambda image: program(image).detach().numpy(), network, share=0)
    assert json.loads(extra["wsss.json"]) == exports.facts(network, CLASSES)
    assert exports.is_program(tmp_path / "net.pt2")


def test_facts_say_what_a_photograph_becomes_and_what_labels_mean():
    class Network(torch.nn.Module):
        stride = 16

    told = exports.facts(Network(), ["cat", "dog"])
    assert told["classes"] == ["background", "cat", "dog"]
    assert (told["colour_order"], told["scale"], told["stride"], told["smallest_side"]) == ("RGB", 1 / 255, 16, 32)
    assert told["mean"] == [0.485, 0.456, 0.406]
    assert told["std"] == [0.229, 0.224, 0.225]
    assert "network pads at the bottom and the right" in told["padding"]
