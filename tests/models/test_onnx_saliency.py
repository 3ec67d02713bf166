"""Other networks as ONNX files, by onnxruntime: what fits, what is refused and how."""

import builtins
import importlib.util

import numpy as np
import pytest
import torch
from onnx_bytes import model, node
from u2net_files import SMALL_ONNX, needs_weights

from wsss_core.inference.onnx_saliency import open_onnx
from wsss_core.inference.saliency import saliency_maps, u2net
from wsss_core.ops.images import MEAN, STD

INSTALLED = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
needs_onnxruntime = pytest.mark.skipif(not INSTALLED, reason="onnx and onnxruntime are not installed")
CPU = torch.device("cpu")
OPTIONS = {"size": None, "mean": MEAN, "std": STD, "divide_by": "maximum", "output": None, "logits": False}


def opened(path, **changes):
    return open_onnx(path, device=CPU, **(OPTIONS | changes))


@pytest.fixture
def written(tmp_path):
    """Writes the network that answers with the mean of RGB, times and plus something."""

    def write(axes=("n", 3, "h", "w"), *, times=1.0, plus=0.0, keepdims=1, kind=1, second=False, element=1):
        from onnx import TensorProto, helper, numpy_helper, save

        steps = [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=keepdims),
            helper.make_node("Mul", ["mean", "times"], ["scaled"]),
            helper.make_node("Add", ["scaled", "plus"], ["map"]),
        ]
        outputs = [helper.make_tensor_value_info("map", element, None)]
        if second:
            steps.append(helper.make_node("Identity", ["x"], ["picture"]))
            outputs.insert(0, helper.make_tensor_value_info("picture", element, None))
        dtype = np.float32 if element == TensorProto.FLOAT else np.float16
        constants = [numpy_helper.from_array(np.array(v, dtype), k) for k, v in {"times": times, "plus": plus}.items()]
        inputs = [helper.make_tensor_value_info("x", element, list(axes))]
        graph = helper.make_graph(steps, "net", inputs, outputs, constants)
        path = tmp_path / "net.onnx"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path

    return write


def ramp(height: int = 48, width: int = 64) -> np.ndarray:
    return np.repeat((np.linspace(0, 255, width) * np.ones((height, 1)))[..., None], 3, axis=-1).astype(np.uint8)


@needs_onnxruntime
@pytest.mark.parametrize("element", [1, 10])
def test_the_map_of_a_network_comes_back_at_the_pictures_size(written, element):
    plain = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    network = opened(written(element=element), size=64, **plain)
    found = saliency_maps(network, [ramp(), ramp(30, 100)], normalise=False)
    assert [one.shape for one in found] == [(48, 64), (30, 100)]
    np.testing.assert_allclose(found[0], ramp()[..., 0] / 255, atol=0.01)


@needs_onnxruntime
@pytest.mark.parametrize(
    ("axes", "size", "expected", "batches"),
    [
        ((1, 3, 32, 96), None, (32, 96), False),
        (("n", 3, 64, 64), 64, (64, 64), True),
        ((None, 3, None, None), 96, (96, 96), True),
        ((1, 3, "h", "w"), 40, (40, 40), False),
    ],
)
def test_a_fixed_size_is_the_files_and_a_free_batch_axis_takes_batches(written, axes, size, expected, batches):
    network = opened(written(axes), size=size, mean=(0, 0, 0), std=(1, 1, 1))
    assert (network.size, network.whole_batches) == (expected, batches)
    assert len(saliency_maps(network, [ramp()] * 2, normalise=True)) == 2


@needs_onnxruntime
def test_logits_become_probabilities_and_maps_without_a_channel_axis_are_taken(written):
    network = opened(written(times=20.0, plus=-10.0, keepdims=0), size=64, mean=(0, 0, 0), std=(1, 1, 1), logits=True)
    (found,) = saliency_maps(network, [ramp()], normalise=False)
    assert found[:, 0].max() < 0.01 and found[:, -1].min() > 0.99


@needs_onnxruntime
@pytest.mark.parametrize(("times", "plus", "warnings"), [(1.0, 0.0, 1), (20.0, -10.0, 0), (1.0, 0.5, 0)])
def test_logits_that_look_like_a_map_are_told_once(written, caplog, times, plus, warnings):
    network = opened(written(times=times, plus=plus), size=64, mean=(0, 0, 0), std=(1, 1, 1), logits=True)
    for _ in range(2):
        saliency_maps(network, [ramp()], normalise=False)
    assert caplog.text.count("set saliency.onnx.logits: false unless") == warnings


