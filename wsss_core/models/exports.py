"""A trained network in files that need nothing of this project: ONNX, and PyTorch's ExportedProgram.

Both take `image`, (B, 3, H, W) float32 of any height and width from SMALLEST_SIDE on, and give `seg`, (B, C+1, h, w)
logits. What a program must know beside that, `facts`, lies in the file as JSON.
"""

from __future__ import annotations

import json
import math
import operator
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from wsss_core.models.onnx_file import inputs_and_outputs
from wsss_core.models.segmenter import Segmenter
from wsss_core.ops.images import MEAN, SMALLEST_SIDE, STD
from wsss_core.ops.network_cells import network_stride

FACTS = "wsss"
"""The key of the facts among an ONNX file's metadata, and before `.json` the name of their file in a .pt2."""
INPUTS, OUTPUTS = ["image"], ["seg"]
OPSET = 17
PADDING = (
    "The caller pads nothing: the network pads at the bottom and the right. Cell (i, j) of seg stands for the stride x"
    " stride pixels from (i stride, j stride). Enlarge seg by stride, bilinearly between the cells' centres, and cut"
    " what sticks out of H x W at the bottom and the right."
)


def facts(network: Segmenter, classes: Sequence[str]) -> dict[str, Any]:
    """What a program must know to use an exported network, as plain values.

    Args:
        network: says its stride.
        classes: names of the classes, without the background.
    """
    return {
        "classes": ["background", *classes],  # by label: the channels of seg
        "colour_order": "RGB",
        "scale": 1 / 255,  # image = (pixels * scale - mean) / std
        "mean": list(MEAN),
        "std": list(STD),
        "smallest_side": SMALLEST_SIDE,
        "stride": network_stride(network),
        "padding": PADDING,
    }


class _Logits(torch.nn.Module):
    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image)["seg"]


def write_onnx(path: Path, network: Segmenter, classes: Sequence[str]) -> None:
    """An ONNX file, the facts in its metadata. Needs the package onnx."""
    import onnx

    axes = {"image": {0: "batch", 2: "height", 3: "width"}, "seg": {0: "batch", 2: "rows", 3: "columns"}}
    with warnings.catch_warnings():
        # torch would rather have its newer exporter, which needs a further package, and warns of the sizes that
        # its own group norm checks while it is traced; the file is right at any size.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            _Logits(network).eval(), (torch.zeros(1, 3, 256, 256),), str(path), input_names=INPUTS,
            output_names=OUTPUTS, dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {FACTS: json.dumps(facts(network, classes))})
    onnx.save(model, str(path))


def is_onnx(path: Path) -> bool:
    """Whether `write_onnx` wrote a file, as far as its input and output tell."""
    try:
        return inputs_and_outputs(path) == (INPUTS, OUTPUTS)
    except (OSError, ValueError):
        return False


def write_program(path: Path, network: Segmenter, classes: Sequence[str]) -> None:
    """An ExportedProgram for `torch.export.load(path).module()`, the facts among its extra files."""
    sizes = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    example = torch.zeros(2, 3, 64, 96)  # two images: a batch of one would be taken for fixed
    program = torch.export.export(_Logits(network).eval(), (example,), dynamic_shapes={"image": sizes})
    _divide_by_whole_numbers(program.graph)
    # These tell how the example lay in memory, by products of its sides; no operation of the graph depends on it, and
    # SSNet's maps, cut to sides that 8 does not divide, would be refused.
    program._guards_code = []
    with path.open("wb") as stream, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor")  # several weights may lie in one block of memory
        torch.export.save(program, stream, extra_files={f"{FACTS}.json": json.dumps(facts(network, classes))})


def is_program(path: Path) -> bool:
    """Whether `write_program` wrote a file, as far as the names of its parts tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).name == f"{FACTS}.json" for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _divide_by_whole_numbers(graph: torch.fx.Graph) -> None:
    """Write ceil(a / b), which PyTorch cannot save, as -(-a // b): so timm counts its padding in TensorFlow's way."""
    for ceiling in [node for node in graph.nodes if node.target is math.ceil]:
        whole, part = ceiling.args[0].args  # of the division
        with graph.inserting_before(ceiling):
            negative = _call(graph, operator.neg, whole)
            rounded_up = _call(graph, operator.neg, _call(graph, operator.floordiv, negative, part))
        ceiling.replace_all_uses_with(rounded_up)
        graph.erase_node(ceiling)
    graph.eliminate_dead_code()


def _call(graph: torch.fx.Graph, function: Callable[..., Any], *arguments: Any) -> torch.fx.Node:
    """A call in a graph, with the value that it had for the example."""
    node = graph.call_function(function, arguments)
    node.meta["val"] = function(*(a.meta["val"] if isinstance(a, torch.fx.Node) else a for a in arguments))
    return node
