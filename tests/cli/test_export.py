"""`wsss export`: a trained network as ONNX."""

import json
import zipfile

import numpy as np
import onnx_bytes
import pytest
import torch
from workspace import error_message

from wsss_core.cli.main import main
from wsss_core.models import trained


def exported(workspace) -> str:
    result = workspace.invoke(main, "export", "models/deeplab", "--out", "out/net.onnx")
    assert result.exit_code == 0, (result.output, result.exception)
    return str(workspace.folder / "out/net.onnx")


def test_the_file_names_its_input_and_output_and_leaves_their_sizes_open(pipeline):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported(pipeline)).graph

    def shape_of(value) -> list:
        return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]

    num_labels = 1 + len((pipeline.folder / "data/raw/scenes_tiny/classes.txt").read_text().split())
    assert {value.name: shape_of(value) for value in graph.input} == {"image": ["batch", 3, "height", "width"]}
    assert {value.name: shape_of(value) for value in graph.output} == {
        "seg": ["batch", num_labels, "rows", "columns"]
    }


@pytest.mark.parametrize("shape", [(1, 3, 64, 80), (2, 3, 72, 90)], ids=str)
def test_the_file_computes_what_the_network_does_at_any_size(pipeline, shape):
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator(exported(pipeline))
    network, _ = trained.load(pipeline.folder / "models/deeplab")
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = network(image)["seg"].numpy()
    np.testing.assert_allclose(evaluator.run(None, {"image": image.numpy()})[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("models/nothing", "is missing"), ("models/affinity", "does not segment; take models/deeplab")],
)
def test_what_cannot_be_exported_is_named(pipeline, model, reason):
    message = error_message(pipeline.invoke(main, "export", model, "--out", "net.onnx"), code=1)
    assert model in message
    assert reason in message
    assert not (pipeline.folder / "net.onnx").exists()


@pytest.mark.parametrize("kind", ["itself", "hard link", "link"])
def test_the_model_is_never_replaced(pipeline, kind):
    model, out = pipeline.folder / "models/deeplab/model.pt", pipeline.folder / "other.onnx"
    before = model.read_bytes()
    if kind == "itself":
        out = model
    else:
        out.hardlink_to(model) if kind == "hard link" else out.symlink_to(model)
    message = error_message(pipeline.invoke(main, "export", "models/deeplab", "--out", out), code=1)
    assert message.startswith("models/deeplab/model.pt is read here and would be replaced")
    assert out.read_bytes() == model.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.pt", None, "choose a name that ends in .onnx or .pt2"),
        ("notes.txt", b"mine", "choose a name that ends in .onnx"),
        ("notes.pt2", b"mine", "is no export of this command, and would be replaced"),
        ("notes.onnx", b"mine", "is no export of this command, and would be replaced"),
        ("u2net.onnx", onnx_bytes.model(onnx_bytes.node("Conv", "x", "w")), "is no export of this command"),
    ],
)
def test_nothing_is_replaced_but_an_earlier_export(pipeline, name, content, reason):
    out = pipeline.folder / name
    if content is not None:
        out.write_bytes(content)
    assert reason in error_message(pipeline.invoke(main, "export", "models/nothing", "--out", name), code=1)
    assert (out.read_bytes() if out.exists() else None) == content


def test_an_earlier_export_is_replaced(pipeline):
    assert exported(pipeline) == exported(pipeline)


def test_without_its_package_the_extra_is_named(pipeline, monkeypatch):
    monkeypatch.setattr("wsss_core.cli.export.find_spec", lambda name: None)
    message = error_message(pipeline.invoke(main, "export", "models/deeplab", "--out", "net.onnx"), code=1)
    assert "`pip install 'wsss[export]'`" in message
    assert not (pipeline.folder / "net.onnx").exists()


def test_a_program_replaces_an_earlier_one_and_computes_the_same_at_any_size(pipeline):
    with zipfile.ZipFile(pipeline.folder / "net.pt2", "w") as earlier:
        earlier.writestr("archive/extra/wsss.json", "{}")
    result = pipeline.invoke(main, "export", "models/deeplab", "--out", "net.pt2")
    assert result.exit_code == 0, (result.output, result.exception)
    extra = {"wsss.json": ""}
    program = torch.export.load(pipeline.folder / "net.pt2", extra_files=extra).module()
    network, description = trained.load(pipeline.folder / "models/deeplab")
    assert json.loads(extra["wsss.json"])["classes"] == ["background", *description.classes]
    for shape in ((1, 3, 64, 80), (2, 3, 97, 131), (1, 3, 131, 300)):
        image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            np.testing.assert_array_equal(program(image).numpy(), network(image)["seg"].numpy())


def test_a_folder_in_the_place_of_the_file_is_named(pipeline):
    message = error_message(pipeline.invoke(main, "export", "models/deeplab", "--out", "models"), code=1)
    assert message == "models: Is a directory; a folder stands where a file is needed: choose another path"