@needs_onnxruntime
def test_an_initialiser_that_only_onnxruntime_understands_stands_in_no_ones_way(written):
    from onnx import helper, load, save

    path = written(("n", 3, 32, 32))
    net = load(path)
    for name, kind in {"half": 10, "brain": 16, "eight": 17, "double": 11, "short": 5, "text": 8, "pair": 14}.items():
        values = [b"a"] if kind == 8 else [1.0] if kind in (10, 11, 14, 16, 17) else [1]
        net.graph.initializer.append(helper.make_tensor(name, kind, [1], values))
    save(net, path)
    assert len(saliency_maps(opened(path, mean=(0, 0, 0), std=(1, 1, 1)), [ramp()], normalise=True)) == 1


@needs_onnxruntime
def test_another_output_than_the_first_can_be_named(written):
    network = opened(written(second=True), size=64, mean=(0, 0, 0), std=(1, 1, 1), output="map")
    assert saliency_maps(network, [ramp()], normalise=False)[0].shape == (48, 64)


@needs_onnxruntime
@pytest.mark.parametrize(
    ("graph", "changes", "reason"),
    [
        ({}, {}, r"leaves the size of its input open; set saliency\.onnx\.size"),
        ({"axes": (1, 3, 32, 32)}, {"size": 64}, r"takes pictures of 32 pixels, saliency\.onnx\.size is 64"),
        ({"axes": (4, 3, 32, 32)}, {}, "takes 4 pictures at once"),
        ({"axes": (1, 1, 32, 32)}, {}, r"not one float picture \(batch, 3, height, width\)"),
        ({"axes": (3, 32, 32)}, {}, "not one float picture"),
        ({"axes": (1, 3, 32, 32)}, {"output": "mask"}, "has no output 'mask'; set saliency.onnx.output to one of map"),
    ],
)
def test_a_file_that_takes_or_gives_something_else_is_refused_when_it_is_opened(written, graph, changes, reason):
    with pytest.raises(ValueError, match=rf"net\.onnx .*{reason}"):
        opened(written(**graph), **changes)


@needs_onnxruntime
@pytest.mark.parametrize(
    ("graph", "changes", "reason"),
    [
        ({"times": 9.0}, {}, r"values from .* to .*, not from 0 to 1; set saliency\.onnx\.logits: true"),
        ({"plus": float("nan")}, {}, "values that are no numbers"),
        ({"second": True}, {}, r"\(1, 3, 32, 32\), not with a map each; set saliency\.onnx\.output"),
    ],
)
def test_an_answer_that_is_no_map_is_refused(written, graph, changes, reason):
    network = opened(written(("n", 3, 32, 32), **graph), **changes)
    with pytest.raises(ValueError, match=rf"net\.onnx answers .*{reason}"):
        saliency_maps(network, [ramp()], normalise=False)


@needs_onnxruntime
@needs_weights
def test_the_published_file_answers_through_onnxruntime_as_our_network_does_with_its_weights():
    with torch.inference_mode():
        (theirs,) = saliency_maps(opened(SMALL_ONNX), [ramp(90, 120)], normalise=True)
        (ours,) = saliency_maps(u2net(SMALL_ONNX, variant="u2netp", device=CPU), [ramp(90, 120)], normalise=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"no onnx file", b"\x08\x08\x3a\x02\x0a"])
def test_damage_is_told_in_a_sentence(tmp_path, content):
    pytest.importorskip("onnxruntime")
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"net\.onnx cannot be read as an ONNX model"):
        opened(tmp_path / "net.onnx")


@needs_onnxruntime
def test_a_graph_that_onnxruntime_refuses_is_told_in_a_sentence(tmp_path):
    (tmp_path / "net.onnx").write_bytes(model(node("NoSuchOperator", "x")))
    with pytest.raises(ValueError, match=r"net\.onnx cannot be opened by onnxruntime [\d.]+: .*; export"):
        opened(tmp_path / "net.onnx")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"saliency\.weights is .*no\.onnx', and there is no such file"):
        opened(tmp_path / "no.onnx")


def test_without_onnxruntime_the_remedy_is_told(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnxruntime":
            raise ImportError
        return real(name, *args, **kwargs)

    (tmp_path / "net.onnx").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ValueError, match=r"needs the package onnxruntime; install it .* or take method u2net or u2netp"
    ):
        opened(tmp_path / "net.onnx")
